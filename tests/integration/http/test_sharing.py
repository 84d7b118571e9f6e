"""Two users over HTTP: what one has the other neither sees nor changes, until it is shared with him."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import anyio
import pytest
from httpx import AsyncClient, Response

from kotaemon_async.domain.callers import Caller
from kotaemon_async.http.dependencies import HttpLimits
from tests.support.callers import ADMIN, ALICE, BOB, KeyedUsers
from tests.support.fakes import Fakes, listening, problem_of, serving

DOCUMENTS, COLLECTIONS = "/api/v1/documents", "/api/v1/collections"
#: What every one of these asks of a document.
OF_ONE = [
    ("GET", ""),
    ("GET", "/content"),
    ("HEAD", "/content"),
    ("GET", "/events"),
    ("PATCH", ""),
    ("DELETE", ""),
    ("POST", "/retry"),
    ("POST", "/retry?force=true"),
    ("POST", "/cancel"),
]


class User:
    """One user's requests."""

    def __init__(self, client: AsyncClient, caller: Caller) -> None:
        self.client, self.headers = client, {"Authorization": f"Bearer {caller.user}"}

    async def ask(self, method: str, path: str, **given: Any) -> Response:
        headers = self.headers | given.pop("headers", {})
        return await self.client.request(method, path, headers=headers, **given)

    async def hand_in(self, text: str = "words", *, key: str | None = None, **fields: str) -> Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        files = {"file": ("a.txt", text.encode())}
        return await self.ask("POST", DOCUMENTS, files=files, data=fields, headers=headers)

    async def ids(self, **query: str) -> list[str]:
        found = (await self.ask("GET", DOCUMENTS, params=query)).json()["items"]
        return [one["id"] for one in found]

    async def share(self, name: str, **change: Any) -> Response:
        return await self.ask("PATCH", f"{COLLECTIONS}/{name}", json=change)


@pytest.fixture
async def client(services: Fakes) -> AsyncIterator[AsyncClient]:
    async with serving(services, HttpLimits(linger_s=1.0), keys=KeyedUsers(ALICE, BOB, ADMIN)) as found:
        yield found


@pytest.fixture
def alice(client: AsyncClient) -> User:
    return User(client, ALICE)


@pytest.fixture
def bob(client: AsyncClient) -> User:
    return User(client, BOB)


def said(reply: Response, *ids: str) -> tuple[int, str, Mapping[str, Any]]:
    """All of a refusal but its trace, the ids in it made equal."""
    text = reply.text
    for one in ids:
        text = text.replace(one, "ID")
    body = reply.json() if text else {}
    return reply.status_code, text.replace(body.get("trace_id", "-"), ""), dict(body, trace_id="", detail="")


@pytest.mark.parametrize(("method", "what"), OF_ONE)
async def test_a_foreign_document_is_answered_as_one_that_is_not_there(
    alice: User, bob: User, method: str, what: str
) -> None:
    document = (await alice.hand_in()).json()["id"]
    body = {"json": {"collection": "mine"}} if method == "PATCH" else {}
    there, not_there = [
        await bob.ask(method, f"{DOCUMENTS}/{one}{what}", **body) for one in (document, "doc_0")
    ]
    assert there.status_code == 404
    assert said(there, document) == said(not_there, "doc_0")
    assert (await alice.ask("GET", f"{DOCUMENTS}/{document}")).json()["status"] == "queued"


@pytest.mark.parametrize(("method", "what"), OF_ONE[4:])
async def test_a_document_that_may_only_be_read_is_not_changed(
    alice: User, bob: User, method: str, what: str
) -> None:
    document = (await alice.hand_in(collection="papers")).json()["id"]
    await alice.share("papers", shares=[{"user": "bob", "rights": "read"}])
    body = {"json": {"collection": "mine"}} if method == "PATCH" else {}
    reply = await bob.ask(method, f"{DOCUMENTS}/{document}{what}", **body)
    assert problem_of(reply) == (403, "forbidden")
    assert await bob.ids() == [document]


async def test_who_may_write_changes_documents_of_others(alice: User, bob: User) -> None:
    document = (await alice.hand_in(collection="papers")).json()["id"]
    await alice.share("papers", shares=[{"group": "staff", "rights": "write"}])
    assert (await bob.ask("POST", f"{DOCUMENTS}/{document}/cancel")).status_code == 200
    assert (await bob.hand_in("more", collection="papers")).status_code == 202
    assert (await bob.ask("DELETE", f"{DOCUMENTS}/{document}")).status_code == 204


