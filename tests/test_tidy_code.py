"""What the code may not do, and where: the rules as functions over a tree, each seen red."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src/recoup"

#: Reads a package and says what is wrong in it, place first.
Rule = Callable[[Path], Iterator[str]]


@lru_cache(maxsize=2_000)
def parsed(name: str, text: str) -> tuple[ast.AST, ...]:
    """A module's nodes, itself first, as `ast.walk` has them: every rule walks through all."""
    return tuple(ast.walk(ast.parse(text, name)))


def modules(root: Path, *, but: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[ast.AST, ...]]]:
    """The nodes of every module below `root` whose path does not begin with one of `but`."""
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root).as_posix()
        if not name.startswith(but):
            yield name, parsed(name, path.read_text())


def nodes(root: Path, *, but: tuple[str, ...] = ()) -> Iterator[tuple[str, ast.AST]]:
    for name, module in modules(root, but=but):
        for node in module:
            yield f"{name}:{getattr(node, 'lineno', 0)}", node


def written(node: ast.AST) -> str:
    """How an expression is written; dotted names, which most are, are spelt out here."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{written(node.value)}.{node.attr}"
    return ast.unparse(node)


def called(node: ast.AST) -> str:
    """The dotted name that is called, or nothing."""
    return written(node.func) if isinstance(node, ast.Call) else ""


ASYNC = ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await


def the_shell_is_synchronous(root: Path) -> Iterator[str]:
    """Only what serves requests may be asked to be otherwise."""
    for place, node in nodes(root, but=("web/", "integrations/")):
        if isinstance(node, ASYNC):
            yield f"{place}: async has no place here"


def the_core_neither_reads_nor_prints(root: Path) -> Iterator[str]:
    for place, node in nodes(root / "core"):
        if called(node) in {"open", "print", "input", "breakpoint"}:
            yield f"core/{place}: the core is values in, values out: {called(node)}"


CLOCKS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time"}


def time_is_passed_in(root: Path) -> Iterator[str]:
    """Only something called a clock reads one."""
    for name, module in modules(root):
        inside = {
            id(node)
            for scope in module
            if isinstance(scope, ast.ClassDef | ast.FunctionDef) and "clock" in scope.name.lower()
            for node in ast.walk(scope)
        }
        for node in module:
            read = ".".join(called(node).split(".")[-2:])
            if read in CLOCKS and id(node) not in inside:
                yield f"{name}:{getattr(node, 'lineno', 0)}: {read} outside a clock"


def the_core_has_no_floats(root: Path) -> Iterator[str]:
    for place, node in nodes(root / "core"):
        literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
        named = isinstance(node, ast.Name) and node.id == "float"
        if literal or named:
            yield f"core/{place}: a float; money and spans are exact"


def money_is_never_divided_into_fractions(root: Path) -> Iterator[str]:
    for place, node in nodes(root / "core"):
        if (
            place.startswith("money.py")
            and isinstance(node, ast.BinOp)
            and isinstance(node.op, ast.Div)
        ):
            yield f"core/{place}: a fraction of a minor unit; use // or allocate"


def statuses(root: Path) -> frozenset[str]:
    """The enumerations of core/statuses.py that have a transition table."""
    module = ast.parse((root / "core/statuses.py").read_text())
    names = (node.name for node in module.body if isinstance(node, ast.ClassDef))
    return frozenset(name for name in names if name.endswith(("Status", "State")))


def mentions(node: ast.AST, names: frozenset[str]) -> bool:
    """Whether a member of one of these enumerations is in the expression."""
    return any(
        isinstance(part, ast.Attribute)
        and isinstance(part.value, ast.Name | ast.Attribute)
        and (part.value.id if isinstance(part.value, ast.Name) else part.value.attr) in names
        for part in ast.walk(node)
    )


def statuses_are_compared_in_one_place(root: Path) -> Iterator[str]:
    names = statuses(root)
    for place, node in nodes(root, but=("core/states.py", "core/statuses.py")):
        if isinstance(node, ast.Compare | ast.MatchValue) and mentions(node, names):
            yield f"{place}: ask a predicate of core/states.py"


def statuses_are_not_compared_as_text(root: Path) -> Iterator[str]:
    """Processors have words of their own, and so has the loop that knows nothing of billing."""
    for place, node in nodes(
        root, but=("core/states.py", "core/statuses.py", "processors/", "jobs/")
    ):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        status = any(isinstance(x, ast.Attribute) and x.attr in {"status", "state"} for x in sides)
        text = any(isinstance(x, ast.Constant) and isinstance(x.value, str) for x in sides)
        if status and text:
            yield f"{place}: ask a predicate of core/states.py"


def one_module_reads_the_environment(root: Path) -> Iterator[str]:
    for place, node in nodes(root, but=("config/",)):
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}:
            yield f"{place}: only config/ reads the environment"


LOADERS = frozenset("pickle marshal shelve dill".split())
RUNNERS = frozenset("eval exec __import__ os.system os.popen yaml.load".split())


def nothing_runs_what_it_reads(root: Path) -> Iterator[str]:
    for place, node in nodes(root):
        if called(node) in RUNNERS:
            yield f"{place}: {called(node)} runs text"
        if isinstance(node, ast.keyword) and node.arg == "shell":
            yield f"{place}: shell= runs text"
        imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        imported += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in LOADERS & {name.partition(".")[0] for name in imported}:
            yield f"{place}: {name} runs what it loads"


SECRET = re.compile(r"(?:^|[._])(?:signature|hexdigest|mac|hmac|token|secret)$|\.digest$")


def secrets_are_compared_in_constant_time(root: Path) -> Iterator[str]:
    for place, node in nodes(root):
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
            continue
        for side in [node.left, *node.comparators]:
            name = called(side) or (written(side) if isinstance(side, ast.expr) else "")
            if SECRET.search(name):
                yield f"{place}: compare {name} with hmac.compare_digest"


SQL = re.compile(r"\s*(?:SELECT\s|INSERT INTO\s|UPDATE \w+ SET\s|DELETE FROM\s|WITH \w+ AS)")
#: What the edge needs to hand a connection down, and no more.
TYPES = frozenset("Connection Engine".split())


def only_the_store_and_the_jobs_speak_sql(root: Path) -> Iterator[str]:
    """The fake processor speaks SQLite to a world of its own; tests may ask the database."""
    for place, node in nodes(root, but=("store/", "jobs/", "processors/fake/", "testing/")):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if SQL.match(node.value):
                yield f"{place}: SQL outside the store"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] == "sqlalchemy":
                    yield f"{place}: from sqlalchemy only {', '.join(sorted(TYPES))}, as types"
        elif isinstance(node, ast.ImportFrom) and not {a.name for a in node.names} <= TYPES:
            # An error of the database may be caught anywhere.
            module = node.module or ""
            if module.startswith("sqlalchemy") and module != "sqlalchemy.exc":
                yield f"{place}: from sqlalchemy only {', '.join(sorted(TYPES))}, as types"


STATES = "class InvoiceStatus: ...\nclass AttemptState: ...\nclass CaseEnd: ...\n"

#: Rule, the file that breaks it, its text, and one step back: the file that does not.
PLANTS = [
    (
        the_shell_is_synchronous,
        "jobs/a.py",
        "async def f(): ...",
        "web/a.py",
        "async def f(): ...",
    ),
    (the_core_neither_reads_nor_prints, "core/a.py", "open('x')", "store/a.py", "open('x')"),
    (the_core_neither_reads_nor_prints, "core/a.py", "print(1)", "core/a.py", "a.open()"),
    (time_is_passed_in, "cli/a.py", "datetime.now(UTC)", "a.py", "clock.now()"),
    (time_is_passed_in, "a.py", "datetime.datetime.utcnow()", "a.py", "datetime.max"),
    (
        time_is_passed_in,
        "work.py",
        "class Desk:\n def now(self): return datetime.now(UTC)",
        "work.py",
        "class WallClock:\n def now(self): return datetime.now(UTC)",
    ),
    (the_core_has_no_floats, "core/a.py", "x = 0.5", "core/a.py", "x = 5"),
    (the_core_has_no_floats, "core/a.py", "float('1')", "jobs/a.py", "float('1')"),
    (money_is_never_divided_into_fractions, "core/money.py", "a / 2", "core/money.py", "a // 2"),
    (
        statuses_are_compared_in_one_place,
        "recompute.py",
        "if invoice.status == InvoiceStatus.OPEN: ...",
        "recompute.py",
        "invoice = Invoice(status=InvoiceStatus.OPEN)",
    ),
    (
        statuses_are_compared_in_one_place,
        "core/dunning/a.py",
        "x = s in {states.AttemptState.UNKNOWN, AttemptState.DECLINED}",
        "core/dunning/a.py",
        "x = case.end == CaseEnd.EXHAUSTED",
    ),
    (
        statuses_are_compared_in_one_place,
        "a.py",
        "match s:\n case InvoiceStatus.PAID: ...",
        "a.py",
        "x = {InvoiceStatus.PAID: 1}",
    ),
    (
        statuses_are_not_compared_as_text,
        "cli/a.py",
        "x = row.state == 'open'",
        "processors/stripe/a.py",
        "x = row.state == 'open'",
    ),
    (one_module_reads_the_environment, "cli/a.py", "os.environ['A']", "config/a.py", "os.environ"),
    (one_module_reads_the_environment, "cli/a.py", "os.getenv('A')", "cli/a.py", "config.home"),
    (nothing_runs_what_it_reads, "a.py", "eval('1')", "a.py", "literal_eval('1')"),
    (nothing_runs_what_it_reads, "a.py", "exec('1')", "a.py", "connection.execute('1')"),
    (nothing_runs_what_it_reads, "a.py", "run('x', shell=True)", "a.py", "run(['x'])"),
    (nothing_runs_what_it_reads, "a.py", "from pickle import loads", "a.py", "import json"),
    (
        secrets_are_compared_in_constant_time,
        "webhooks/a.py",
        "ok = given == signature",
        "webhooks/a.py",
        "ok = hmac.compare_digest(given, signature)",
    ),
    (
        secrets_are_compared_in_constant_time,
        "a.py",
        "ok = x != h.digest()",
        "a.py",
        "ok = x is token and digest(entry) == entry.hash",
    ),
    (only_the_store_and_the_jobs_speak_sql, "a.py", "x = 'SELECT 1'", "store/a.py", "'SELECT 1'"),
    (
        only_the_store_and_the_jobs_speak_sql,
        "cli/a.py",
        "from sqlalchemy import Engine, text",
        "cli/a.py",
        "from sqlalchemy import Engine\nfrom sqlalchemy.exc import OperationalError",
    ),
    (only_the_store_and_the_jobs_speak_sql, "a.py", "import sqlalchemy.orm", "a.py", "'Select a'"),
]
RULES = list(dict.fromkeys(plant[0] for plant in PLANTS))


def complaints(rule: Rule, root: Path, name: str, text: str) -> list[str]:
    path = root / name
    (root / "core").mkdir()
    path.parent.mkdir(parents=True, exist_ok=True)
    (root / "core/statuses.py").write_text(STATES)
    path.write_text(text)
    return list(rule(root))


class TestThePackage:
    @pytest.mark.parametrize("rule", RULES)
    def test_keeps_the_rule(self, rule):
        assert list(rule(PACKAGE)) == []

    def test_has_the_statuses_the_rule_is_about(self):
        assert statuses(PACKAGE) >= {"SubscriptionStatus", "InvoiceStatus", "AttemptState"}


class TestAPlantedFault:
    @pytest.mark.parametrize(
        ("rule", "name", "text"), [pytest.param(*p[:3], id=p[0].__name__) for p in PLANTS]
    )
    def test_is_seen(self, tmp_path, rule, name, text):
        assert len(complaints(rule, tmp_path, name, text)) == 1

    @pytest.mark.parametrize(
        ("rule", "name", "text"),
        [pytest.param(p[0], *p[3:], id=p[0].__name__) for p in PLANTS],
    )
    def test_is_told_from_what_is_just_within_the_rule(self, tmp_path, rule, name, text):
        assert complaints(rule, tmp_path, name, text) == []

    def test_is_planted_for_every_rule(self):
        named = {rule for rule in globals().values() if _is_rule(rule)}

        assert named == set(RULES)


def _is_rule(thing: object) -> bool:
    annotations = getattr(thing, "__annotations__", {})
    return annotations == {"root": "Path", "return": "Iterator[str]"}
