"""The fence round LibreOffice and what is kept, with scripts that stand in for it."""

import ctypes
import os
from pathlib import Path

import pytest

from kotaemon_async.documents.parsing import formats
from kotaemon_async.documents.parsing.libreoffice import LibreOffice, program_of
from kotaemon_async.documents.settings import ParserSettings
from kotaemon_async.domain.errors import Unavailable

#: What the service asks for: the last arguments are the folder for the PDF and the file.
HEAD = '#!/bin/bash\nout="${@: -2:1}"; file="${@: -1}"\n'
COPY = 'cp "$file" "$out/document.pdf"\n'
#: As long as the kernel knows such rules.
HAS_FILE_RULES = ctypes.CDLL(None).syscall(444, None, 0, 1) >= 1


class Office:
    """A stand-in for LibreOffice, and what it has kept."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now_s = folder, 1_000.0
        self.file = folder / "blob"
        self.file.write_bytes(b"a document")

    def made(self, script: str, *, wall_s: float = 10.0, cache_bytes: int = 1000) -> LibreOffice:
        programs = self.folder / "programs"
        programs.mkdir(exist_ok=True)
        program = programs / "soffice"
        program.write_text(HEAD + script)
        program.chmod(0o700)
        settings = ParserSettings()
        return LibreOffice(
            program, self.folder / "kept", settings, wall_s=wall_s, cache_bytes=cache_bytes,
            clock=lambda: self.now_s,
        )  # fmt: skip

    @property
    def left(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "kept").iterdir())


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


async def test_a_converted_file_is_kept_and_its_run_leaves_nothing(office: Office) -> None:
    made = await office.made(COPY).pdf(office.file, formats.DOCX, "a" * 64)
    assert (made.read_bytes(), office.left) == (b"a document", [f"{'a' * 64}.pdf"])
    assert await office.made("exit 1\n").pdf(office.file, formats.DOCX, "a" * 64) == made


async def test_a_first_start_that_only_writes_the_profile_is_followed_by_another(office: Office) -> None:
    script = f'[ -e "$HOME/begun" ] || {{ touch "$HOME/begun"; exit 81; }}\n{COPY}'
    assert (await office.made(script).pdf(office.file, formats.PPTX, "a")).exists()


@pytest.mark.parametrize(
    "script", ["exit 1\n", "exit 81\n", "kill -SEGV $$\n", "true\n", "sleep 60 & sleep 60\n"]
)
async def test_a_failure_is_told_and_not_tried_again_for_a_while(office: Office, script: str) -> None:
    found = office.made(script, wall_s=1.0)
    with pytest.raises(Unavailable):
        await found.pdf(office.file, formats.XLSX, "a")
    with pytest.raises(Unavailable, match="a while ago"):
        await found.pdf(office.file, formats.XLSX, "a")
    office.made(COPY)
    office.now_s += 3_601.0
    assert (await found.pdf(office.file, formats.XLSX, "a")).exists()
    assert office.left == ["a.pdf"]


async def test_the_longest_unused_files_go_when_there_is_no_more_room(office: Office) -> None:
    found = office.made(COPY, cache_bytes=25)
    for name in ("a", "b", "a", "c"):
        office.now_s += 1.0
        await found.pdf(office.file, formats.DOCX, name)
    assert office.left == ["a.pdf", "c.pdf"]


async def test_what_a_crash_left_behind_is_removed(office: Office) -> None:
    old = office.folder / "kept" / "run-old"
    old.mkdir(parents=True)
    os.utime(old, (1.0, 1.0))
    await office.made(COPY).pdf(office.file, formats.DOCX, "a")
    assert office.left == ["a.pdf"]


async def test_the_network_cannot_be_reached(office: Office) -> None:
    script = '(exec 3<>/dev/tcp/127.0.0.1/9) 2> "$out/document.pdf"\ntrue\n'
    made = await office.made(script).pdf(office.file, formats.DOCX, "a")
    assert b"Permission denied" in made.read_bytes()


@pytest.mark.skipif(not HAS_FILE_RULES, reason="the kernel has no rules for files")
async def test_no_other_files_can_be_read_or_written(office: Office) -> None:
    secret = office.folder / "secret"
    secret.write_text("password")
    script = f'cat {secret} /etc/passwd &> "$out/document.pdf"\n(echo x > {secret}) 2>> "$out/document.pdf"\n'
    script += "true\n"
    made = await office.made(script).pdf(office.file, formats.DOCX, "a")
    assert made.read_text().count("Permission denied") == 3
    assert secret.read_text() == "password"


async def test_what_is_written_has_a_limit(office: Office) -> None:
    script = 'head -c 100000000 /dev/zero > "$out/document.pdf" || exit 3\n'
    with pytest.raises(Unavailable, match="ended with 3"):
        await office.made(script).pdf(office.file, formats.DOCX, "a")


def test_only_office_files_are_converted() -> None:
    assert LibreOffice.reads(formats.PPT) and LibreOffice.reads(formats.ODS)
    assert not LibreOffice.reads(formats.PDF) and not LibreOffice.reads(formats.TEXT)


def test_the_program_is_found_by_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program_of("auto") is None
    (tmp_path / "soffice").write_text("#!/bin/sh\n")
    (tmp_path / "soffice").chmod(0o700)
    assert program_of("auto") == tmp_path / "soffice"
    (tmp_path / "soffice.bin").write_text("")
    assert program_of(str(tmp_path / "soffice")) == tmp_path / "soffice.bin"
    assert program_of("off") is None
