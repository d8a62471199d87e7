"""
Policies against simulated payers: what each recovers, how fast, at what price.

Pure: the same world, seed and policies give the same result, to the byte. docs/simulator.md says
what payers are like and where each number comes from.
"""

from __future__ import annotations

from recoup.simulation.contenders import contenders as contenders
from recoup.simulation.contenders import engine as engine
from recoup.simulation.figures import Result as Result
from recoup.simulation.figures import games as games
from recoup.simulation.figures import simulate as simulate
from recoup.simulation.worlds import FIRST as FIRST
from recoup.simulation.worlds import names as names
from recoup.simulation.worlds import world as world
