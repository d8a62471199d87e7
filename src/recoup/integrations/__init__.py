"""
Every web framework that Recoup can guard, by name. Each is loaded when it is asked for.

To add one: a module here, a line below, an import contract in pyproject.toml, an application under
examples/, tests/integrations/test_<name>.py, and a heading in docs/integrations.md.
"""

from collections.abc import Mapping
from typing import Final

#: Name -> module:attribute.
INTEGRATIONS: Final[Mapping[str, str]] = {
    "django": "recoup.integrations.django:Guard",
    "fastapi": "recoup.integrations.fastapi:Guard",
    "flask": "recoup.integrations.flask:Guard",
}
