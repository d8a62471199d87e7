"""The loop: observe, decide, diff, apply."""

from recoup.recompute.deciding import Budgets, Engine
from recoup.recompute.loop import Run, proposed, recompute, rehearse, sweep

__all__ = ["Budgets", "Engine", "Run", "proposed", "recompute", "rehearse", "sweep"]
