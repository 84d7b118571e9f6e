"""Every kind of caller tries every route of the router against everybody's objects, and finds nothing."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from kotaemon_async.http.server import make_app
from tests.support.fakes import listening
from tests.support.strangers import (
    FAILED_WORD,
    NAME_WORD,
    QUESTION,
    TEXT_WORD,
    TITLE_WORD,
    WORDS,
    Call,
    Seen,
    World,
    make_objects,
    open_world,
)

UNKNOWN = ("nobody", "wrong key", "revoked key", "expired key")
STRANGERS = ("stranger", "may ask", "may write", "session", "user by proxy")
READERS = ("reader", "in the group")

DOCUMENT, CONVERSATION = "/api/v1/documents/{document_id}", "/api/v1/conversations/{conversation_id}"
COLLECTION = "/api/v1/collections/{name}"
#: What stands for a part of a path; a route with any of these is tried without being described here.
PARTS = {
    "document_id": ("{document}", "{failed}", "{archive}"),
    "conversation_id": ("{conversation}",),
    "answer_id": ("{answer}", "{alone}"),
    "trace_id": ("{trace}", "{document}", "{answer}", "{request}"),
    "incident_id": ("{incident}",),
    "key_id": ("{key}",),
    "model_id": ("kotaemon/{collection}",),
    "number": ("1",),
    "link_name": ("main",),
}
NAMES = {
    COLLECTION: "{collection}",
    COLLECTION + "/overview": "{collection}",
    DOCUMENT + "/pages/{name}": "1.png",
}
#: What is sent where a body has to be.
BODIES: Mapping[tuple[str, str], object] = {
    ("PATCH", DOCUMENT): {"collection": "elsewhere"},
    ("PATCH", CONVERSATION): {"title": "Mine"},
    ("PUT", "/api/v1/answers/{answer_id}/feedback"): {"verdict": "down"},
    ("PUT", COLLECTION): {"public": "write"},
    ("PATCH", COLLECTION): {"public": "write"},
}
ASKED = {"query": QUESTION}
CHAT = [{"role": "user", "content": QUESTION}]
#: Routes that name no object in their path, and ways to name one beside it.
CALLS: Mapping[tuple[str, str], tuple[Call, ...]] = {
    ("GET", "/api/v1/documents"): (
        Call("GET", "/api/v1/documents"),
        *(
            Call("GET", "/api/v1/documents", params=params)
            for params in (
                {"collection": "{collection}"},
                {"parent_id": "{archive}"},
                {"q": NAME_WORD[:5]},
                {"q": FAILED_WORD[:5], "status": "failed"},
            )
        ),
        Call("GET", "/api/v1/documents", params={"cursor": "{cursor}"}, may_differ=True),
    ),
    ("POST", "/api/v1/documents"): (
        Call("POST", "/api/v1/documents", form={"collection": "{collection}"}, may_differ=True),
        Call(
            "POST",
            "/api/v1/documents",
            form={"collection": "my own"},
            headers={"Idempotency-Key": "{idempotency}"},
        ),
    ),
    ("POST", "/api/v1/documents/retry"): (
        Call("POST", "/api/v1/documents/retry"),
        Call("POST", "/api/v1/documents/retry", params={"collection": "{collection}"}),
    ),
    ("GET", "/api/v1/documents/events"): (Call("GET", "/api/v1/documents/events"),),
    ("GET", DOCUMENT + "/events"): (
        Call("GET", "/api/v1/documents/{document}/events", headers={"Last-Event-ID": "0"}),
    ),
    ("GET", DOCUMENT + "/pages/{name}"): (
        Call("GET", "/api/v1/documents/{document}/pages/1.png", params={"highlight": "{citation}"}),
        Call("GET", "/api/v1/documents/{document}/pages/1"),
        Call("GET", "/api/v1/documents/{document}/pages/1", params={"highlight": "{citation}"}),
        Call("GET", "/api/v1/documents/{document}/pages/1", params={"q": TEXT_WORD[:5]}),
    ),
    ("GET", DOCUMENT + "/find"): (
        Call("GET", "/api/v1/documents/{document}/find", params={"q": TEXT_WORD[:5]}),
    ),
    ("GET", DOCUMENT + "/passages"): (
        Call("GET", "/api/v1/documents/{document}/passages", params={"cursor": "0.0"}),
    ),
    ("GET", "/api/v1/suggestions"): tuple(
        Call("GET", "/api/v1/suggestions", params=params)
        for params in ({}, {"collection": "{collection}"}, {"document_id": "{document}"})
    ),
    ("GET", "/api/v1/collections"): (Call("GET", "/api/v1/collections"),),
    ("GET", "/api/v1/conversations"): (
        Call("GET", "/api/v1/conversations"),
        Call("GET", "/api/v1/conversations", params={"q": TITLE_WORD[:5]}),
    ),
    ("GET", "/api/v1/events"): (
        Call("GET", "/api/v1/events", params={"about": "documents"}),
        Call("GET", "/api/v1/events", params={"about": "conversations/{conversation}"}),
    ),
    ("GET", "/api/v1/conversations/events"): (Call("GET", "/api/v1/conversations/events"),),
    ("POST", "/api/v1/conversations"): (Call("POST", "/api/v1/conversations", {"title": "Mine"}),),
    ("POST", "/api/v1/conversations/delete"): (
        Call("POST", "/api/v1/conversations/delete", {"ids": ["{conversation}"]}),
    ),
    ("POST", "/api/v1/search"): tuple(
        Call("POST", "/api/v1/search", ASKED | more)
        for more in (
            {},
            {"mode": "keyword"},
            {"mode": "vector"},
            {"collection": "{collection}"},
            {"document_ids": ["{document}"]},
            {"document_ids": ["{document}"], "collection": "{collection}"},
        )
    ),
    ("POST", "/api/v1/answers"): (
        *(
            Call("POST", "/api/v1/answers", {"question": question, "stream": stream} | more)
            for question in (QUESTION, "Which documents are there?", "Summarize the document.")
            for stream in (False, True)
            for more in ({}, {"collection": "{collection}"}, {"document_ids": ["{document}"]})
        ),
        Call(
            "POST",
            "/api/v1/answers",
            {"question": "And in which year?", "conversation_id": "{conversation}"},
            may_differ=True,
        ),
        Call("POST", "/api/v1/answers", {"question": "And in which year?", "replaces": "{answer}"}),
    ),
    ("POST", "/v1/chat/completions"): tuple(
        Call("POST", "/v1/chat/completions", {"model": model, "messages": CHAT, "stream": stream})
        for model in ("kotaemon", "kotaemon/{collection}")
        for stream in (False, True)
    ),
    # A wrong token, so that the session lasts.
    ("DELETE", "/api/v1/session"): (Call("DELETE", "/api/v1/session", headers={"X-CSRF-Token": "wrong"}),),
    ("GET", "/web/{name}"): (Call("GET", "/web/icon.svg"),),
    ("GET", "/schema/{path}"): (Call("GET", "/schema/swagger"),),
    **{
        (method, path): (Call(method, path, body),)
        for method, path, body in (
            ("GET", "/v1/models", None),
            ("GET", "/livez", None),
            ("GET", "/readyz", None),
            ("GET", "/metrics", None),
            ("GET", "/api/v1/figures", None),
            ("POST", "/api/v1/doctor", {}),
            ("GET", "/api/v1/incidents", None),
            ("GET", "/api/v1/models", None),
            ("POST", "/api/v1/models", {"change": "stop"}),
            ("GET", "/", None),
            ("GET", "/favicon.ico", None),
            ("GET", "/schema", None),
            ("GET", "/schema/openapi.json", None),
            ("GET", "/healthz", None),
            ("GET", "/api/v1/me", None),
            ("GET", "/api/v1/keys", None),
            ("POST", "/api/v1/keys", {"name": "mine", "scopes": ["admin"]}),
            ("GET", "/api/v1/audit", None),
            ("GET", "/api/v1/feedback", None),
            ("GET", "/api/v1/links", None),
            ("GET", "/api/v1/settings", None),
            ("PUT", "/api/v1/settings", {"answers": {"length": "short"}}),
            ("POST", "/api/v1/session", {"key": "kot_wrong"}),
        )
    },
}


def routes() -> dict[tuple[str, str], HTTPRouteHandler]:
    """The handler of each method of each path of the router, in the same order in every process."""
    found: dict[tuple[str, str], HTTPRouteHandler] = {}
    for route in make_app(None).routes:  # type: ignore[arg-type]
        if isinstance(route, HTTPRoute):
            handlers = route.route_handler_map.items()
            found |= {(method, route.path_format): handler for method, (handler, _) in handlers}
    return {one: found[one] for one in sorted(found) if one[0] not in ("OPTIONS", "HEAD")}


def calls(method: str, path: str) -> list[Call]:
    """What is tried of a route; nothing when it is neither described nor names something known."""
    described = list(CALLS.get((method, path), ()))
    named = re.findall(r"\{(\w+)\}", path)
    found = [path] if named and all(one in PARTS or path in NAMES for one in named) else []
    for part in named:
        ways = PARTS.get(part, (NAMES.get(path, ""),))
        found = [one.replace(f"{{{part}}}", way) for one in found for way in ways]
    may_differ = (method, path) == ("PUT", COLLECTION)
    body = BODIES.get((method, path))
    return [Call(method, one, body, may_differ=may_differ) for one in found] + described


ALL = [(call, handler) for route, handler in routes().items() for call in calls(*route)]
NEEDS = {call: handler.opt.get("needs", ("ask",)) for call, handler in ALL}
OPENLY = [call for call, needs in NEEDS.items() if not needs]
HIDDEN = [call for call, needs in NEEDS.items() if needs]


@pytest.mark.parametrize("route", routes(), ids=" ".join)
def test_every_route_of_the_router_is_tried(route: tuple[str, str]) -> None:
    assert calls(*route), "say in CALLS or PARTS how somebody would reach for what is another's here"


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path_factory.mktemp("world"), model_folder) as opened:
        yield opened


@dataclass(frozen=True, slots=True)
class Views:
    """What strangers see where Alice has nothing, what when she has, and what she sees herself."""

    before: Mapping[tuple[str, Call], Seen]
    after: Mapping[tuple[str, Call], Seen]
    hers: Mapping[Call, Seen]


#: What is there changes by itself in these.
LIVE = ("/metrics", "/healthz", "/readyz", "/api/v1/figures")
LISTS = [call for call in NEEDS if call.method == "GET" and not call.names_ids and call.path not in LIVE]
#: What has no page, and of the page a part that is not there.
LACKING = ("{failed}/pages", "/schema/swagger")
HERS = [
    call
    for call in HIDDEN
    if call.method == "GET" and NEEDS[call] != ("admin",) and not any(one in call.path for one in LACKING)
]
#: What belongs to its user whatever is shared.
PRIVATE = ("conversation", "answer", "alone", "trace", "request", "citation")
OF_USERS = [
    call for call in HIDDEN if "/traces/" in call.path or any(f"{{{one}}}" in str(call) for one in PRIVATE)
]
SHARED = [call for call in HIDDEN if call.names_ids and call not in OF_USERS and NEEDS[call] != ("admin",)]


@pytest.fixture(scope="module")
async def views(world: World) -> Views:
    """Alice makes her objects, between two looks of the strangers."""
    who = (*UNKNOWN, *STRANGERS)
    before = {(one, call): await world.seen(one, call, {}) for one in who for call in LISTS}
    await make_objects(world)
    for one in (await world.sent("owner", "GET", "/api/v1/documents"))["items"]:
        # Made when it is first asked for, so that no later look is another one.
        await world.sent("owner", "GET", f"/api/v1/documents/{one['id']}/overview")
    after = {(one, call): await world.seen(one, call, {}) for one in who for call in LISTS}
    return Views(before, after, {call: await world.seen("owner", call, world.theirs) for call in HERS})


def told(call: Call, seen: Seen) -> list[str]:
    """The words of Alice's that a reply holds, beyond what the caller sent himself."""
    return [word for word in WORDS if word in seen.body.casefold() and word not in str(call).casefold()]


