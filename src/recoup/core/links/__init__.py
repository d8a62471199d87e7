"""
Signed links for customers: what one may be used for, and until when, in a text nobody can forge.

A link is a capability: who has it may do the one thing it names, for the one customer it names.
"""

from recoup.core.links.claim import LASTS as LASTS
from recoup.core.links.claim import Claim as Claim
from recoup.core.links.claim import Purpose as Purpose
from recoup.core.links.pages import PATH as PATH
from recoup.core.links.pages import Pages as Pages
from recoup.core.links.seal import Seal as Seal
