"""config/logs.md says what the code logs, and nothing else."""

import pytest

from tests.support.vocabulary import Event, events, made_up, table, words

COMMON = {"trace_id", "span_id", "request_id", "user_id", "doc_id", "job_id", "exception"}
OWN = {"timestamp", "level", "event"}
FIELDS = {row[0].strip("`"): row[1] for row in table("logs.md", "Fields")}
EVENTS = {row[0].strip("`"): row for row in table("logs.md", "Events")}


def test_every_event_of_the_code_is_on_the_page_and_no_other() -> None:
    assert set(EVENTS) == set(events())


@pytest.mark.parametrize(("slug", "event"), events().items(), ids=list(events()))
def test_an_event_has_the_levels_and_fields_that_the_page_names(slug: str, event: Event) -> None:
    row = EVENTS[slug]
    assert (set(row[1].split(", ")), words(row[2])) == (event.levels, event.fields)
    assert row[3], "say what it means"


def test_every_event_stands_in_the_code_as_it_is_logged() -> None:
    assert not made_up()


def test_every_field_has_a_type_and_is_used() -> None:
    used = set().union(*(event.fields for event in events().values())) | COMMON | OWN
    assert set(FIELDS) == used


def test_times_and_sizes_are_numbers_with_their_unit() -> None:
    assert {FIELDS[name] for name in FIELDS if name.endswith("_s")} == {"number"}
    assert {FIELDS[name] for name in FIELDS if name.endswith("_bytes")} == {"integer"}


def test_what_could_hold_somebodys_text_is_no_field() -> None:
    assert not set(FIELDS) & {"name", "document_name", "collection", "question", "query", "text", "title"}
