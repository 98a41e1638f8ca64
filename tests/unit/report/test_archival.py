"""Each clause of ISO 19005-2 (PDF/A-2b) that a report could break, checked in its bytes.

No validator is needed here: the test covers what the reports use, not all that a PDF may contain, and so it also checks
that they use nothing else: no encryption, no annotation, no form, no transparency, no embedded file, no script.
"""

from __future__ import annotations

import re
from io import BytesIO
from xml.etree import ElementTree as ET

import numpy as np
import pypdf
import pytest
from fontTools.ttLib import TTFont
from PIL import Image, ImageCms
from pypdf.generic import ContentStream, DictionaryObject, StreamObject

from koa_worker.config import ReportSettings
from koa_worker.report.archival import srgb
from koa_worker.report.content import StudyReport
from koa_worker.report.pdf import render

SHAPES = ("bilateral", "four images", "rejected beside", "earlier exams", "japanese name", "arabic name", "hebrew name")
NAMESPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "pdf": "http://ns.adobe.com/pdf/1.3/",
    "pdfaid": "http://www.aiim.org/pdfa/ns/id/",
}
OPERATORS = {
    "q",
    "Q",
    "cm",
    "w",
    "J",
    "j",
    "d",
    "m",
    "l",
    "c",
    "h",
    "re",
    "S",
    "f",
    "f*",
    "B",
    "W",
    "W*",
    "n",
    "BT",
    "ET",
    "Tf",
    "Tm",
    "Tj",
    "Tr",
    "rg",
    "RG",
    "g",
    "G",
    "Do",
    "TL",
    "Td",
    "T*",
}


@pytest.fixture(scope="module", params=SHAPES)
def data(request: pytest.FixtureRequest, layouts: dict[str, StudyReport]) -> bytes:
    return render(layouts[request.param], ReportSettings(language="de", institution="Ä & <B>"))


@pytest.fixture
def pdf(data: bytes) -> pypdf.PdfReader:
    return pypdf.PdfReader(BytesIO(data), strict=True)


def objects(pdf: pypdf.PdfReader) -> list[DictionaryObject]:
    found = [pdf.get_object(number) for number in range(1, int(pdf.trailer["/Size"]))]
    return [one for one in found if isinstance(one, DictionaryObject)]


def test_6_1_2_the_header_is_followed_by_a_comment_of_binary_characters(data: bytes) -> None:
    first, second = data.split(b"\n")[:2]
    assert re.fullmatch(rb"%PDF-1\.[0-7]", first)
    assert second.startswith(b"%")
    assert all(byte > 127 for byte in second[1:5])


def test_6_1_3_the_trailer_has_an_id_and_no_encryption_and_nothing_follows(data: bytes, pdf: pypdf.PdfReader) -> None:
    assert len(pdf.trailer["/ID"]) == 2  # type: ignore[arg-type]
    assert "/Encrypt" not in pdf.trailer
    assert data.rstrip(b"\r\n").endswith(b"%%EOF")
    assert data.count(b"%%EOF") == 1


def test_6_1_4_and_6_1_9_the_cross_references_are_written_as_they_must_be(data: bytes) -> None:
    start = int(re.findall(rb"startxref\n(\d+)\n", data)[-1])
    table = re.match(rb"xref\n0 (\d+)\n((?:\d{10} \d{5} [nf] ?\r?\n)+)", data[start:])
    assert table
    for number, entry in enumerate(table[2].splitlines()):
        if entry.split()[2] == b"n":
            assert data[int(entry[:10]) :].startswith(b"%d 0 obj\n" % number)
    assert len(re.findall(rb"[\r\n]endobj[\r\n]", data)) == int(table[1]) - 1


def test_6_1_7_a_stream_has_its_length_and_an_end_of_line_before_its_end(data: bytes) -> None:
    checked = 0
    for found in re.finditer(rb"/Length (\d+)[^>]*>>\nstream\n", data):
        assert re.match(rb"\r?\nendstream[\r\n]", data[found.end() + int(found[1]) :])
        checked += 1
    assert checked == len(re.findall(rb"\nstream\n", data))


def test_6_1_8_and_6_1_13_names_and_numbers_are_within_the_limits(pdf: pypdf.PdfReader) -> None:
    for one in objects(pdf):
        assert "/F" not in one or not isinstance(one, StreamObject)  # no external stream
        assert "/LZWDecode" not in str(one.get("/Filter", ""))
        for name in one:
            assert len(name.encode()) <= 127


def test_6_2_3_the_output_intent_is_an_srgb_profile(pdf: pypdf.PdfReader) -> None:
    (intent,) = pdf.trailer["/Root"]["/OutputIntents"]  # type: ignore[index]
    assert intent["/S"] == "/GTS_PDFA1"
    assert intent["/OutputConditionIdentifier"] == "sRGB IEC61966-2.1"
    assert intent["/DestOutputProfile"]["/N"] == 3
    assert intent["/DestOutputProfile"].get_data() == srgb()


def test_the_profile_is_srgb_to_a_colour_engine() -> None:
    profile = ImageCms.ImageCmsProfile(BytesIO(srgb()))
    assert (profile.profile.version, profile.profile.device_class) == (4.2, "mntr")
    assert (profile.profile.xcolor_space, profile.profile.connection_space) == ("RGB ", "XYZ ")
    every = np.stack(np.meshgrid(*[np.arange(0, 256, 15, np.uint8)] * 3), axis=-1).reshape(-1, 1, 3)
    there = ImageCms.profileToProfile(Image.fromarray(every), profile, ImageCms.createProfile("sRGB"))
    assert there is not None
    assert np.abs(np.asarray(there).astype(int) - every).max() <= 1


def test_6_2_4_colours_are_of_the_output_intent(pdf: pypdf.PdfReader) -> None:
    for one in objects(pdf):
        if one.get("/Subtype") == "/Image":
            assert one["/ColorSpace"] in ("/DeviceGray", "/DeviceRGB")
            assert one["/Filter"] == ["/DCTDecode"]
            assert one["/BitsPerComponent"] == 8
            assert not {"/Alternates", "/OPI", "/SMask", "/Mask"} & set(one)
            assert not one.get("/Interpolate", False)


def test_6_2_2_pages_are_drawn_with_operators_of_the_standard_and_resources_of_their_own(
    pdf: pypdf.PdfReader,
) -> None:
    for page in pdf.pages:
        used = ContentStream(page["/Contents"].get_object(), pdf).operations
        assert {operator.decode() for _, operator in used} <= OPERATORS
        named = {str(operands[0]) for operands, operator in used if operator in (b"Do", b"Tf")}
        resources = page["/Resources"]
        assert named <= {*resources["/Font"], *resources.get("/XObject", {})}  # type: ignore[misc]
        depth = 0
        for _, operator in used:
            depth += {b"q": 1, b"Q": -1}.get(operator, 0)
            assert 0 <= depth <= 28


def test_6_2_10_and_6_3_to_6_9_there_is_nothing_that_the_standard_restricts(pdf: pypdf.PdfReader) -> None:
    root = pdf.trailer["/Root"]
    restricted = {
        "/AcroForm",
        "/AA",
        "/OpenAction",
        "/Names",
        "/OCProperties",
        "/Perms",
        "/Requirements",
        "/NeedsRendering",
    }
    assert not restricted & set(root)  # type: ignore[arg-type]
    for page in pdf.pages:
        assert not {"/Annots", "/AA", "/PresSteps", "/Group"} & set(page)
        assert "/ExtGState" not in page["/Resources"]  # type: ignore[operator]
    for one in objects(pdf):
        assert one.get("/Type") not in ("/ExtGState", "/Filespec", "/Action", "/Annot", "/OCG")
        assert one.get("/Subtype") != "/Form"


def test_6_2_11_every_font_is_embedded_symbolic_and_as_wide_as_it_says(pdf: pypdf.PdfReader) -> None:
    fonts = [one for one in objects(pdf) if one.get("/Type") == "/Font"]
    assert fonts
    for font in fonts:
        assert font["/Subtype"] == "/TrueType"
        assert "/Encoding" not in font  # 6.2.11.6: a symbolic font has none
        descriptor = font["/FontDescriptor"]
        assert descriptor["/Flags"] & 4  # type: ignore[index]
        assert not descriptor["/Flags"] & 32  # type: ignore[index]
        assert re.fullmatch(r"/[A-Z]{6}\+.+", str(font["/BaseFont"]))
        assert descriptor["/FontName"] == font["/BaseFont"]  # type: ignore[index]
        program = TTFont(BytesIO(descriptor["/FontFile2"].get_data()))  # type: ignore[index]
        assert descriptor["/FontFile2"]["/Length1"] == len(descriptor["/FontFile2"].get_data())  # type: ignore[index]
        (table,) = program["cmap"].tables  # 6.2.11.6: exactly one
        units, advances = program["head"].unitsPerEm, program["hmtx"]
        for code in drawn_codes(pdf, font):
            glyph = table.cmap[code]
            assert glyph != ".notdef"  # 6.2.11.8
            said = float(font["/Widths"][code - font["/FirstChar"]])  # type: ignore[index,operator]
            assert abs(said - advances[glyph][0] * 1000 / units) <= 1  # 6.2.11.5
        assert "/ToUnicode" in font


def drawn_codes(pdf: pypdf.PdfReader, font: DictionaryObject) -> set[int]:
    found: set[int] = set()
    for page in pdf.pages:
        now = None
        for operands, operator in ContentStream(page["/Contents"].get_object(), pdf).operations:
            if operator == b"Tf":
                now = str(operands[0])
            elif operator == b"Tj" and now == font["/Name"]:
                found |= set(operands[0].original_bytes)
    return found


def test_6_6_the_metadata_says_what_the_file_is_as_the_information_dictionary_does(pdf: pypdf.PdfReader) -> None:
    stream = pdf.trailer["/Root"]["/Metadata"]  # type: ignore[index]
    assert (stream["/Type"], stream["/Subtype"]) == ("/Metadata", "/XML")
    assert "/Filter" not in stream
    packet = stream.get_data().decode("utf-8")
    assert packet.startswith('<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>')
    assert packet.rstrip().endswith('<?xpacket end="w"?>')
    tree = ET.fromstring(packet)

    def value(name: str) -> str:
        found = tree.find(f".//{name}", NAMESPACES)
        assert found is not None, name
        return "".join(found.itertext())

    assert (value("pdfaid:part"), value("pdfaid:conformance")) == ("2", "B")
    known = pdf.metadata
    assert known is not None
    for name, same in {
        "dc:title": known.title,
        "dc:creator": known.author,
        "dc:description": known.subject,
        "pdf:Keywords": known["/Keywords"],
        "pdf:Producer": known.producer,
        "xmp:CreatorTool": known.creator,
        "xmp:CreateDate": known.creation_date.isoformat(),  # type: ignore[union-attr]
        "xmp:ModifyDate": known.modification_date.isoformat(),  # type: ignore[union-attr]
    }.items():
        assert value(name) == same, name
    assert value("dc:title").endswith("Revision 1")
    assert "Lindqvist" not in packet
