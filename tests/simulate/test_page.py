"""docs/simulator.md has every number of the payers, with its source, and every world."""

from __future__ import annotations

from pathlib import Path

from recoup.simulation import names, world
from recoup.simulation.worlds import parameters

PAGE = Path(__file__).parents[2] / "docs/simulator.md"


def table():
    """The table of parameters, as the page must have it."""
    rows = ["| number | value | source |", "|---|---|---|"]
    for one in parameters():
        told = str(one.value)
        if isinstance(one.value, dict):
            told = ", ".join(f"{name} {value}" for name, value in one.value.items())
        rows.append(f"| `{one.name}` | {told} | {one.source} |")
    return "\n".join(rows)


class TestThePage:
    def test_has_every_number_with_its_source(self):
        assert table() in PAGE.read_text()

    def test_has_every_world(self):
        for name in names():
            assert f"| `{name}` | {world(name).words} |" in PAGE.read_text()
