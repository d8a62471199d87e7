"""
The command line. `main` is loaded when it is asked for, so importing this costs nothing.

Exit codes: 0 all is well, 1 something wrong was found, 2 called wrongly, 3 the output could not be
written.
"""

from __future__ import annotations

import sys
from typing import Any, Final

_EXTRA: Final = frozenset({"click", "rich"})
_SENTENCE: Final = "The command line is an extra: pip install 'recoup[cli]'."


def __getattr__(name: str) -> Any:
    if name != "main":
        raise AttributeError(f"module 'recoup.cli' has no attribute {name!r}")
    try:
        import rich  # noqa: F401, PLC0415  an extra

        from recoup.cli.app import recoup  # noqa: PLC0415  an extra
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        return _without_extra
    return recoup


def _without_extra() -> int:
    """Say what is missing; return the exit code for being called wrongly."""
    sys.stderr.write(f"{_SENTENCE}\n")
    return 2
