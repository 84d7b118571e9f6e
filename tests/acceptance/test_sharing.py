"""Two users of a running service: what is shared is found, and what is no more is gone within a second."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import httpx

from kotaemon_async.cli.throwaway import Throwaway
from tests.support.command import run
from tests.support.service import Start, eventually

DOCUMENTS, PAPERS = "/api/v1/documents", "/api/v1/collections/papers"
WORDS = "The lighthouse keeper of Arnholm wound the clock every evening at seven."


def user_of(service: Throwaway, name: str, stack: ExitStack) -> httpx.Client:
    """A client with a new key of the user, once the service knows it."""
    _, made, _ = run("keys", "create", name, "--json", data_dir=service.data_dir)
    headers = {"Authorization": f"Bearer {json.loads(made)['key']}"}
    client = httpx.Client(base_url=service.url, headers=headers, trust_env=False, timeout=30)
    stack.enter_context(client)
    eventually(lambda: client.get("/api/v1/me").json().get("user") == name, within_s=5)
    return client


def found_by(user: httpx.Client, **asked: Any) -> list[str]:
    """The documents in which a user finds the words."""
    body = {"query": "Who wound the clock at Arnholm?", **asked}
    return [one["document_id"] for one in user.post("/api/v1/search", json=body).json()["passages"]]


@contextmanager
def heard_by(user: httpx.Client) -> Iterator[Iterator[str]]:
    """The names and data of events that a user hears of all documents, as text."""
    with user.stream("GET", f"{DOCUMENTS}/events") as reply:
        yield (line for line in reply.iter_lines() if line.startswith(("event:", "data:")))


def next_event(lines: Iterator[str], wanted: str) -> str:
    """The data of the next event of that name."""
    return next(next(lines) for line in lines if line == f"event: {wanted}")


def test_what_is_shared_is_found_until_it_is_taken_back(start: Start) -> None:
    service = start({})
    with ExitStack() as stack:
        alice, bob = (user_of(service, name, stack) for name in ("alice", "bob"))
        sent = alice.post(
            DOCUMENTS, files={"file": ("a.txt", WORDS.encode())}, data={"collection": "papers"}
        ).json()
        here = f"{DOCUMENTS}/{sent['id']}"
        eventually(lambda: alice.get(here).json()["status"] == "ready")
        assert found_by(alice) == [sent["id"]]
        assert found_by(bob) == found_by(bob, collection="papers") == []
        assert found_by(bob, document_ids=[sent["id"]]) == []
        with heard_by(bob) as events:
            next_event(events, "open")
            alice.patch(PAPERS, json={"shares": [{"user": "bob", "rights": "read"}]}).raise_for_status()
            assert sent["id"] in next_event(events, "document")
            assert found_by(bob) == found_by(bob, collection="papers") == [sent["id"]]
            assert bob.get(f"{here}/pages/1.png").status_code == 200
            assert bob.delete(here).status_code == 403
            alice.patch(PAPERS, json={"shares": []}).raise_for_status()
            taken_s = time.monotonic()
            assert sent["id"] in next_event(events, "deleted")
            assert time.monotonic() - taken_s < 1
        assert [found_by(bob), bob.get(here).status_code, bob.get(f"{here}/pages/1.png").status_code] == [
            [],
            404,
            404,
        ]


def test_a_document_is_found_where_it_was_moved_to_at_once_and_by_nobody_else(start: Start) -> None:
    service = start({})
    with ExitStack() as stack:
        alice, bob = (user_of(service, name, stack) for name in ("alice", "bob"))
        alice.put(PAPERS, json={"public": "read"}).raise_for_status()
        sent = alice.post(
            DOCUMENTS, files={"file": ("a.txt", WORDS.encode())}, data={"collection": "papers"}
        ).json()
        here = f"{DOCUMENTS}/{sent['id']}"
        eventually(lambda: bob.get(here).json()["status"] == "ready")
        assert found_by(bob) == [sent["id"]]
        alice.patch(here, json={"collection": "secret"}).raise_for_status()
        assert (found_by(bob), found_by(bob, collection="papers"), bob.get(here).status_code) == ([], [], 404)
        assert found_by(alice, collection="secret") == [sent["id"]]
        assert alice.delete(here).status_code == 204
        assert [alice.delete(f"/api/v1/collections/{name}").status_code for name in ("papers", "secret")] == [
            204,
            204,
        ]
        assert alice.get("/api/v1/collections").json() == {"items": []}


def test_collections_are_shared_and_given_by_command(start: Start) -> None:
    service = start({})
    with ExitStack() as stack:
        alice, bob = (user_of(service, name, stack) for name in ("alice", "bob"))
        alice.put(PAPERS).raise_for_status()
        run_by_alice = partial(
            run, "collections", KOTAEMON_URL=service.url, KOTAEMON_KEY=alice.headers["Authorization"][7:]
        )
        code, said, _ = run_by_alice("share", "papers", "--user", "bob", "--group", "staff")
        assert code == 0 and "user bob: read" in said and "group staff: read" in said
        assert bob.get(PAPERS).json()["rights"] == "read"
        assert run_by_alice("share", "papers", "--user", "bob", "--write")[0] == 0
        assert bob.get(PAPERS).json()["rights"] == "write"
        assert len(alice.get(PAPERS).json()["shares"]) == 2
        assert run_by_alice("unshare", "papers")[0] == 0
        assert bob.get(PAPERS).status_code == 404
        assert run_by_alice("owner", "papers", "bob")[0] == 0
        assert bob.get(PAPERS).json()["owner"] == "bob"
        assert json.loads(run_by_alice("list", "--json")[1]) == {"items": []}
        assert run_by_alice("share", "papers", "--public", "read")[0] == 1
        assert run_by_alice("share", "papers")[0] == 2
