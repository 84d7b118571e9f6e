import ast
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from kotaemon_async.answers.settings import LinkSettings
from kotaemon_async.app.settings import load_settings, source_of, variable_of
from kotaemon_async.app.settings_table import leaves, settings_table, toml_value
from kotaemon_async.documents.settings import WatchSettings
from kotaemon_async.domain.errors import Misconfigured
from kotaemon_async.search.settings import DEFAULT_FOLDER

PACKAGE = Path(__file__).parents[3] / "kotaemon_async"
EXAMPLE = Path(__file__).parents[3] / "config" / "kotaemon.example.toml"
SETTINGS_MODULES = {"settings", "sections", "errors"}
LINK = {"name": "main", "base_url": "http://127.0.0.1:1/v1", "model": "m"}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("KOTAEMON_")]:
        monkeypatch.delenv(name)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "my.toml"
    path.write_text(text)
    return path


def refusal(config: Path | None = None) -> str:
    with pytest.raises(Misconfigured) as error:
        load_settings(config)
    return error.value.message


def test_the_example_file_holds_every_setting_and_no_other() -> None:
    found = {
        f"{name}.{key}" if isinstance(value, dict) else name
        for name, value in tomllib.loads(EXAMPLE.read_text()).items()
        for key in (value if isinstance(value, dict) else [""])
    }
    assert found == {dotted for dotted, _ in leaves()}


@pytest.mark.parametrize(("dotted", "field"), list(leaves()), ids=[name for name, _ in leaves()])
def test_the_example_shows_the_default_below_its_sentence(dotted: str, field: FieldInfo) -> None:
    line = f"# {field.description}\n{dotted.rpartition('.')[2]} = {toml_value(field.default)}\n"
    assert line in EXAMPLE.read_text()
    assert (field.description or "").endswith(".")


@pytest.mark.parametrize(
    ("variable", "text", "source"),
    [
        ("KOTAEMON_ANSWERS__LENGTH", "short", "environment"),
        ("KOTAEMON_ANSWERS", '{"length": "short"}', "environment"),
        ("KOTAEMON_ANSWERS", '{"passages": 3}', "file"),
        ("KOTAEMON_ANSWERS__LENGTH", "", "file"),
    ],
)
def test_it_is_known_what_has_set_a_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, text: str, source: str
) -> None:
    monkeypatch.setenv(variable, text)
    settings = load_settings(written(tmp_path, '[answers]\nlength = "long"\n'))
    assert (source_of(settings, "answers.length"), source_of(settings, "llm.links")) == (source, "default")
    assert variable_of("answers.length") == "KOTAEMON_ANSWERS__LENGTH"


def test_no_part_repeats_the_default_of_a_setting() -> None:
    defaults = {dotted.rpartition(".")[2]: field.default for dotted, field in leaves()}
    defaults |= {name: field.default for name, field in LinkSettings.model_fields.items()}
    repeated = [
        f"{path.name}: {name} = {value}"
        for path in PACKAGE.rglob("*.py")
        if path.name != "settings.py"
        for name, value in given_defaults(ast.parse(path.read_text("utf8")))
        if value not in (None, "") and defaults.get(name) == value
    ]
    assert repeated == []


def given_defaults(module: ast.Module) -> Iterator[tuple[str, object]]:
    """Every parameter and every field with a plain value as its default."""
    for node in ast.walk(module):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found = [(node.target.id, node.value)]
        elif isinstance(node, ast.arguments):
            positional = [*node.posonlyargs, *node.args]
            found = [(one.arg, value) for one, value in zip(node.kwonlyargs, node.kw_defaults, strict=True)]
            found += [(a.arg, d) for a, d in zip(reversed(positional), reversed(node.defaults), strict=False)]
        else:
            continue
        yield from ((name, value.value) for name, value in found if isinstance(value, ast.Constant))


def test_the_example_shows_every_key_of_a_link() -> None:
    for name, field in LinkSettings.model_fields.items():
        assert any(
            line.startswith(f"# {name} = ") and line.endswith(field.description or "?")
            for line in EXAMPLE.read_text().splitlines()
        ), name


def test_the_example_file_changes_nothing() -> None:
    assert load_settings(EXAMPLE).model_dump() == load_settings().model_dump()


