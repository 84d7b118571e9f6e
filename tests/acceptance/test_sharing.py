"""Two users of a running service: what is shared is found, and what is no more is gone soon."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from kotaemon_async.cli.throwaway import Throwaway
from tests.support.command import run
from tests.support.service import eventually, serving

DOCUMENTS, COLLECTIONS = "/api/v1/documents", "/api/v1/collections"
#: It takes some tenths of a second.
SOON_S = 10
WORDS = "The lighthouse keeper of Arnholm wound the clock every evening at seven."


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Iterator[Throwaway]:
    """One for all: each test has users and a collection of its own."""
    with serving(tmp_path_factory.mktemp("sharing"), model_folder) as running:
        yield running


def user_of(service: Throwaway, name: str, stack: ExitStack) -> httpx.Client:
    """A client with a new key of the user, once the service knows it."""
    _, made, _ = run("keys", "create", name, "--json", data_dir=service.data_dir)
    headers = {"Authorization": f"Bearer {json.loads(made)['key']}"}
    client = httpx.Client(base_url=service.url, headers=headers, trust_env=False, timeout=60)
    stack.enter_context(client)
    eventually(lambda: client.get("/api/v1/me").json().get("user") == name)
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


def test_what_is_shared_is_found_until_it_is_taken_back(service: Throwaway) -> None:
    papers = f"{COLLECTIONS}/papers"
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
            alice.patch(papers, json={"shares": [{"user": "bob", "rights": "read"}]}).raise_for_status()
            assert sent["id"] in next_event(events, "document")
            assert found_by(bob) == found_by(bob, collection="papers") == [sent["id"]]
            assert bob.get(f"{here}/pages/1.png").status_code == 200
            assert bob.delete(here).status_code == 403
            alice.patch(papers, json={"shares": []}).raise_for_status()
            taken_s = time.monotonic()
            assert sent["id"] in next_event(events, "deleted")
            assert time.monotonic() - taken_s < SOON_S
        assert [found_by(bob), bob.get(here).status_code, bob.get(f"{here}/pages/1.png").status_code] == [
            [],
            404,
            404,
        ]


def test_a_document_is_found_where_it_was_moved_to_at_once_and_by_nobody_else(service: Throwaway) -> None:
    papers = f"{COLLECTIONS}/maps"
    with ExitStack() as stack:
        alice, bob = (user_of(service, name, stack) for name in ("amy", "ben"))
        alice.put(papers, json={"public": "read"}).raise_for_status()
        sent = alice.post(
            DOCUMENTS, files={"file": ("a.txt", WORDS.encode())}, data={"collection": "maps"}
        ).json()
        here = f"{DOCUMENTS}/{sent['id']}"
        eventually(lambda: bob.get(here).json()["status"] == "ready")
        assert found_by(bob) == [sent["id"]]
        alice.patch(here, json={"collection": "secret"}).raise_for_status()
        assert (found_by(bob), found_by(bob, collection="maps"), bob.get(here).status_code) == ([], [], 404)
        assert found_by(alice, collection="secret") == [sent["id"]]
        assert alice.delete(here).status_code == 204
        assert [alice.delete(f"/api/v1/collections/{name}").status_code for name in ("maps", "secret")] == [
            204,
            204,
        ]
        assert alice.get("/api/v1/collections").json() == {"items": []}


def test_collections_are_shared_and_given_by_command(service: Throwaway) -> None:
    papers = f"{COLLECTIONS}/plans"
    with ExitStack() as stack:
        alice, bob = (user_of(service, name, stack) for name in ("ada", "bert"))
        alice.put(papers).raise_for_status()
        run_by_alice = partial(
            run, "collections", KOTAEMON_URL=service.url, KOTAEMON_KEY=alice.headers["Authorization"][7:]
        )
        code, said, _ = run_by_alice("share", "plans", "--user", "bert", "--group", "staff")
        assert code == 0 and "user bert: read" in said and "group staff: read" in said
        assert bob.get(papers).json()["rights"] == "read"
        assert run_by_alice("share", "plans", "--user", "bert", "--write")[0] == 0
        assert bob.get(papers).json()["rights"] == "write"
        assert len(alice.get(papers).json()["shares"]) == 2
        assert run_by_alice("unshare", "plans")[0] == 0
        assert bob.get(papers).status_code == 404
        assert run_by_alice("owner", "plans", "bert")[0] == 0
        assert bob.get(papers).json()["owner"] == "bert"
        assert json.loads(run_by_alice("list", "--json")[1]) == {"items": []}
        assert run_by_alice("share", "plans", "--public", "read")[0] == 1
        assert run_by_alice("share", "plans")[0] == 2