async def refused(world: World, who: str, call: Call, *names: str) -> Seen:
    """What the caller gets, which is what he gets of objects that do not exist."""
    seen = await world.seen(who, call, world.theirs)
    assert told(call, seen) == []
    if call.names_ids and not call.may_differ:
        assert seen == await world.seen(who, call, world.missing(*names))
    return seen


@pytest.mark.parametrize("call", OPENLY, ids=str)
@pytest.mark.parametrize("who", [*UNKNOWN, *STRANGERS])
async def test_what_is_open_to_all_tells_nothing(who: str, call: Call, world: World, views: Views) -> None:
    await refused(world, who, call)


@pytest.mark.parametrize("call", HIDDEN, ids=str)
@pytest.mark.parametrize("who", UNKNOWN)
async def test_whoever_is_not_known_gets_no_further(who: str, call: Call, world: World, views: Views) -> None:
    seen = await refused(world, who, call)
    assert (seen.status, "unauthorized" in seen.body) == (401, True)


@pytest.mark.parametrize("call", HIDDEN, ids=str)
@pytest.mark.parametrize("who", STRANGERS)
async def test_strangers_find_nothing(who: str, call: Call, world: World, views: Views) -> None:
    await refused(world, who, call)


ADMINS = (
    "/metrics",
    "/figures",
    "/doctor",
    "/incidents",
    "/v1/models",
    "/keys",
    "/audit",
    "/api/v1/feedback",
)
FOR_ADMINS = [call for call in HIDDEN if any(one in call.path for one in ADMINS) and call.path[:4] != "/v1/"]


