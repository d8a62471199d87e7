"""
Keys of the API, and what was refused to whom.

    rk_7_3kVZ…   our id of the key, and a secret of 32 letters and digits

The secret is shown once, to who makes the key; what is kept is its SHA-256, which is enough
because nobody guesses 190 bits. Whether a key holds is read anew for each request, so one that is
revoked is revoked in every process at once.
"""

from recoup.store.keys.denials import Denial as Denial
from recoup.store.keys.denials import denials as denials
from recoup.store.keys.denials import deny as deny
from recoup.store.keys.denials import prune as prune
from recoup.store.keys.presented import Holder as Holder
from recoup.store.keys.presented import NoKey as NoKey
from recoup.store.keys.presented import holder as holder
from recoup.store.keys.rows import GRACE as GRACE
from recoup.store.keys.rows import SCOPES as SCOPES
from recoup.store.keys.rows import Key as Key
from recoup.store.keys.rows import Shown as Shown
from recoup.store.keys.rows import create as create
from recoup.store.keys.rows import listing as listing
from recoup.store.keys.rows import revoke as revoke
from recoup.store.keys.rows import roll as roll
