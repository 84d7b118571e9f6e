"""One user's objects in a whole service in this process, and all kinds of callers who may not see them."""

import io
import json
import re
import secrets
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

import anyio
import httpx

from kotaemon_async.app.services import Services, open_services
from kotaemon_async.app.settings import Settings
from kotaemon_async.documents.ingest import ingest_document
from kotaemon_async.http.dependencies import HttpLimits
from kotaemon_async.http.settings import HttpSettings, LimitSettings
from kotaemon_async.search.settings import EmbeddingSettings
from kotaemon_async.stores.api_keys import checked_grant
from kotaemon_async.stores.incidents import IncidentBounds, IncidentStore, KeptIncident
from tests.support.fakes import serving
from tests.support.keys import bearer

#: Users with a key, what it may do, and their groups.
KEYS: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "owner": ("alice", "ask write", ()),
    "stranger": ("bob", "ask write", ("others",)),
    "may ask": ("amy", "ask", ()),
    "may write": ("wanda", "write", ()),
    "session": ("sid", "ask write", ()),
    "reader": ("carol", "ask write", ()),
    "in the group": ("erin", "ask write", ("team",)),
    "writer": ("dave", "ask write", ()),
    "admin": ("root", "admin", ()),
    "revoked key": ("alice", "ask write admin", ()),
    "expired key": ("alice", "ask write admin", ()),
}
#: Each stands in one object of Alice's, and nowhere else.
TEXT_WORD, NAME_WORD, FAILED_WORD, MEMBER_WORD = "zanthoquill", "ferromint", "gloamwick", "tarnbellow"
PLACE_WORD, TITLE_WORD, ASKED_WORD, REQUEST_WORD = "quartzvault", "hollowfen", "brackenlode", "ospreymarl"
WORDS: Final = (
    *(TEXT_WORD, NAME_WORD, FAILED_WORD, MEMBER_WORD),
    *(PLACE_WORD, TITLE_WORD, ASKED_WORD, REQUEST_WORD),
)
SENTENCE: Final = f"The long bridge over the river was opened by Mayor {TEXT_WORD} in the year 1931."
QUESTION: Final = "By whom was the long bridge over the river opened?"
_PAGE: Final = f"# The bridge\n\n{SENTENCE}\n\nFerries were in service until then."
_TRACE: Final = re.compile(r"\b[0-9a-f]{32}(?:[0-9a-f]{32})?\b")
_OWN: Final = re.compile(r"\b(?:ans|chatcmpl|conv|doc)[_-][0-9a-f]{8,}(?:\.\d+)?")
_TIMES: Final = re.compile(
    r'("(?:timings_s|usage)":)(?:\{[^{}]*\}|null)|"created":\d+|"age_s":[\d.]+|\d{4}-\d\d-\d\dT[\d:.]+Z'
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a caller got, without what differs from reply to reply."""

    status: int
    media_type: str
    body: str


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A request; `{document}` and the like stand for ids of Alice's objects, or for such as do not exist."""

    method: str
    path: str
    json: object = None
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    #: One that exists and is another's differs from one that may be made: only words are looked for.
    may_differ: bool = False

    def __str__(self) -> str:
        given = json.dumps([self.json, *self.params.items(), *self.headers.items()])
        return f"{self.method} {self.path} {given}"

    @property
    def names_ids(self) -> bool:
        """Whether it names an object of Alice's."""
        said = f"{self.path} {self.params} {self.headers} {self.form} {self.json}"
        return re.search(r"\{\w+\}", said) is not None


@dataclass
class World:
    """The service, the headers that each caller sends, and what Alice's objects are called."""

    services: Services
    client: httpx.AsyncClient
    people: Mapping[str, Mapping[str, str]]
    theirs: dict[str, str] = field(default_factory=dict)

    def missing(self, *names: str) -> dict[str, str]:
        """The ids, of which those named, or all, are of the same form and nothing has them."""
        chosen = names or self.theirs
        found = {name: _another(one) if name in chosen else one for name, one in self.theirs.items()}
        return found | {"citation": f"{found['answer']}.1"}

    def headers(self, who: str) -> dict[str, str]:
        """What the caller sends; from an address of its own, as wrong keys from one are slowed down."""
        address = ".".join(str(secrets.randbelow(250) + 1) for _ in range(4))
        return {**self.people[who], "X-Forwarded-For": address}

    async def seen(self, who: str, call: Call, ids: Mapping[str, str]) -> Seen:
        """What the caller gets; of an endless stream only how it begins."""
        request = self.client.build_request(
            call.method,
            _filled(call.path, ids),
            json=None if call.json is None else json.loads(_filled(json.dumps(call.json), ids)),
            params={key: _filled(one, ids) for key, one in call.params.items()} or None,
            headers=self.headers(who) | {key: _filled(one, ids) for key, one in call.headers.items()},
            **_form(call, ids),
        )
        reply = await self.client.send(request, stream=True)
        if reply.headers.get("content-type", "").startswith("text/event-stream") and "/events" in call.path:
            body = await anext(reply.aiter_text())
        else:
            body = (await reply.aread()).decode("utf-8", "replace")
        await reply.aclose()
        for name, one in ids.items():
            body = body.replace(one, f"<{name}>")
        body = _OWN.sub("<id>", _TIMES.sub("<time>", _TRACE.sub("<trace>", body)))
        return Seen(reply.status_code, reply.headers.get("content-type", ""), body)

    async def sent(self, who: str, method: str, path: str, **given: Any) -> dict[str, Any]:
        """The reply of a call that has to succeed."""
        headers = self.headers(who) | given.pop("headers", {})
        reply = await self.client.request(method, path, headers=headers, **given)
        assert reply.is_success, reply.text
        body: dict[str, Any] = reply.json() if reply.content else {}
        return body


def _filled(text: str, ids: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], found[0]), text)