@pytest.mark.parametrize("call", FOR_ADMINS, ids=str)
async def test_looking_after_the_service_is_for_admins(call: Call, world: World, views: Views) -> None:
    seen = await world.seen("owner", call, world.theirs)
    assert (seen.status, "forbidden" in seen.body) == (403, True)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_chat_over_anothers_collection_is_one_over_none(
    stream: bool, world: World, views: Views
) -> None:
    body = {"model": "kotaemon/{collection}", "messages": CHAT, "stream": stream}
    seen = await world.seen("stranger", Call("POST", "/v1/chat/completions", body), world.theirs)
    assert (seen.status, "There is no model 'kotaemon/<collection>'." in seen.body) == (404, True)


async def test_lists_and_counts_of_strangers_are_what_they_were(views: Views) -> None:
    differ = [key for key in views.before if views.before[key] != views.after[key]]
    assert (len(views.before) > 50, differ) == (True, [])


@pytest.mark.parametrize("call", HERS, ids=str)
async def test_the_owner_finds_all_of_it(call: Call, views: Views) -> None:
    seen = views.hers[call]
    assert seen.status in (200, 206), seen


@pytest.mark.parametrize("call", OF_USERS, ids=str)
@pytest.mark.parametrize("who", ["reader", "in the group", "writer", "admin"])
async def test_what_is_a_users_own_is_shared_with_nobody(
    who: str, call: Call, world: World, views: Views
) -> None:
    if who == "admin" and "/traces/" in call.path:
        assert (await world.seen(who, call, world.theirs)).status == 200
    else:
        await refused(world, who, call, *([] if "/traces/" in call.path else PRIVATE))


