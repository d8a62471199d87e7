"""Documents that were issued, as rows; and their contents, where the database keeps them."""

from recoup.store.documents.contents import DatabaseContents as DatabaseContents
from recoup.store.documents.facts import Refunded as Refunded
from recoup.store.documents.facts import locale_of as locale_of
from recoup.store.documents.facts import method_of as method_of
from recoup.store.documents.facts import refunded as refunded
from recoup.store.documents.rows import NewPaper as NewPaper
from recoup.store.documents.rows import Paper as Paper
from recoup.store.documents.rows import expire as expire
from recoup.store.documents.rows import find as find
from recoup.store.documents.rows import first as first
from recoup.store.documents.rows import issue as issue
from recoup.store.documents.rows import newest as newest
from recoup.store.documents.wanting import Wanted as Wanted
from recoup.store.documents.wanting import key as key
from recoup.store.documents.wanting import mails as mails
from recoup.store.documents.wanting import wanting as wanting