def _form(call: Call, ids: Mapping[str, str]) -> dict[str, Any]:
    if call.form is None:
        return {}
    data = {key: _filled(one, ids) for key, one in call.form.items()}
    words = f"# Words\n\nNothing of note stands here but {secrets.token_hex(8)}."
    return {"files": {"file": ("note.md", words.encode())}, "data": data}


def _another(one: str) -> str:
    """An id of the same form; what is not random at its end gets another one."""
    end = one[-6:]
    swapped = end.translate(str.maketrans("0123456789abcdef", "123456789abcdef0"))
    return one[:-6] + (swapped if swapped != end else end[::-1] + "x")


@asynccontextmanager
async def open_world(folder: Path, model_folder: Path) -> AsyncIterator[World]:
    """A service in an empty folder that works on documents; callers bring keys, or a proxy names them."""
    http = HttpSettings(auth="proxy", trusted_proxies=(ip_network("127.0.0.1/32"),))
    limits = HttpLimits(http, callers=LimitSettings(requests_per_minute=0, questions_per_minute=0))
    settings = Settings(
        data_dir=folder / "data", embedding=EmbeddingSettings(folder=model_folder, threads=1), http=http
    )
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(open_services(settings))
        tasks = await stack.enter_async_context(anyio.create_task_group())
        stack.callback(tasks.cancel_scope.cancel)
        work = partial(services.broker.work, [ingest_document], {"ingest": services.ingest}, max_jobs=1)
        for task in (services.spaces.follow, services.dispatcher.run, services.tracing.run, work):
            tasks.start_soon(task)
        client = await stack.enter_async_context(serving(services, limits, keys=services.keys))
        yield World(services, client, await _people(services, client))