@pytest.mark.parametrize("call", SHARED, ids=str)
@pytest.mark.parametrize("who", ["reader", "in the group"])
async def test_who_may_read_changes_nothing(who: str, call: Call, world: World, views: Views) -> None:
    seen = await world.seen(who, call, world.theirs)
    if call.method == "GET" and call in views.hers:
        assert seen.status == views.hers[call].status
    elif call.method != "GET" and "/search" not in call.path and "answers" not in call.path:
        assert seen.status == 403 or "chat" in call.path or "Idempotency-Key" in call.headers


async def test_what_is_shared_is_searched_and_cited(world: World, views: Views) -> None:
    for who in ("reader", "in the group", "writer", "admin", "owner"):
        for call in (
            Call("POST", "/api/v1/search", ASKED),
            Call("POST", "/api/v1/answers", {"question": QUESTION}),
        ):
            assert TEXT_WORD in (await world.seen(who, call, {})).body.casefold()


async def test_nothing_of_hers_has_changed(world: World, views: Views) -> None:
    """All of the above has been tried."""
    now = {call: await world.seen("owner", call, world.theirs) for call in HERS}
    assert [call for call in HERS if now[call] != views.hers[call]] == []


async def test_what_an_upload_led_to_is_told_by_its_senders_name(world: World, views: Views) -> None:
    path = await world.sent("owner", "GET", f"/api/v1/traces/{world.theirs['archive']}")
    assert {"POST /api/v1/documents", "job", "ingest", "ready"} <= {one["name"] for one in path["spans"]}
    assert {one["attributes"].get("user_id") for one in path["spans"]} == {world.theirs["key"]}


@pytest.mark.parametrize("who", ["owner", "admin", "stranger"])
async def test_a_header_continues_another_trace_for_admins_alone(
    who: str, world: World, views: Views
) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = world.headers(who) | {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
    reply = await world.client.get("/api/v1/me", headers=headers)
    assert (reply.status_code, reply.headers["x-trace-id"] == trace_id) == (200, who == "admin")


async def test_the_feed_tells_each_what_he_may_see(world: World, views: Views) -> None:
    names: dict[str, list[str]] = {}
    heard = {FAILED_WORD, NAME_WORD}, {NAME_WORD}

    def told_of(who: str) -> set[str]:
        return {word for word in WORDS if word in str(names[who])}

    async def listen(who: str) -> None:
        path, headers = "/api/v1/documents/events", world.headers(who)
        async with listening(world.client, "GET", path, headers=headers) as events:
            async for event in events:
                names.setdefault(who, []).append(json.loads(event["data"]).get("name", ""))
                if names[who][-1] == "last.md":
                    return

    async def hand_in(name: str, collection: str) -> None:
        form = {"files": {"file": (name, name.encode())}, "data": {"collection": collection}}
        await world.sent("owner", "POST", "/api/v1/documents", **form)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            for who in ("owner", "reader", "stranger"):
                group.start_soon(listen, who)
            while len(names) < 3:  # noqa: ASYNC110 - what is heard has no event
                await anyio.sleep(0.01)
            await hand_in(f"{FAILED_WORD}.md", "hers alone")
            await hand_in(f"{NAME_WORD} again.md", world.theirs["collection"])
            while (told_of("owner"), told_of("reader")) != heard:  # noqa: ASYNC110 - as above
                await anyio.sleep(0.01)
            await world.sent("owner", "PUT", "/api/v1/collections/for all", json={"public": "read"})
            await hand_in("last.md", "for all")
    assert (told_of("stranger"), told_of("reader")) == (set(), {NAME_WORD})
