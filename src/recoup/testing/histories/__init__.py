"""Random histories: a small business that everything happens to, from one seed."""

from recoup.testing.histories.business import opened as opened
from recoup.testing.histories.history import History as History