async def test_the_same_bytes_are_new_to_each_user(alice: User, bob: User) -> None:
    first, again, other = await alice.hand_in(), await alice.hand_in(), await bob.hand_in()
    assert [one.status_code for one in (first, again, other)] == [202, 200, 202]
    assert first.json()["id"] == again.json()["id"] != other.json()["id"]
    assert [one.json()["collection"] for one in (first, other)] == ["default", "default"]


async def test_an_idempotency_key_is_each_user_s_own(alice: User, bob: User) -> None:
    first, other = await alice.hand_in("one", key="k"), await bob.hand_in("two", key="k")
    assert (first.status_code, other.status_code) == (202, 202)
    assert "idempotent-replayed" not in other.headers
    again = await alice.hand_in("one", key="k")
    assert (again.json()["id"], again.headers["idempotent-replayed"]) == (first.json()["id"], "true")


async def test_a_reply_is_not_given_again_to_one_who_may_not_write_there_any_more(
    alice: User, bob: User
) -> None:
    await alice.ask("PUT", f"{COLLECTIONS}/papers", json={"shares": [{"user": "bob", "rights": "write"}]})
    assert (await bob.hand_in(key="k", collection="papers")).status_code == 202
    await alice.share("papers", shares=[])
    assert problem_of(await bob.hand_in(key="k", collection="papers")) == (404, "not_found")


async def test_a_foreign_collection_takes_no_upload(alice: User, bob: User) -> None:
    await alice.hand_in(collection="papers")
    assert problem_of(await bob.hand_in(collection="papers")) == (404, "not_found")
    await alice.share("papers", public="read")
    assert problem_of(await bob.hand_in(collection="papers")) == (403, "forbidden")
    assert (await bob.ids(), len(await alice.ids())) == (await alice.ids(), 1)


async def test_a_collection_that_takes_no_upload_refuses_it_before_it_is_sent(alice: User, bob: User) -> None:
    await alice.hand_in(collection="papers")
    head = (
        f"POST {DOCUMENTS} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {bob.headers['Authorization']}\r\n"
    )
    head += "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9000\r\n\r\n"
    head += '--x\r\nContent-Disposition: form-data; name="collection"\r\n\r\npapers\r\n'
    head += '--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nWords'
    async with await anyio.connect_tcp("127.0.0.1", bob.client.base_url.port or 0) as sending:
        await sending.send(head.encode())
        with anyio.fail_after(60):
            assert (await sending.receive()).startswith(b"HTTP/1.1 404 ")


async def test_lists_hold_what_is_the_caller_s(alice: User, bob: User) -> None:
    document = (await alice.hand_in()).json()["id"]
    assert await bob.ids() == await bob.ids(collection="default") == await bob.ids(parent_id=document) == []
    assert await bob.ids(collection="default@alice") == await bob.ids(q="a.txt") == []
    assert await alice.ids(collection="default") == [document]


async def test_a_move_needs_both_places(alice: User, bob: User) -> None:
    document = (await alice.hand_in(collection="papers")).json()["id"]
    await bob.hand_in("other", collection="bobs")
    move = f"{DOCUMENTS}/{document}"
    assert problem_of(await alice.ask("PATCH", move, json={"collection": "bobs"})) == (404, "not_found")
    await bob.share("bobs", public="read")
    assert problem_of(await alice.ask("PATCH", move, json={"collection": "bobs"})) == (403, "forbidden")
    await bob.share("bobs", public="write")
    assert (await alice.ask("PATCH", move, json={"collection": "bobs"})).json()["collection"] == "bobs"


async def test_failed_documents_start_anew_where_the_caller_may_write(
    alice: User, bob: User, services: Fakes
) -> None:
    for user in (alice, bob):
        await user.hand_in(collection=f"of {user.headers['Authorization'][7:]}")
    await services.ledger.database.write(lambda conn: conn.execute("UPDATE documents SET status = 'failed'"))
    await alice.share("of alice", public="read")
    again = await bob.ask("POST", f"{DOCUMENTS}/retry?collection=of alice")
    assert problem_of(again) == (403, "forbidden")
    assert (await bob.ask("POST", f"{DOCUMENTS}/retry?collection=nowhere")).json() == {"retried": 0}
    assert (await bob.ask("POST", f"{DOCUMENTS}/retry")).json() == {"retried": 1}


