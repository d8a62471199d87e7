"""
What the PDF's metadata say of the invoice it carries.

The metadata that typst writes are kept; an extension schema and four properties are put in, and
what stands behind them moves: the table of offsets is written again. Every other byte stays.
Source: Factur-X 1.0.07, "XMP metadata"; ISO 32000-1, 7.5.4 "Cross-reference table".
"""

from __future__ import annotations

import re
from typing import Final

NAME: Final = "factur-x.xml"
DESCRIPTION: Final = "Factur-X"
LEVEL: Final = "EN 16931"
_SPACE: Final = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
_PROPERTIES: Final = (
    ("DocumentFileName", "The name of the embedded XML document"),
    ("DocumentType", "The type of the hybrid document in capital letters"),
    ("Version", "The actual version of the standard applying to the embedded XML document"),
    ("ConformanceLevel", "The conformance level of the embedded XML document"),
)

_METADATA: Final = re.compile(
    rb"<<\s*/Length (\d+)/Type/Metadata/Subtype/XML>>\s*stream\r?\n(.*?)\r?\nendstream", re.DOTALL
)
_TABLE: Final = re.compile(rb"xref\r?\n0 (\d+)\r?\n")
_ENTRY: Final = 20  # bytes, always
_START: Final = re.compile(rb"startxref\r?\n(\d+)")


def marked(pdf: bytes) -> bytes:
    """
    Return a PDF of typst whose metadata say that it carries an invoice as Factur-X.

    Raises:
        ValueError: its metadata or its table of offsets are not as typst writes them.
    """
    found = _METADATA.search(pdf)
    if found is None:
        raise ValueError("no metadata as they are expected")
    packet = _with_invoice(found[2])
    length = str(len(packet)).encode()
    return _moved(pdf, [(found.span(1), length), (found.span(2), packet)])


def _with_invoice(packet: bytes) -> bytes:
    schemas = b"<pdfaExtension:schemas><rdf:Bag>"
    end = b"</rdf:RDF>"
    if packet.count(schemas) != 1 or packet.count(end) != 1:
        raise ValueError("no place for the schema in the metadata")
    told = (
        f'<rdf:Description rdf:about="" xmlns:fx="{_SPACE}">'
        f"<fx:DocumentType>INVOICE</fx:DocumentType>"
        f"<fx:DocumentFileName>{NAME}</fx:DocumentFileName>"
        f"<fx:Version>1.0</fx:Version>"
        f"<fx:ConformanceLevel>{LEVEL}</fx:ConformanceLevel>"
        f"</rdf:Description>"
    )
    packet = packet.replace(schemas, schemas + _schema().encode())
    return packet.replace(end, told.encode() + end)


def _schema() -> str:
    properties = "".join(
        '<rdf:li rdf:parseType="Resource">'
        f"<pdfaProperty:name>{name}</pdfaProperty:name>"
        "<pdfaProperty:valueType>Text</pdfaProperty:valueType>"
        "<pdfaProperty:category>external</pdfaProperty:category>"
        f"<pdfaProperty:description>{words}</pdfaProperty:description></rdf:li>"
        for name, words in _PROPERTIES
    )
    return (
        '<rdf:li rdf:parseType="Resource">'
        "<pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>"
        f"<pdfaSchema:namespaceURI>{_SPACE}</pdfaSchema:namespaceURI>"
        "<pdfaSchema:prefix>fx</pdfaSchema:prefix>"
        f"<pdfaSchema:property><rdf:Seq>{properties}</rdf:Seq></pdfaSchema:property></rdf:li>"
    )


def _moved(pdf: bytes, changes: list[tuple[tuple[int, int], bytes]]) -> bytes:
    """Return the PDF with these spans replaced, in order, and its offsets set right."""
    start = _START.search(pdf, pdf.rindex(b"startxref"))
    table = None if start is None else _TABLE.match(pdf, int(start[1]))
    if start is None or table is None:
        raise ValueError("no table of offsets as it is expected")

    def moved(offset: int) -> int:
        before = ((b - a, len(new)) for (a, b), new in changes if b <= offset)
        return offset + sum(new - old for old, new in before)

    entries = []
    for place in range(int(table[1])):
        at = table.end() + _ENTRY * place
        entry = pdf[at : at + _ENTRY]
        used = entry[17:18] == b"n"
        entries.append(b"%010d" % moved(int(entry[:10])) + entry[10:] if used else entry)
    end = table.end() + _ENTRY * len(entries)
    body, at = [], 0
    for (first, last), new in changes:
        body += [pdf[at:first], new]
        at = last
    return b"".join(
        (
            *body,
            pdf[at : table.end()],
            *entries,
            pdf[end : start.start(1)],
            str(moved(int(start[1]))).encode(),
            pdf[start.end(1) :],
        )
    )
