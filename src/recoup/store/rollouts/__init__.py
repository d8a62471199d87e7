"""
Rollouts as rows: their stages and who moved them, what their shadows showed, and the budget of
those whom decisions may raise.
"""

from recoup.store.rollouts.raises import Budget as Budget
from recoup.store.rollouts.raises import close as close
from recoup.store.rollouts.raises import raised as raised
from recoup.store.rollouts.raises import spend as spend
from recoup.store.rollouts.raises import tell as tell
from recoup.store.rollouts.rows import QUERY as QUERY
from recoup.store.rollouts.rows import Evidence as Evidence
from recoup.store.rollouts.rows import Move as Move
from recoup.store.rollouts.rows import RolloutRow as RolloutRow
from recoup.store.rollouts.rows import listing as listing
from recoup.store.rollouts.rows import made as made
from recoup.store.rollouts.rows import move as move
from recoup.store.rollouts.rows import moves as moves
from recoup.store.rollouts.rows import name_customers as name_customers
from recoup.store.rollouts.rows import show as show
from recoup.store.rollouts.rows import start as start
from recoup.store.rollouts.rows import wake as wake
from recoup.store.rollouts.shadows import Shadow as Shadow
from recoup.store.rollouts.shadows import ShadowRow as ShadowRow
from recoup.store.rollouts.shadows import harmful as harmful
from recoup.store.rollouts.shadows import prune as prune
from recoup.store.rollouts.shadows import record as record