async def test_a_search_looks_where_the_caller_may(alice: User, bob: User, services: Fakes) -> None:
    document = (await alice.hand_in(collection="papers")).json()["id"]
    for body in ({"collection": "papers"}, {"document_ids": [document]}, {}):
        await bob.ask("POST", "/api/v1/search", json={"query": "words", **body})
    await alice.ask("POST", "/api/v1/search", json={"query": "words"})
    assert [scope.collections for _, scope, _, _ in services.retrieval.asked] == [(), (), (), ("papers",)]


async def test_collections_are_told_to_whom_they_concern(alice: User, bob: User) -> None:
    await alice.hand_in(collection="papers")
    await alice.hand_in()
    assert (await bob.ask("GET", COLLECTIONS)).json()["items"] == []
    await alice.share("papers", shares=[{"user": "bob", "rights": "read"}])
    (found,) = (await bob.ask("GET", COLLECTIONS)).json()["items"]
    told = found["name"], found["owner"], found["access"], found["rights"], found["documents"]
    assert told == ("papers", "alice", "shared", "read", 1)
    names = [one["name"] for one in (await alice.ask("GET", COLLECTIONS)).json()["items"]]
    assert names == ["default", "papers"]


async def test_shares_are_told_to_the_owner_alone(alice: User, bob: User) -> None:
    shares = [{"rights": "read", "user": "bob"}, {"rights": "write", "group": "editors"}]
    made = await alice.ask("PUT", f"{COLLECTIONS}/papers", json={"shares": shares})
    assert (made.status_code, made.json()["shares"], made.json()["public"]) == (201, shares, None)
    seen = await bob.ask("GET", f"{COLLECTIONS}/papers")
    assert (seen.status_code, seen.json()["shares"]) == (200, None)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_a_foreign_collection_is_answered_as_one_that_is_not_there(
    alice: User, bob: User, method: str
) -> None:
    await alice.ask("PUT", f"{COLLECTIONS}/papers")
    body = {"json": {"public": "write"}} if method == "PATCH" else {}
    replies = [await bob.ask(method, f"{COLLECTIONS}/{name}", **body) for name in ("papers", "nowhere")]
    assert said(replies[0], "papers") == said(replies[1], "nowhere")
    assert replies[0].status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"shares": [{"rights": "read"}]},
        {"shares": [{"rights": "read", "user": "a", "group": "b"}]},
        {"shares": [{"rights": "own", "user": "a"}]},
        {"shares": [{"rights": "read", "user": "a/b"}]},
        {"public": "own"},
        {"owner": ""},
        {"own": "alice"},
    ],
)
async def test_a_wrong_change_of_a_collection_is_refused(alice: User, change: dict[str, Any]) -> None:
    await alice.ask("PUT", f"{COLLECTIONS}/papers")
    assert problem_of(await alice.share("papers", **change)) == (400, "bad_request")


async def test_an_empty_collection_is_deleted(alice: User) -> None:
    document = (await alice.hand_in(collection="papers")).json()["id"]
    papers = f"{COLLECTIONS}/papers"
    assert problem_of(await alice.ask("DELETE", papers)) == (409, "conflict")
    await alice.ask("DELETE", f"{DOCUMENTS}/{document}")
    assert (await alice.ask("DELETE", papers)).status_code == 204
    assert (await alice.ask("GET", papers)).status_code == 404


async def test_the_stream_of_all_documents_tells_each_his_own(alice: User, bob: User) -> None:
    with anyio.fail_after(60):
        async with listening(bob.client, "GET", f"{DOCUMENTS}/events", headers=bob.headers) as events:
            assert (await anext(events))["event"] == "open"
            foreign = (await alice.hand_in("foreign", collection="papers")).json()["id"]
            await alice.ask("DELETE", f"{DOCUMENTS}/{foreign}")
            own = (await bob.hand_in("own")).json()["id"]
            heard = await anext(events)
    assert heard["event"] == "document" and own in heard["data"] and '"default"' in heard["data"]


async def test_an_admin_sees_all_by_its_kept_name(alice: User, client: AsyncClient) -> None:
    document = (await alice.hand_in()).json()["id"]
    root = User(client, ADMIN)
    found = (await root.ask("GET", f"{DOCUMENTS}/{document}")).json()
    assert (found["collection"], await root.ids(collection="default@alice")) == ("default@alice", [document])
