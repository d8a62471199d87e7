"""
What has a mail sent: one cause for each type, a key for each cause, and why one is left out.

Pure. The store asks it about every entry of the ledger, the clock about days, the worker about
rows that it has read again.
"""

from recoup.core.occasions.base import Fixed as Fixed
from recoup.core.occasions.base import Occasion as Occasion
from recoup.core.occasions.base import Posted as Posted
from recoup.core.occasions.matrix import CAMPAIGN as CAMPAIGN
from recoup.core.occasions.matrix import CLOCK as CLOCK
from recoup.core.occasions.matrix import MATRIX as MATRIX
from recoup.core.occasions.matrix import PAGE as PAGE
from recoup.core.occasions.matrix import table as table
from recoup.core.occasions.matrix import types as types
from recoup.core.occasions.signs import SIGNS as SIGNS
