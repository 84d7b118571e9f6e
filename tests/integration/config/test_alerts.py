"""Alerts, dashboard and code say the same; Prometheus' own tool checks and runs the rules."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from kotaemon_async.telemetry import metrics
from tests.support.vocabulary import CONFIG

RULES: Final[list[dict[str, Any]]] = [
    rule
    for group in yaml.safe_load((CONFIG / "alerts.yml").read_text("utf8"))["groups"]
    for rule in group["rules"]
]
CASES: Final[list[dict[str, Any]]] = yaml.safe_load((CONFIG / "alerts.test.yml").read_text("utf8"))["tests"]
DASHBOARD: Final[dict[str, Any]] = json.loads((CONFIG / "grafana-dashboard.json").read_text("utf8"))
#: What Prometheus itself says of a target.
_OWN: Final = {"up": {"instance", "job"}}
_SELECTOR: Final = re.compile(r"\b(up|kotaemon_\w+)\b(?:\{([^}]*)\})?")
_GROUPING: Final = re.compile(r"\bby \(([^)]*)\)")
_MATCHER: Final = re.compile(r'(\w+)\s*(?:=~|!=|!~|=)\s*"')


def promtool(*arguments: str) -> str:
    """What it prints; fails when it finds a fault, or is not installed (Debian's package prometheus)."""
    done = subprocess.run(["promtool", *arguments], check=False, capture_output=True, text=True, cwd=CONFIG)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def known() -> dict[str, set[str]]:
    """Every series of the code, with the labels it may carry."""
    found = {name: set(labels) for name, labels in _OWN.items()}
    for metric in metrics.REGISTRY._collector_to_names:
        name, kind = metric._name, metric._type  # type: ignore[attr-defined]
        labels = {*metric._labelnames, "instance", "job"}  # type: ignore[attr-defined]
        endings = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}.get(kind, [""])
        found |= {name + ending: labels | ({"le"} if ending == "_bucket" else set()) for ending in endings}
    return found


def faults(expression: str) -> Iterator[str]:
    """Series and labels of the expression that the code does not have."""
    text, series = re.sub(r"label_values\((\w+), \w+\)", r"\1", expression), known()
    used = set()
    for name, matchers in _SELECTOR.findall(text):
        if name not in series:
            yield name
            continue
        used |= series[name]
        yield from (f"{name}{{{label}}}" for label in _MATCHER.findall(matchers) if label not in series[name])
    for labels in _GROUPING.findall(text):
        yield from (label for label in re.split(r",\s*", labels) if label not in used)


def expressions() -> Iterator[tuple[str, str]]:
    """Everything that the dashboard asks, with the title of the panel."""
    for panel in DASHBOARD["panels"]:
        yield from ((panel["title"], target["expr"]) for target in panel.get("targets", []))
    yield from ((one["name"], one["expr"]) for one in DASHBOARD["annotations"]["list"])
    yield from (
        (v["name"], v["query"]["query"]) for v in DASHBOARD["templating"]["list"] if v["type"] == "query"
    )


def test_the_rules_are_such_that_prometheus_takes_them() -> None:
    assert f"{len(RULES)} rules found" in promtool("check", "rules", "alerts.yml")


def test_every_alert_fires_when_it_should_and_only_then() -> None:
    assert "SUCCESS" in promtool("test", "rules", "alerts.test.yml")


@pytest.mark.parametrize("alert", [rule["alert"] for rule in RULES])
def test_an_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent(alert: str) -> None:
    fired = [
        bool(t["exp_alerts"]) for case in CASES for t in case["alert_rule_test"] if t["alertname"] == alert
    ]
    assert set(fired) == {True, False}


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_says_how_bad_what_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert all(rule["annotations"][part] for part in ("summary", "description"))
    assert rule["annotations"]["runbook_url"] == f"runbook.md#{rule['alert'].lower()}"


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_asks_only_for_what_the_code_has(rule: dict[str, Any]) -> None:
    assert not list(faults(rule["expr"]))


@pytest.mark.parametrize(("title", "expression"), list(expressions()))
def test_the_dashboard_asks_only_for_what_the_code_has(title: str, expression: str) -> None:
    assert not list(faults(expression)), title


def test_prometheus_understands_what_the_dashboard_asks(tmp_path: Path) -> None:
    asked = [
        text.replace("$__rate_interval", "5m") for _, text in expressions() if "label_values" not in text
    ]
    rules = [{"record": f"panel_{number}", "expr": text} for number, text in enumerate(asked)]
    file = tmp_path / "dashboard.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", str(file))


def test_the_dashboard_shows_every_metric() -> None:
    shown = {name for _, text in expressions() for name, _ in _SELECTOR.findall(text)}
    bare = {re.sub(r"_(bucket|count|sum)$", "", name) for name in shown}
    named = {re.sub(r"_(bucket|count|sum)$", "", name) for name in known()}
    assert bare == named


def test_the_dashboard_takes_its_data_source_from_a_variable_and_knows_no_host() -> None:
    sources = {t["datasource"]["uid"] for panel in DASHBOARD["panels"] for t in panel.get("targets", [])}
    assert sources == {"${datasource}"} and "http" not in re.sub("kotaemon_http_", "", json.dumps(DASHBOARD))


def test_every_panel_shows_the_chosen_instances_only() -> None:
    asked = [(panel["title"], t["expr"]) for panel in DASHBOARD["panels"] for t in panel.get("targets", [])]
    selectors = [(title, one) for title, text in asked for one in _SELECTOR.findall(text)]
    assert [one for one in selectors if 'instance=~"$instance"' not in one[1][1]] == []


def test_panels_lie_beside_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken and max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells
