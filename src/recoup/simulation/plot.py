"""The recovered share over days, as a picture. Needs the extra `recoup[plot]`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from recoup.errors import ConfigError
from recoup.simulation.contenders import AS_IS, CEILING, NOTHING
from recoup.simulation.figures import Figures, Result

FORMATS: Final = ("svg", "png")
_HEIGHT, _WIDTH = 4.2, 9.0


def plot(results: Sequence[Result], path: Path) -> None:
    """
    Write a picture with one panel a world and one line a policy.

    The same results give the same bytes. Fixed schedules are drawn as they are where forbidden
    tries are refused; what they recover without is nearly the same.

    Raises:
        ConfigError: the name ends in neither .svg nor .png, or the extra is not installed.
    """
    kind, matplotlib = checked(path), _matplotlib()
    with matplotlib.rc_context({"svg.hashsalt": "recoup", "font.size": 9}):
        figure = matplotlib.figure.Figure(figsize=(_WIDTH, _HEIGHT * len(results)))
        for place, result in enumerate(results, 1):
            _draw(figure.add_subplot(len(results), 1, place), result)
        figure.tight_layout()
        dated = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(path, format=kind, metadata=dated, dpi=150)


def checked(path: Path) -> str:
    """
    Return which kind of picture the file will be, before anything is simulated for it.

    Raises:
        ConfigError: as `plot`.
    """
    kind = path.suffix.removeprefix(".").lower()
    if kind not in FORMATS:
        raise ConfigError(f"a plot is a file .svg or .png, not {path.name!r}")
    _matplotlib()
    return kind


def _matplotlib() -> Any:
    try:
        import matplotlib as mpl  # noqa: PLC0415  an extra
        import matplotlib.figure  # noqa: PLC0415  an extra
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        raise ConfigError("A plot needs an extra: pip install 'recoup[plot]'.") from error
    return mpl


def _draw(axes: Any, result: Result) -> None:
    for one in result.policies:
        if not one.name.endswith(AS_IS):
            axes.step(range(len(one.curve)), _percent(one), where="post", **_style(one))
    axes.set_title(f"{result.world}: {result.words}", loc="left")
    axes.set_xlabel("days after the first failure")
    axes.set_ylabel("recovered, % of payers")
    axes.set_xlim(0, len(result.policies[0].curve) - 1)
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, alpha=0.25)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def _percent(one: Figures) -> list[float]:
    return [100 * share for share in one.curve]


def _style(one: Figures) -> dict[str, Any]:
    if one.name == CEILING:
        return {"label": one.name, "color": "black", "linestyle": ":"}
    if one.name == NOTHING:
        return {"label": one.name, "color": "grey", "linestyle": "--"}
    return {"label": one.name}
