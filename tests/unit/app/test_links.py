"""Where the key of a model's server comes from."""

from pathlib import Path

import pytest

from kotaemon_async.answers.settings import LinkSettings
from kotaemon_async.app.links import key_of
from kotaemon_async.domain.errors import Misconfigured


def link(**given: str) -> LinkSettings:
    return LinkSettings(name="main", base_url="http://127.0.0.1:9/v1", model="m", **given)  # type: ignore[arg-type]


def test_a_key_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "llm").write_text("sk-1\n")
    assert key_of(0, link(api_key_file=str(tmp_path / "llm"))) == "sk-1"


def test_a_credential_of_the_service_manager_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "llm").write_text("sk-2")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert key_of(0, link(api_key_file="llm")) == "sk-2"


@pytest.mark.parametrize("content", [None, b"", b"\n", b"sk-3 and more", b"two\nlines", b"\xff\xfe"])
def test_a_file_that_holds_no_key_is_named_and_what_it_holds_is_not(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "llm").write_bytes(content)
    with pytest.raises(Misconfigured, match=r"llm.links\[1\].api_key_file: .*llm") as problem:
        key_of(1, link(api_key_file=str(tmp_path / "llm")))
    assert "sk-3" not in str(problem.value) and "two" not in str(problem.value)


def test_a_name_without_a_service_manager_says_what_it_has_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(Misconfigured, match="neither a whole path nor a credential"):
        key_of(0, link(api_key_file="llm"))


def test_a_key_stands_in_one_place() -> None:
    with pytest.raises(ValueError, match="either api_key_env or api_key_file"):
        link(api_key_env="LLM_API_KEY", api_key_file="/etc/llm")