async def _people(services: Services, client: httpx.AsyncClient) -> dict[str, dict[str, str]]:
    """The headers that each kind of caller sends."""
    people = {"nobody": {}, "wrong key": bearer("kot_wrong"), "user by proxy": {"Remote-User": "pat"}}
    for who, (user, scopes, groups) in KEYS.items():
        ends_at_s = 1.0 if who == "expired key" else None
        made = await services.keys.create(checked_grant(user, None, groups, scopes.split(), ends_at_s))
        people[who] = bearer(made.secret)
        if who == "revoked key":
            await services.keys.revoke(made.key.id)
    return people | {"session": await _signed_in(client, people.pop("session"))}


async def _signed_in(client: httpx.AsyncClient, key: Mapping[str, str]) -> dict[str, str]:
    """What a page sends that was signed in with the key."""
    begun = await client.post("/api/v1/session", json={"key": key["Authorization"].removeprefix("Bearer ")})
    cookie = {"Cookie": f"kotaemon_session={begun.cookies['kotaemon_session']}"}
    client.cookies.clear()
    return cookie | {"X-CSRF-Token": begun.json()["csrf_token"], "Origin": str(client.base_url).rstrip("/")}


async def make_objects(world: World) -> None:
    """Have Alice make one of everything, each with a word of its own."""
    ids = world.theirs
    ids["key"] = (await world.sent("owner", "GET", "/api/v1/me"))["id"]
    ids["collection"] = f"{PLACE_WORD} 4f1d0b92"
    shares = [
        {"user": "carol", "rights": "read"},
        {"group": "team", "rights": "read"},
        {"user": "dave", "rights": "write"},
    ]
    path = f"/api/v1/collections/{ids['collection']}"
    await world.sent("owner", "PUT", path, json={"shares": shares})
    ids["document"] = await _handed_in(world, f"{NAME_WORD}.md", _PAGE.encode(), "ready")
    ids["idempotency"] = "4f1d0b92-once"
    ids["failed"] = await _handed_in(world, f"{FAILED_WORD}.pdf", b"%PDF-1.7 and no more", "failed")
    ids["archive"] = await _handed_in(world, "things.zip", _archive(), "ready")
    question = {"question": QUESTION, "collection": ids["collection"], "conversation_id": "conv_4f1d0b92aa11"}
    named = {"X-Request-ID": f"{REQUEST_WORD}-4f1d0b92"}
    answer = await world.sent("owner", "POST", "/api/v1/answers", json=question, headers=named)
    assert answer["citations"], answer
    ids |= {"answer": answer["id"], "trace": answer["trace_id"], "request": named["X-Request-ID"]}
    ids |= {"citation": answer["citations"][0]["id"], "conversation": question["conversation_id"]}
    renamed = {"title": f"About {TITLE_WORD}"}
    await world.sent("owner", "PATCH", f"/api/v1/conversations/{ids['conversation']}", json=renamed)
    first = await world.sent("owner", "GET", "/api/v1/documents", params={"limit": 1})
    ids["cursor"] = first["next_cursor"]
    alone = {"question": f"Who dug the {ASKED_WORD} mine?"}
    ids["alone"] = (await world.sent("owner", "POST", "/api/v1/answers", json=alone))["id"]
    ids["incident"] = "inc_4f1d0b92"
    kept = KeptIncident(ids["incident"], 1.0, None, "disk", "{}")
    await IncidentStore(world.services.traces.file, IncidentBounds(10, 1e9)).save([kept], 1.0)


async def _handed_in(world: World, name: str, data: bytes, status: str) -> str:
    form = {"files": {"file": (name, data)}, "data": {"collection": world.theirs["collection"]}}
    once = {"Idempotency-Key": world.theirs["idempotency"]} if status == "failed" else {}
    document = await world.sent("owner", "POST", "/api/v1/documents", headers=once, **form)
    with anyio.fail_after(60):
        while document["status"] != status:
            assert document["status"] in ("queued", "processing"), document
            await anyio.sleep(0.02)
            document = await world.sent("owner", "GET", f"/api/v1/documents/{document['id']}")
    return str(document["id"])


def _archive() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{MEMBER_WORD}.txt", f"The {MEMBER_WORD} ferry carried 40 cows.")
    return packed.getvalue()
