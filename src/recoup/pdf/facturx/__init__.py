"""
An invoice as data inside its PDF: Factur-X, which in Germany is called ZUGFeRD.

The data is a Cross Industry Invoice of UN/CEFACT, as Factur-X 1.0 has it, of the profile
EN 16931, attached to the PDF/A-3, whose metadata say so.
"""

from recoup.pdf.facturx.cii import made as made
from recoup.pdf.facturx.xmp import DESCRIPTION as DESCRIPTION
from recoup.pdf.facturx.xmp import NAME as NAME
from recoup.pdf.facturx.xmp import marked as marked
