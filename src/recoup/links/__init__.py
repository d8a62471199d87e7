"""Signed links for customers: made, read, and used for the one thing each is for."""

from recoup.links.desk import Links as Links
from recoup.links.views import Done as Done
from recoup.links.views import Link as Link
from recoup.links.views import Opened as Opened
from recoup.links.views import Owed as Owed
from recoup.links.views import OwedInvoice as OwedInvoice
