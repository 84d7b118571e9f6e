"""What the page says in words: every name that it uses or that is one of a closed list, in both languages."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, get_args

import pytest

import kotaemon_async
from kotaemon_async.answers.llm.guarded import ProviderStatus
from kotaemon_async.domain.callers import KeyScope
from kotaemon_async.domain.errors import CODES
from kotaemon_async.domain.model import Outcome, Stage, Status, WarningCode
from kotaemon_async.domain.sections import SettingSource
from kotaemon_async.http.audit import REQUEST
from kotaemon_async.http.settings import AuthMode
from kotaemon_async.operations.audit import LEFT_OUT
from kotaemon_async.operations.incidents.causes import CAUSES
from kotaemon_async.operations.incidents.signals import signals_of
from kotaemon_async.operations.settings import BackupSettings
from kotaemon_async.operations.traces.path import FALLBACKS
from kotaemon_async.resilience.capacity import Shortage

PACKAGE: Final = Path(kotaemon_async.__file__).parent
WEB: Final = PACKAGE / "http" / "web"
MODULES: Final = {
    path.relative_to(WEB).as_posix(): path.read_text("utf8")
    for path in sorted(WEB.rglob("*.js"))
    if path.parent.name != "vendor"
}
_TEXT: Final = r'"((?:[^"\\]|\\.)*)"'
_WORDS: Final = re.compile(rf'^  "?([^":\n]+)"?: \[\s*{_TEXT},\s*{_TEXT},?\s*\],$', re.MULTILINE)
_PLACES: Final = re.compile(r"\{(\w+)\}")
_CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")
#: Names and marks that are the same in every language.
_SAME: Final = {
    "system.at",
    "system.none",
    "uploads.sent",
    "place.label",
    "place.comma",
    "evidence.alt",
    "documents.warnings.between",
}
LINES: Final = 400
#: Their names hold something of a request: the first word is what is known of them.
OPEN_NAMES: Final = ("link", "chat", "parser", "vectors", "http")
#: What of a claim its source may lack.
_REASONS: Final = ("figure", "code", "name", "subject")
#: What a worker waits for while it has a document.
_WORKER_WAITS: Final = ("parser", "embedder")

WORDS: Final = "".join(text for name, text in MODULES.items() if "/words" in name)
CODE: Final = "".join(text for name, text in MODULES.items() if "/words" not in name)
ENTRIES: Final = _WORDS.findall(WORDS)
KNOWN: Final = {name for name, _, _ in ENTRIES}
#: Every name of a closed list, by the family in which it has words.
CLOSED: Final = {
    "error": CODES,
    "hint": CODES,
    "documents.status": set(get_args(Status)) - {"queued", "processing"},
    "documents.stage": get_args(Stage),
    **{family: get_args(WarningCode) for family in ("warning", "warning.said", "warning.hint")},
    "documents.wait": (*get_args(Shortage), *_WORKER_WAITS, "worker", "retry"),
    "claim": {f"{verdict}.{reason}" for verdict in ("check", "unsupported") for reason in _REASONS},
    "scope_of": get_args(KeyScope),
    "outcome": set(get_args(Outcome)) - {"answer"},
    "incident": CAUSES,
    "incident.hint": CAUSES,
    "cause": CAUSES,
    "settings.sign_in": get_args(AuthMode),
    "settings.source": set(get_args(SettingSource)),
    "settings.backups.verify": get_args(BackupSettings.model_fields["verify"].annotation),
    "system.breaker": set(get_args(ProviderStatus)) - {"closed"},
}


def test_each_line_of_words_is_read_by_these_tests() -> None:
    lines = [line for line in WORDS.splitlines() if re.match(r'  (\w|")', line)]
    assert len(ENTRIES) > 400
    assert len(lines) == len(ENTRIES)


def test_no_name_has_two_meanings() -> None:
    names = [name for name, _, _ in ENTRIES]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_each_entry_has_words_in_both_languages_with_the_same_places() -> None:
    odd = [
        name
        for name, english, chinese in ENTRIES
        if not english.strip() or set(_PLACES.findall(english)) != set(_PLACES.findall(chinese))
    ]
    untold = [name for name, _, chinese in ENTRIES if not _CHINESE.search(_PLACES.sub("", chinese))]
    assert (odd, sorted(set(untold) - _SAME)) == ([], [])


def test_one_and_many_are_the_only_forms() -> None:
    assert [name for name, *forms in ENTRIES for form in forms if form.count(" | ") > 1] == []


def test_each_name_that_the_page_uses_has_words() -> None:
    used = set(re.findall(r'\bt\(\s*"([\w.]+)"', CODE))
    chosen = re.findall(r'\bt\([^"`()]*\? "([\w.]+)" : "([\w.]+)"', CODE)
    used |= {name for pair in chosen for name in pair}
    assert len(used) > 200
    assert sorted(used - KNOWN) == []


def test_each_family_of_codes_has_words() -> None:
    families = set(re.findall(r'\bcode\("([\w.]+)"', CODE))
    families |= {name.rstrip(".") for name in re.findall(r"\bt\(`([\w.]+\.)\$\{", CODE)}
    assert len(families) > 10
    assert [one for one in families if not any(name.startswith(f"{one}.") for name in KNOWN)] == []


@pytest.mark.parametrize("family", CLOSED)
def test_each_name_of_a_closed_list_has_words(family: str) -> None:
    assert [name for name in CLOSED[family] if f"{family}.{name}" not in KNOWN] == []


def names_in_code(function: str) -> Iterator[str]:
    """Texts that are the first argument of a function, such as the names of spans."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == function:
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield first.value


def test_each_act_that_is_written_down_has_words() -> None:
    acts = {*names_in_code("audited"), "backup.create", "backup.restore", REQUEST, LEFT_OUT, "service.open"}
    assert "keys.create" in acts
    assert [act for act in acts if f"audit.action.{act}" not in KNOWN] == []


def test_each_signal_has_words_for_its_kind_and_its_owner() -> None:
    signals = signals_of(["primary"])
    kinds = [one.kind for one in signals if f"signal.{one.kind}" not in KNOWN]
    owners = [one.component for one in signals if f"part.{one.component}" not in KNOWN]
    assert (kinds, set(owners)) == ([], {"primary"})


def test_each_component_of_the_health_report_has_words() -> None:
    named = [name for name in names_in_code("register") if re.fullmatch(r"[a-z_]+", name)]
    assert "ledger" in named
    assert [name for name in named if f"part.{name}" not in KNOWN] == []


def test_each_step_of_a_path_has_words() -> None:
    steps = {name for function in ("span", "child_span", "past_span") for name in names_in_code(function)}
    assert {"ingest", "answer"} <= steps
    assert [name for name in steps if f"step.{name}" not in KNOWN and name.split()[0] not in OPEN_NAMES] == []


def test_each_event_that_explains_a_delay_has_words() -> None:
    received = {name.split(".")[1] for name in KNOWN if name.startswith("event.")}
    assert {*FALLBACKS, "waits", "retry", "recovered"} <= received


@pytest.mark.parametrize("name", sorted(MODULES))
def test_each_module_is_read_in_one_sitting(name: str) -> None:
    assert len(MODULES[name].splitlines()) <= LINES


def test_no_module_makes_html_of_text_or_style_attributes() -> None:
    trusted = MODULES["frame/trusted.js"]
    assert trusted.count(".innerHTML") == 1
    unsafe = r"\b(?:innerHTML|outerHTML|insertAdjacentHTML|eval|document\.write|DOMParser)\b"
    assert re.findall(unsafe, CODE.replace(trusted, "")) == []
