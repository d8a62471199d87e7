from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from recoup.commands.base import Kind, Office

KINDS: Final[Sequence[Kind[Any]]] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    office: Office