def test_every_number_has_its_unit_in_its_name_or_counts_something() -> None:
    counts = "port concurrency children threads candidates passages batch_pages max_pages max_attempts"
    counts += " exact_passages max_concurrent_uploads max_connections max_name_length max_queued cache_rows"
    counts += (
        " max_crashes max_streams_per_caller requests_per_minute questions_per_minute documents_per_user"
    )
    counts += " bytes_per_user"
    counts += " max_losses max_documents max_loaded max_rows queue_rows keep_rows keep_files queue_lines"
    for dotted, field in leaves():
        name = dotted.rpartition(".")[2]
        if isinstance(field.default, (int, float)) and not isinstance(field.default, bool):
            assert name.endswith(("_s", "_days", "_bytes", "_ratio")) or name in counts.split(), dotted


def test_the_defaults_are_those_of_the_design() -> None:
    found = load_settings()
    assert (found.http.host, found.http.port, found.http.max_upload_bytes) == ("127.0.0.1", 8000, 104_857_600)
    assert (found.broker.url, found.llm.links, found.ingest.max_pages) == ("memory://", (), 5000)
    assert found.answers.static_knowledge is None
    assert found.embedding.threads == os.cpu_count()
    assert found.embedding.folder == DEFAULT_FOLDER


def test_reading_the_settings_loads_no_part_of_the_service() -> None:
    """Every command of an operator begins with it."""
    code = "import sys, kotaemon_async.app.settings; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    parts = {name for name in loaded.split() if name.startswith("kotaemon_async.")}
    assert {name.rpartition(".")[2] for name in parts if name.count(".") > 1} <= SETTINGS_MODULES
    assert not {"anyio", "numpy", "loguru", "opentelemetry", "litestar"} & set(loaded.split())


def test_settings_cannot_be_changed() -> None:
    found = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        found.http.port = 1


def test_the_names_of_the_contract_work_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOTAEMON_DATA_DIR", "/srv/data")
    monkeypatch.setenv("KOTAEMON_HTTP__HOST", "0.0.0.0")
    monkeypatch.setenv("KOTAEMON_HTTP__PORT", "8123")
    monkeypatch.setenv("KOTAEMON_BROKER__URL", "unix:///run/redis.sock")
    monkeypatch.setenv("KOTAEMON_ANSWERS__STATIC_KNOWLEDGE", "/srv/faq.json")
    found = load_settings()
    assert (found.data_dir, found.answers.static_knowledge) == (Path("/srv/data"), Path("/srv/faq.json"))
    assert (found.http.host, found.http.port) == ("0.0.0.0", 8123)
    assert found.broker.url == "unix:///run/redis.sock"


def test_links_are_json_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    links = [{**LINK, "api_key_env": "KEY", "idle_timeout_s": 1.5}, {**LINK, "name": "second"}]
    monkeypatch.setenv("KOTAEMON_LLM__LINKS", json.dumps(links))
    first, second = load_settings().llm.links
    assert (first.name, first.api_key_env, first.idle_timeout_s) == ("main", "KEY", 1.5)
    assert (second.name, second.api_key_env) == ("second", None)


def test_a_link_may_be_a_folder_with_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOTAEMON_LLM__LINKS", '[{"name": "here", "folder": "/srv/phi", "max_tokens": 64}]')
    (link,) = load_settings().llm.links
    assert (link.folder, link.base_url, link.model) == (Path("/srv/phi"), None, None)
    assert (link.max_tokens, link.memory_bytes, link.idle_release_s) == (64, 8 * 1024**3, 600.0)


def test_followed_folders_are_json_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [{"path": "/srv/docs", "collection": "docs"}, {"path": "here"}]
    monkeypatch.setenv("KOTAEMON_LIBRARY__WATCH", json.dumps(given))
    found = [(str(one.path), one.collection) for one in load_settings().library.watch]
    assert found == [("/srv/docs", "docs"), (str(tmp_path / "here"), "default")]


@pytest.mark.parametrize(
    "wrong", ['[{"path": "a", "collection": "../x"}]', '[{"collection": "x"}]', '[{"path": ""}]']
)
def test_a_followed_folder_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("KOTAEMON_LIBRARY__WATCH", wrong)
    assert "library.watch" in refusal()


