"""The parts that make the report a PDF/A-2b (ISO 19005-2): metadata in XMP, and a colour profile."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from xml.sax.saxutils import escape

PDF_VERSION = (1, 7)
COLOURS = "sRGB IEC61966-2.1"


@dataclass(frozen=True, slots=True)
class About:
    """The file's metadata, the same in its information dictionary and in XMP. It never names the patient."""

    title: str
    author: str
    subject: str
    keywords: str
    creator: str
    made_at: datetime  # aware
    language: str


def xmp(about: About, producer: str) -> bytes:
    """The XMP packet of the metadata stream, in UTF-8."""
    made = about.made_at.isoformat(timespec="seconds")
    properties = f"""<dc:format>application/pdf</dc:format>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{escape(about.title)}</rdf:li></rdf:Alt></dc:title>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{escape(about.subject)}</rdf:li></rdf:Alt></dc:description>
<dc:creator><rdf:Seq><rdf:li>{escape(about.author)}</rdf:li></rdf:Seq></dc:creator>
<dc:language><rdf:Bag><rdf:li>{escape(about.language)}</rdf:li></rdf:Bag></dc:language>
<xmp:CreateDate>{made}</xmp:CreateDate>
<xmp:ModifyDate>{made}</xmp:ModifyDate>
<xmp:CreatorTool>{escape(about.creator)}</xmp:CreatorTool>
<pdf:Producer>{escape(producer)}</pdf:Producer>
<pdf:Keywords>{escape(about.keywords)}</pdf:Keywords>
<pdfaid:part>2</pdfaid:part>
<pdfaid:conformance>B</pdfaid:conformance>"""
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/"
 xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/">
{properties}
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
""".encode()


@cache
def srgb() -> bytes:
    """An ICC profile (version 4.2) of sRGB, computed from the definition: its tone curve is exact, and it is short."""
    tags = {
        b"desc": _text(COLOURS),
        b"cprt": _text("No copyright, use freely"),
        b"wtpt": _xyz(0.9642, 1.0, 0.8249),  # D50, as every profile has it
        b"chad": _fixed(b"sf32", 1.04788, 0.02292, -0.05022, 0.02959, 0.99048, -0.01707, -0.00925, 0.01508, 0.75168),
        b"rXYZ": _xyz(0.43607, 0.22249, 0.01392),
        b"gXYZ": _xyz(0.38515, 0.71687, 0.09708),
        b"bXYZ": _xyz(0.14307, 0.06061, 0.71410),
    }
    curve = struct.pack(">4s4xHH", b"para", 3, 0) + _numbers(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    names = [*tags, b"rTRC", b"gTRC", b"bTRC"]
    offset = 128 + 4 + 12 * len(names)
    table, data = struct.pack(">I", len(names)), b""
    for name in names:
        if name not in (b"gTRC", b"bTRC"):  # green and blue share the curve of red
            at, body = offset + len(data), tags.get(name, curve)
            data += body + b"\0" * (-len(body) % 4)
        table += struct.pack(">4sII", name, at, len(body))
    header = struct.pack(
        ">I4xI4s4s4s6H4s4xI8x8xI12s4x",
        offset + len(data), 0x04200000, b"mntr", b"RGB ", b"XYZ ", 2026, 1, 1, 0, 0, 0, b"acsp", 0, 0,
        _numbers(0.9642, 1.0, 0.8249),
    )  # fmt: skip
    return header.ljust(128, b"\0") + table + data


def _numbers(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _fixed(kind: bytes, *values: float) -> bytes:
    return kind + b"\0" * 4 + _numbers(*values)


def _xyz(*values: float) -> bytes:
    return _fixed(b"XYZ ", *values)


def _text(words: str) -> bytes:
    encoded = words.encode("utf-16-be")
    return struct.pack(">4s4xII2s2sII", b"mluc", 1, 12, b"en", b"US", len(encoded), 28) + encoded
