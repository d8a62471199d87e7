"""
Invoices, receipts and credit notes as PDF: PDF/A-3a and PDF/UA, with their fonts in them.

Nothing here knows a database, and nothing is fetched: a document is a value, and the same value
gives the same bytes.
"""

from recoup.pdf.logos import logo as logo
from recoup.pdf.rendering import Rendered as Rendered
from recoup.pdf.rendering import render as render
from recoup.pdf.words import SHIPPED as SHIPPED
from recoup.pdf.words import near as near
from recoup.pdf.words import tag as tag