def test_a_folder_is_followed_into_one_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [{"path": "/srv/docs"}, {"path": "/srv/docs/", "collection": "other"}]
    monkeypatch.setenv("KOTAEMON_LIBRARY__WATCH", json.dumps(given))
    assert "/srv/docs is named twice" in refusal()


def test_the_example_shows_every_key_of_a_followed_folder() -> None:
    for name, field in WatchSettings.model_fields.items():
        assert any(
            line.startswith(f"# {name} = ") and line.endswith(field.description or "?")
            for line in EXAMPLE.read_text().splitlines()
        ), name


def test_links_are_tables_in_the_file(tmp_path: Path) -> None:
    text = "[[llm.links]]\n" + "\n".join(f'{key} = "{value}"' for key, value in LINK.items())
    assert [link.name for link in load_settings(written(tmp_path, text)).llm.links] == ["main"]


def test_the_environment_wins_over_the_file_key_by_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KOTAEMON_HTTP__PORT", "1")
    found = load_settings(written(tmp_path, '[http]\nport = 2\nhost = "::1"\n'))
    assert (found.http.port, found.http.host) == (1, "::1")


def test_the_environment_can_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOTAEMON_CONFIG", str(written(tmp_path, "[http]\nport = 2\n")))
    assert load_settings().http.port == 2


def test_an_empty_variable_is_as_if_it_were_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOTAEMON_LLM__LINKS", "")
    assert load_settings().llm.links == ()


@pytest.mark.parametrize(("text", "dotted"), [("prot = 1", "prot"), ("[http]\nprot = 1", "http.prot")])
def test_an_unknown_key_is_an_error_with_key_and_file(tmp_path: Path, text: str, dotted: str) -> None:
    path = written(tmp_path, text)
    assert refusal(path) == f"{dotted} in the file {path}: unknown setting"


@pytest.mark.parametrize("name", ["KOTAEMON_PROT", "KOTAEMON_HTTP__PROT", "KOTAEMON_HTTP__PORT__X"])
def test_an_unknown_variable_is_an_error(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    assert refusal().startswith(f"{name} in the environment names no setting")


@pytest.mark.parametrize(
    ("name", "value", "dotted"),
    [
        ("KOTAEMON_HTTP__PORT", "many", "http.port"),
        ("KOTAEMON_HTTP__PORT", "70000", "http.port"),
        ("KOTAEMON_BROKER__URL", "localhost", "broker.url"),
        ("KOTAEMON_LLM__LINKS", "[", "llm.links"),
        ("KOTAEMON_LLM__LINKS", '[{"name": "a"}]', "llm.links.0.base_url"),
        ("KOTAEMON_LLM__LINKS", json.dumps([{**LINK, "folder": "/m"}]), "llm.links.0.base_url"),
        ("KOTAEMON_LLM__LINKS", json.dumps([{**LINK, "model": None}]), "llm.links.0.model"),
        ("KOTAEMON_LLM__LINKS", json.dumps([{**LINK, "key": "x"}]), "llm.links.0.key"),
        ("KOTAEMON_LLM__LINKS", json.dumps([LINK, LINK]), "llm.links"),
        ("KOTAEMON_LLM__LINKS", json.dumps([{**LINK, "name": "vectors"}]), "llm.links"),
    ],
)
def test_a_wrong_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, dotted: str
) -> None:
    monkeypatch.setenv(name, value)
    assert refusal().startswith(f"{dotted} in the variable {name}")


def test_a_wrong_value_in_the_file_names_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, '[http]\nport = "x"\n')
    assert refusal(path).startswith(f"http.port in the file {path}: ")


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.toml").startswith(
        f"The settings file {tmp_path / 'no.toml'} cannot be read"
    )


def test_a_file_that_is_no_toml_is_an_error_with_its_line(tmp_path: Path) -> None:
    assert "line 2" in refusal(written(tmp_path, "a = 1\nb = = 2\n"))


def test_the_table_has_a_row_for_each_setting() -> None:
    rows = settings_table().splitlines()
    assert len(rows) == 2 + len(list(leaves()))
    assert "| `http.port` | `KOTAEMON_HTTP__PORT` | `8000` | Port to listen on; 0 takes a free one. |" in rows
