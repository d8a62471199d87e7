"""Pictures to put at the head of documents, and how to find them there."""

import base64
import struct
import zlib

from papers import read


def png(width=30, height=10, *, color_type=6):
    """A PNG of one colour: 6 is with alpha, 2 without, 0 grey, 4 grey with alpha."""
    samples = {0: 1, 2: 3, 4: 2, 6: 4}[color_type]
    rows = (b"\x00" + b"\x80" * (samples * width)) * height
    header = struct.pack(">IIBBBBB", width, height, 8, color_type, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def _chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def svg(inside="", more=""):
    """An SVG of 30 by 10, half transparent, with `inside` in it and `more` on its element."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 30 10" {more}><linearGradient id="g"><stop stop-color="red" '
        f'stop-opacity="0.5"/></linearGradient><rect width="30" height="10" fill="url(#g)"/>'
        f"{inside}</svg>"
    ).encode()


def figures(content):
    """Return what is read aloud for each picture in a PDF."""
    return _figures(read(content).trailer["/Root"]["/StructTreeRoot"])


def _figures(node):
    node = node.get_object()
    if isinstance(node, list):
        return [one for part in node for one in _figures(part)]
    if not isinstance(node, dict):
        return []
    own = [node["/Alt"]] if node.get("/S") == "/Figure" else []
    return own + (_figures(node["/K"]) if "/K" in node else [])


PNG = png()
SVG = svg()
#: 8 by 8, in red, green and blue; and in the colours of print.
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAFA3PEY8MlBGQUZaVVBfeMiCeG5uePWvuZHI//////////////////////"
    "//////////////////////////////2wBDAVVaWnhpeOuCguv/////////////////////////////////////////"
    "////////////////////////////////wAARCAAIAAgDASIAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAAAAT/xA"
    "AUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFAEBAAAAAAAAAAAAAAAAAAAAAP/EABQRAQAAAAAAAAAAAAAAAAAAAAD/2gAM"
    "AwEAAhEDEQA/AIgAf//Z"
)
CMYK = base64.b64decode(
    "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwBQNzxGPDJQRkFGWlVQX3jIgnhubnj1r7mRyP////////////////////////"
    "///////////////////////////8AAFAgACAAIBEMRAE0RAFkRAEsRAP/EABQAAQAAAAAAAAAAAAAAAAAAAAT/xAAU"
    "EAEAAAAAAAAAAAAAAAAAAAAA/9oADgRDAE0AWQBLAAA/AGmmmv/Z"
)
