"""What invoices, receipts and credit notes say, as values. How they look is no matter of these."""

from recoup.core.documents.bill import Bill as Bill
from recoup.core.documents.bill import BillLine as BillLine
from recoup.core.documents.bill import Party as Party
from recoup.core.documents.bill import Tax as Tax
from recoup.core.documents.document import Document as Document
from recoup.core.documents.document import Kind as Kind
from recoup.core.documents.document import Stamp as Stamp
from recoup.core.documents.issuing import credit_note as credit_note
from recoup.core.documents.issuing import invoice as invoice
from recoup.core.documents.issuing import receipt as receipt
