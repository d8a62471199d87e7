"""Rows about campaigns: where a case stands, what was asked for, and what engines failed at."""

from recoup.store.campaigns.rows import Carried as Carried
from recoup.store.campaigns.rows import ask as ask
from recoup.store.campaigns.rows import carried as carried
from recoup.store.campaigns.rows import engines as engines
from recoup.store.campaigns.rows import failed as failed
from recoup.store.campaigns.rows import failures as failures
from recoup.store.campaigns.rows import leave_out as leave_out
from recoup.store.campaigns.rows import outcome as outcome
from recoup.store.campaigns.rows import prune as prune
from recoup.store.campaigns.rows import resent as resent
from recoup.store.campaigns.rows import tell as tell
