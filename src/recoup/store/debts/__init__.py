"""Bad debt: entries and exits as rows, and what can be asked of them."""

from recoup.store.debts.rows import decided as decided
from recoup.store.debts.rows import enter as enter
from recoup.store.debts.rows import identity as identity
from recoup.store.debts.rows import leave as leave
from recoup.store.debts.rows import tried as tried
from recoup.store.debts.seen import list_debts as list_debts
from recoup.store.debts.seen import read_debt as read_debt
