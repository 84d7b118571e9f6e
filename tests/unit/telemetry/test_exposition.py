import time

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from kotaemon_async.telemetry import metrics
from kotaemon_async.telemetry.exposition import Exposition

ODD = ['a"b', "back\\slash", "line\nbreak", "停", "", "le"]


@pytest.fixture
def registry() -> CollectorRegistry:
    """Every kind of metric that the service has, with labels and without."""
    made = CollectorRegistry()
    Counter("n_total", 'Say "this" \\ and\nthat.', registry=made).inc(2)
    counter = Counter("labelled_total", "x", ["b", "a"], registry=made)
    gauge = Gauge("g", "x", ["component"], registry=made)
    histogram = Histogram("h_seconds", "x", ["z", "c"], registry=made, buckets=(0.001, 0.5, 1, 2_500_000))
    Histogram("plain_seconds", "x", registry=made, buckets=(1, 5)).observe(3)
    Gauge("never_set", "x", ["component"], registry=made)
    Gauge("asked", "x", registry=made).set_function(lambda: 12.5)
    for value, text in zip([0.0004, 1e-9, 3, 12_345_678.9, float("nan"), float("inf")], ODD, strict=True):
        counter.labels(text, "x").inc(abs(value) if value == value else 1)
        gauge.labels(text).set(value)
        histogram.labels(text, "y").observe(value if value == value else 0.7)
    return made


def test_the_page_is_that_of_the_library(registry: CollectorRegistry) -> None:
    assert Exposition(registry).page().decode() == generate_latest(registry).decode()


def test_a_second_page_shows_what_changed(registry: CollectorRegistry) -> None:
    exposition = Exposition(registry)
    exposition.page()
    Gauge("later", "x", ["component"], registry=registry).labels("new").set(-1)
    assert exposition.page() == generate_latest(registry)
    assert b'later{component="new"} -1.0\n' in exposition.page()


def series(line: str) -> str:
    """The line without its value; ages change while one looks."""
    return line if line.startswith("#") else line.rpartition(" ")[0]


def test_the_page_of_the_service_is_that_of_the_library() -> None:
    metrics.FALLBACKS.labels("primary", "extractive", "timeout").inc()
    metrics.HTTP_REQUEST_DURATION.labels("GET", "/livez", "200").observe(0.02)
    ours, theirs = metrics.render().decode(), generate_latest(metrics.REGISTRY).decode()
    assert [series(line) for line in ours.splitlines()] == [series(line) for line in theirs.splitlines()]


def test_a_page_with_all_series_costs_20_ms_of_cpu_at_most() -> None:
    registry = CollectorRegistry()
    histogram = Histogram("h_seconds", "x", ["method", "route", "status"], registry=registry)
    for number in range(
        250
    ):  # 40 routes with six statuses each: all that the service has, and seldom all at once
        histogram.labels("GET", f"/api/v1/things/{number}", "200").observe(number / 50)
    exposition, times_s = Exposition(registry), []
    exposition.page()
    for _ in range(20):
        began_s = time.thread_time()
        exposition.page()
        times_s.append(time.thread_time() - began_s)
    assert sorted(times_s)[18] <= 0.02
