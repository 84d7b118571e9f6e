"""Zip packages, and what is refused of them."""

import io
import zipfile

import pytest

from kotaemon_async.documents.parsing.child_problem import FileError
from kotaemon_async.documents.parsing.office import child_package
from kotaemon_async.documents.parsing.office.child_package import Package, attribute, local, parsed, relation
from tests.support.packages import beginnings, package, relationships

BODY = "<a><b>" + "".join(f"<c n='{number}'>x<d/></c>" for number in range(3)) + "</b><e><f/></e></a>"
DTD = "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>"


def opened(parts: dict[str, str | bytes]) -> Package:
    return Package(io.BytesIO(package(parts)))


def code_of(data: bytes) -> str:
    with pytest.raises(FileError) as caught:
        Package(io.BytesIO(data)).read("a.xml")
    return caught.value.code


def test_a_part_is_found_whatever_its_case_and_slashes() -> None:
    parts = opened({"Word\\Document.XML": "<a/>"})
    assert parts.read("word/document.xml") == b"<a/>"
    assert parts.has("/WORD/document.xml")
    assert not parts.has("word")


def test_children_are_streamed_with_their_parents() -> None:
    found = opened({"a.xml": BODY}).children("a.xml", 2)
    assert [(parent, local(one), attribute(one, "n"), len(one)) for parent, one in found] == [
        ("b", "c", "0", 1),
        ("b", "c", "1", 1),
        ("b", "c", "2", 1),
        ("e", "f", None, 0),
    ]


def test_what_stands_before_damage_is_yielded() -> None:
    found = opened({"a.xml": BODY[:40]}).children("a.xml", 2)
    assert next(found)[0] == "b"
    with pytest.raises(FileError, match="damaged") as caught:
        list(found)
    assert caught.value.code == "corrupt"


def test_half_a_packed_body_is_read_until_it_breaks() -> None:
    body = "<a>" + "".join(f"<b>{number * 7919 % 1000003}</b>" for number in range(90_000)) + "</a>"
    data = bytearray(package({"a.xml": body}))
    data[len(data) * 3 // 4] ^= 0xFF
    found = Package(io.BytesIO(bytes(data))).children("a.xml", 1)
    assert next(found)[1].text == "0"
    with pytest.raises(FileError, match="damaged"):
        list(found)


@pytest.mark.parametrize(
    "text",
    [
        DTD,
        "\ufeff" + DTD,
        "<?xml version='1.0'?><!-- " + "x" * 70_000 + " --> " + DTD,
        ("\ufeff" + DTD).encode("utf-16-le"),
        ("\ufeff" + DTD).encode("utf-16-be"),
    ],
)
def test_a_dtd_is_refused_wherever_it_hides(text: str | bytes) -> None:
    parts = opened({"a.xml": text})
    with pytest.raises(FileError, match="DTD"):
        parts.xml("a.xml")
    with pytest.raises(FileError, match="DTD"):
        list(parts.children("a.xml", 1))


def test_a_text_that_mentions_a_dtd_is_none() -> None:
    assert parsed(b"<a><![CDATA[<!DOCTYPE a>]]></a>").text == "<!DOCTYPE a>"


def test_relationships_resolve_to_parts() -> None:
    entries = (
        ("a", "slide", "../slides/s%201.xml"),
        ("b", "hyperlink", "https://x.test/%20"),
        ("c", "image", "/m.png"),
    )
    parts = opened({"p/_rels/x.xml.rels": relationships(*entries, external="b"), "slides/s 1.xml": ""})
    found = parts.relationships("p/x.xml")
    assert {key: (one.target, one.external) for key, one in found.items()} == {
        "a": ("slides/s 1.xml", False),
        "b": ("https://x.test/%20", True),
        "c": ("m.png", False),
    }
    assert parts.relationships("p/y.xml") == {}


def test_references_never_climb_out_of_the_package() -> None:
    assert opened({}).resolved("../../../etc/passwd#x", "word") == "etc/passwd"


def test_the_main_part_is_told_by_the_package_or_by_default() -> None:
    odd = {"_rels/.rels": relationships(("a", "officeDocument", "odd/place.xml")), "odd/place.xml": "<a/>"}
    assert opened({**odd}).main_part("usual.xml") == "odd/place.xml"
    assert opened({"usual.xml": "<a/>"}).main_part("usual.xml") == "usual.xml"
    with pytest.raises(FileError, match="main part"):
        opened({"x": ""}).main_part("usual.xml")


def test_relation_ids_are_read_in_both_namespaces() -> None:
    strict = parsed(b"<a xmlns:r='http://purl.oclc.org/ooxml/officeDocument/relationships' id='1' r:id='x'/>")
    assert relation(strict) == "x"
    assert attribute(strict, "id") == "1"
    assert relation(parsed(b"<a id='1'/>")) == ""


def test_macros_are_noticed() -> None:
    assert opened({"word/vbaProject.bin": ""}).has_macros
    assert not opened({"word/document.xml": ""}).has_macros


def test_an_encrypted_part_is_told() -> None:
    data = bytearray(package({"a.xml": "<a/>"}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert code_of(bytes(data)) == "encrypted"


def test_what_unpacks_to_too_much_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    data = package({"a.xml": bytes(3000)})
    monkeypatch.setattr(child_package, "MAX_PART_BYTES", 2999)
    assert code_of(data) == "parser_limit"
    monkeypatch.setattr(child_package, "MAX_BYTES", 2999)
    with pytest.raises(FileError) as caught:
        Package(io.BytesIO(data))
    assert caught.value.code == "parser_limit"


def test_parts_are_read_again_but_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_package, "_MAX_BYTES_READ", 8)
    parts = opened({"a.xml": "<a/>"})
    assert [parts.read("a.xml"), parts.read("a.xml")] == [b"<a/>", b"<a/>"]
    with pytest.raises(FileError, match="more than is allowed"):
        parts.read("a.xml")


def test_too_many_parts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_package, "MAX_PARTS", 1)
    with pytest.raises(FileError, match="more than 1 parts"):
        opened({"a": "", "b": ""})


def test_odd_packing_is_damage() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.xml", "<a/>")
    assert code_of(target.getvalue()) == "corrupt"


def test_a_package_cut_anywhere_is_damage() -> None:
    cut = beginnings(package({"a.xml": BODY, "b/c.xml": "<x/>"}), 10)
    assert {code_of(data) for data in cut} == {"corrupt"}
