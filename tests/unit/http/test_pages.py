"""The files of the page as they are served."""

import hashlib
import io
import json
import re
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

import pytest
from PIL import Image

import kotaemon_async
from kotaemon_async.http.pages import files

WEB: Final = Path(kotaemon_async.__file__).parent / "http" / "web"
#: As htm 3.1.1 gives it out, and as Inter 4 was cut (weights 400 to 700, Latin letters): nobody changes them.
VENDOR_SHA256: Final = {
    "preact.js": "72284e8e9079c87817145df1110f74e8a2aa040b2fc384922e18dfcb46fc1fd7",
    "inter.woff2": "7b9ec91eb706fc9bd9b5813499248d53d6197ca440eb6112a4e72afda40c2539",
}
LICENCES: Final = {"htm-LICENSE.txt", "preact-LICENSE.txt", "inter-LICENSE.txt"}


def named() -> set[str]:
    return set(re.findall(r'"web/([^"]+)"', files()["index.html"].plain.decode()))


def test_the_page_names_files_that_there_are() -> None:
    assert named() <= files().keys()
    assert len(named()) >= 4


def test_a_file_with_a_hash_in_its_name_is_kept_for_ever() -> None:
    kept = {name for name, file in files().items() if "immutable" in file.keeps}
    assert all(re.search(r"-[0-9a-f]{16}\.(js|css|woff2)$", name) for name in kept)
    assert {name for name in named() if name.endswith((".js", ".css"))} <= kept
    assert files()["index.html"].keeps == "no-cache"


def test_each_module_of_the_page_is_used() -> None:
    sent = b"".join(file.plain for name, file in files().items() if name.endswith(".js")).decode()
    modules = {path.relative_to(WEB).as_posix() for path in WEB.rglob("*.js")} - {"frame/loader.js"}
    assert {name for name in modules if f'define("{name}"' not in sent} == set()


def test_what_others_wrote_is_as_they_gave_it_out_and_with_its_licence() -> None:
    found = {name: hashlib.sha256((WEB / "vendor" / name).read_bytes()).hexdigest() for name in VENDOR_SHA256}
    assert found == VENDOR_SHA256
    assert {path.name for path in WEB.glob("vendor/*.txt")} == LICENCES


def test_the_style_sheet_names_the_letters_by_their_hash() -> None:
    (style,) = (file.plain.decode() for name, file in files().items() if name.startswith("style-"))
    assert set(re.findall(r'url\("([^"]+)"\)', style)) == {name for name in named() if "woff2" in name}


def test_the_first_load_is_small() -> None:
    assert sum(len(files()[name].packed) for name in named()) <= 150_000


def test_the_page_can_be_kept_as_an_app_below_any_base_path() -> None:
    manifest = json.loads(files()["manifest.webmanifest"].plain)
    assert urljoin("https://x/docs/web/manifest.webmanifest", manifest["start_url"]) == "https://x/docs/"
    assert {one["src"] for one in manifest["icons"]} <= files().keys()
    assert {"192x192", "512x512"} <= {one["sizes"] for one in manifest["icons"]}
    assert "maskable" in {one.get("purpose") for one in manifest["icons"]}


@pytest.mark.parametrize("name", ["icon-192.png", "icon-512.png", "maskable-512.png", "apple-touch-icon.png"])
def test_an_icon_has_the_size_that_it_is_named_for(name: str) -> None:
    with Image.open(io.BytesIO(files()[name].plain)) as icon:
        wanted = int(found[0]) if (found := re.findall(r"-(\d+)", name)) else 180
        assert icon.size == (wanted, wanted)


def test_colours_around_the_page_are_those_of_its_paper() -> None:
    page = files()["index.html"].plain.decode()
    papers = re.findall(r"--paper: (#\w{6});", (WEB / "frame" / "tokens.css").read_text())
    assert re.findall(r'name="theme-color" content="(#\w+)"', page) == papers
    script = (WEB / "frame" / "ui.js").read_text()
    assert re.findall(r'"(#\w{6})"', script) == papers
