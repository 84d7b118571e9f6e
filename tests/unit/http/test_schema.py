"""The OpenAPI description has an example for every body."""

from collections.abc import Iterator

import pytest
from litestar._openapi.plugin import OpenAPIPlugin

from kotaemon_async.domain.errors import CODES
from kotaemon_async.http import schema
from kotaemon_async.http.server import make_app

Bodies = Iterator[tuple[str, dict[str, object]]]


@pytest.fixture(scope="module")
def described() -> dict[str, object]:
    app = make_app(None)  # type: ignore[arg-type]
    found = app.plugins.get(OpenAPIPlugin).provide_openapi_schema()
    schema.finish(found)
    return found


def bodies(described: dict) -> Bodies:  # type: ignore[type-arg]
    """Where and what, for every request and response body."""
    for path, item in described["paths"].items():
        for method, operation in item.items():
            replies = {f"{method} {path} {status}": one for status, one in operation["responses"].items()}
            replies[f"{method} {path} request"] = operation.get("requestBody", {})
            for where, reply in replies.items():
                for media_type, content in (reply.get("content") or {}).items():
                    yield f"{where} {media_type}", content


def test_every_body_has_an_example(described: dict[str, object]) -> None:
    bare = [
        where
        for where, content in bodies(described)
        if not (content.get("example") or content.get("examples"))
    ]
    assert bare == []


def test_every_failure_is_a_problem_with_a_known_code(described: dict[str, object]) -> None:
    failures = [content["examples"] for where, content in bodies(described) if "problem+json" in where]
    codes = {code for examples in failures for code in examples}  # type: ignore[attr-defined]
    assert {"not_found", "too_large", "busy", "internal"} <= codes <= set(CODES)


def test_every_operation_describes_an_internal_failure(described: dict[str, object]) -> None:
    paths: dict[str, dict[str, dict[str, dict[str, object]]]] = described["paths"]  # type: ignore[assignment]
    assert [
        path for path, item in paths.items() for one in item.values() if "500" not in one["responses"]
    ] == []


def test_every_operation_says_what_it_is_for(described: dict) -> None:  # type: ignore[type-arg]
    operations = [one for item in described["paths"].values() for one in item.values()]
    assert [one for one in operations if not (one["summary"] and one["description"] and one["tags"])] == []
    given = [(part["name"], part) for one in operations for part in one.get("parameters", ())]
    assert {name for name, part in given if not part.get("description")} == set()


def test_whoever_connects_may_be_told_that_there_are_too_many(described: dict) -> None:  # type: ignore[type-arg]
    operations = [one for item in described["paths"].values() for one in item.values()]
    crowded = [next(iter(one["responses"]["503"]["content"].values()))["examples"] for one in operations]
    assert {one["busy"]["value"].get("status", 503) for one in crowded} == {503}


def test_the_contract_is_described(described: dict[str, object]) -> None:
    paths: dict[str, dict[str, object]] = described["paths"]  # type: ignore[assignment]
    calls = {f"{method} {path}" for path, item in paths.items() for method in item}
    assert {"post /api/v1/documents", "get /api/v1/documents", "post /api/v1/search"} <= calls
    assert {"post /api/v1/answers", "get /api/v1/answers/{answer_id}", "get /healthz"} <= calls


def test_the_health_and_the_sign_in_ask_for_no_key(described: dict) -> None:  # type: ignore[type-arg]
    operations = [(path, one) for path, item in described["paths"].items() for one in item.values()]
    open_ones = {path for path, one in operations if one.get("security") == []}
    assert open_ones == {"/livez", "/readyz", "/healthz", "/api/v1/session"}


def test_a_body_with_other_fields_than_these_is_no_body(described: dict) -> None:  # type: ignore[type-arg]
    assert described["components"]["schemas"]["SearchRequest"]["additionalProperties"] is False


def test_every_body_says_what_it_is(described: dict) -> None:  # type: ignore[type-arg]
    components = described["components"]["schemas"]
    bare = [name for name, one in components.items() if "properties" in one and not one.get("description")]
    assert bare == []
    assert components["CitationBody"]["description"].startswith("A quote that stands word for word")


def test_every_parameter_of_a_chat_says_what_it_does(described: dict) -> None:  # type: ignore[type-arg]
    fields = described["components"]["schemas"]["ChatRequest"]["properties"]
    assert [name for name, one in fields.items() if not one.get("description")] == []
    assert fields["temperature"]["description"] == "Accepted and not used."
    assert "`length`" in fields["max_tokens"]["description"]
