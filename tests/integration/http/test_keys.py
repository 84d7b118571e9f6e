"""Keys and sessions over HTTP, from nobody to an admin."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import anyio
import pytest
from httpx import AsyncClient, Response

from kotaemon_async.http.dependencies import HttpLimits
from kotaemon_async.http.settings import HttpSettings
from kotaemon_async.http.sign_in_attempts import AT_ONCE
from kotaemon_async.stores.api_keys import checked_grant
from kotaemon_async.stores.known_keys import KnownKeys
from kotaemon_async.stores.local_key import LocalKey
from tests.support.fakes import Fakes, listening, problem_of, serving
from tests.support.keys import bearer

ORIGIN = "http://127.0.0.1"


@pytest.fixture
async def keys(services: Fakes, tmp_path: Path) -> KnownKeys:
    local = LocalKey(tmp_path)
    local.look()
    made = KnownKeys(services.ledger.api_keys, services.ledger.sessions, local)
    services.keys = made
    return made


async def secret_of(keys: KnownKeys, name: str, *scopes: str) -> str:
    return (await keys.create(checked_grant(name, scopes=scopes))).secret


@pytest.fixture
async def http(services: Fakes, keys: KnownKeys) -> AsyncIterator[AsyncClient]:
    async with serving(services, HttpLimits(linger_s=1.0), keys=keys) as found:
        yield found


@pytest.fixture
async def admin(keys: KnownKeys) -> dict[str, str]:
    return bearer(await secret_of(keys, "boss", "admin"))


async def me(http: AsyncClient, **headers: str) -> Any:
    reply = await http.get("/api/v1/me", headers=headers)
    return reply.json() if reply.status_code == 200 else problem_of(reply)


async def signed_in(http: AsyncClient, secret: str) -> Response:
    reply = await http.post("/api/v1/session", json={"key": secret})
    assert reply.status_code == 200, reply.text
    return reply


async def test_without_keys_everybody_is_let_in(http: AsyncClient) -> None:
    found = await me(http)
    assert (found["id"], found["user"], found["auth"], found["signed_in_by"]) == ("open", "", "open", "open")
    assert problem_of(await http.post("/api/v1/session", json={"key": "x"})) == (409, "conflict")


async def test_the_first_key_closes_the_service(http: AsyncClient) -> None:
    made = (await http.post("/api/v1/keys", json={"name": "boss", "scopes": ["admin"]})).json()
    assert await me(http) == (401, "unauthorized")
    found = await me(http, **bearer(made["key"]))
    assert (found["user"], found["scopes"], found["signed_in_by"]) == ("boss", ["admin"], "key")


async def test_an_admin_makes_lists_rotates_and_revokes_keys(
    http: AsyncClient, admin: dict[str, str]
) -> None:
    wanted = {
        "name": "front desk",
        "user": "alice",
        "groups": ["b", "a"],
        "expires_at": "2126-01-01T00:00:00Z",
    }
    reply = await http.post("/api/v1/keys", json=wanted, headers=admin)
    made = reply.json()
    assert (reply.status_code, reply.headers["cache-control"]) == (201, "no-store")
    secret = made.pop("key")
    assert made["scopes"] == ["ask", "write"] and made["groups"] == ["a", "b"]
    assert (await http.get(f"/api/v1/keys/{made['id']}", headers=admin)).json() == made
    rotated = (
        await http.post(f"/api/v1/keys/{made['id']}/rotate", json={"grace_h": 0}, headers=admin)
    ).json()
    assert await me(http, **bearer(secret)) == (401, "unauthorized")
    assert (await me(http, **bearer(rotated["key"])))["user"] == "alice"
    assert (await http.delete(f"/api/v1/keys/{rotated['id']}", headers=admin)).status_code == 204
    assert await me(http, **bearer(rotated["key"])) == (401, "unauthorized")
    listed = (await http.get("/api/v1/keys", headers=admin)).json()["items"]
    assert [one["revoked_at"] is not None for one in listed] == [False, False, True]
    assert "key" not in listed[0]


@pytest.mark.parametrize(
    "wanted",
    [
        {"name": ""},
        {"name": "a", "user": "<b>"},
        {"name": "a", "scopes": []},
        {"name": "a", "scopes": ["root"]},
        {"name": "a", "expires_at": "2001-01-01T00:00:00Z"},
        {"name": "a", "groups": ["x/y"]},
        {"name": "a", "digest": "0"},
    ],
    ids=str,
)
async def test_an_odd_key_is_the_callers_mistake(
    http: AsyncClient, admin: dict[str, str], wanted: dict[str, Any]
) -> None:
    assert problem_of(await http.post("/api/v1/keys", json=wanted, headers=admin)) == (400, "bad_request")


@pytest.mark.parametrize("scopes", [("ask",), ("write",), ("ask", "write")])
async def test_nobody_else_reaches_the_keys(
    http: AsyncClient, keys: KnownKeys, scopes: tuple[str, ...]
) -> None:
    headers = bearer(await secret_of(keys, "alice", *scopes))
    assert (await me(http, **headers))["scopes"] == sorted(scopes)
    for method, path in (("GET", ""), ("POST", ""), ("GET", "/x"), ("DELETE", "/x"), ("POST", "/x/rotate")):
        reply = await http.request(method, f"/api/v1/keys{path}", headers=headers, json={})
        assert problem_of(reply) == (403, "forbidden")


async def test_an_unknown_key_is_not_found(http: AsyncClient, admin: dict[str, str]) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/rotate")):
        reply = await http.request(method, f"/api/v1/keys/key_x{path}", headers=admin)
        assert problem_of(reply) == (404, "not_found")


async def test_a_browser_signs_in_with_a_key_and_out(http: AsyncClient, keys: KnownKeys) -> None:
    reply = await signed_in(http, await secret_of(keys, "alice", "ask", "write"))
    attributes = reply.headers["set-cookie"].lower()
    assert all(part in attributes for part in ("httponly", "samesite=strict", "path=/", "max-age=2592000"))
    assert "secure" not in attributes
    found = await me(http)
    assert (found["user"], found["signed_in_by"], found) == ("alice", "session", reply.json())
    token = {"X-CSRF-Token": found["csrf_token"], "Origin": str(http.base_url).rstrip("/")}
    old = dict(http.cookies)
    assert (await http.delete("/api/v1/session", headers=token)).status_code == 204
    assert dict(http.cookies) == {}
    assert await me(http, Cookie=f"kotaemon_session={old['kotaemon_session']}") == (401, "unauthorized")


async def test_a_page_under_tls_gets_its_cookie_over_tls_alone(services: Fakes, keys: KnownKeys) -> None:
    settings = HttpSettings(trusted_proxies=cast("Any", ["127.0.0.1"]))
    secret = await secret_of(keys, "alice", "ask")
    async with serving(services, HttpLimits(settings), keys=keys) as http:
        headers = {"X-Forwarded-Proto": "https"}
        reply = await http.post("/api/v1/session", json={"key": secret}, headers=headers)
    assert "secure" in reply.headers["set-cookie"].lower()


@pytest.mark.parametrize("token", [None, "", "0" * 64])
async def test_a_session_changes_nothing_without_its_token(
    http: AsyncClient, keys: KnownKeys, token: str | None
) -> None:
    await signed_in(http, await secret_of(keys, "alice", "ask", "write"))
    headers = {"Origin": str(http.base_url).rstrip("/")} | ({} if token is None else {"X-CSRF-Token": token})
    for method, path in (
        ("POST", "/api/v1/search"),
        ("DELETE", "/api/v1/session"),
        ("POST", "/api/v1/documents"),
    ):
        reply = await http.request(method, path, headers=headers, json={"query": "x"})
        assert problem_of(reply) == (403, "wrong_origin")


async def test_a_key_in_a_header_counts_before_a_cookie(http: AsyncClient, keys: KnownKeys) -> None:
    await signed_in(http, await secret_of(keys, "alice", "ask"))
    assert (await me(http, **bearer(await secret_of(keys, "bob", "ask"))))["user"] == "bob"
    assert await me(http, **bearer("kot_wrong")) == (401, "unauthorized")


@pytest.mark.parametrize("key", ["kot_wrong", " ", "x" * 500, "\u2028"])
async def test_a_wrong_key_begins_no_session(http: AsyncClient, admin: dict[str, str], key: str) -> None:
    reply = await http.post("/api/v1/session", json={"key": key})
    assert (problem_of(reply), reply.headers.get("set-cookie")) == ((401, "unauthorized"), None)


async def test_a_right_key_does_not_wait_for_wrong_ones(
    services: Fakes, keys: KnownKeys, admin: dict[str, str]
) -> None:
    async with serving(services, HttpLimits(linger_s=60.0), keys=keys) as http:
        for _ in range(AT_ONCE):
            await me(http, **bearer("kot_wrong"))
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(lambda: me(http, **bearer("kot_wrong")))
            with anyio.fail_after(20):
                assert (await me(http, **admin))["user"] == "boss"
            tasks.cancel_scope.cancel()


async def test_the_local_key_is_the_operators(
    http: AsyncClient, admin: dict[str, str], tmp_path: Path
) -> None:
    secret = (tmp_path / "local-key").read_text().strip()
    found = await me(http, **bearer(secret))
    assert (found["id"], found["user"], found["signed_in_by"]) == ("local", "operator", "local")
    assert found["scopes"] == ["admin", "ask", "write"]
    assert await me(http, **bearer(secret), **{"X-Forwarded-For": "8.8.8.8"}) == (401, "unauthorized")


async def test_a_stream_ends_with_its_key(http: AsyncClient, keys: KnownKeys) -> None:
    made = await keys.create(checked_grant("alice", scopes=["ask"]))
    with anyio.fail_after(60):
        async with listening(http, "GET", "/api/v1/documents/events", headers=bearer(made.secret)) as events:
            assert (await anext(events))["event"] == "open"
            await keys.revoke(made.key.id)
            assert [event async for event in events if "event" in event] == []


async def test_a_stream_of_another_key_goes_on(http: AsyncClient, keys: KnownKeys) -> None:
    headers = bearer(await secret_of(keys, "alice", "ask"))
    other = await keys.create(checked_grant("bob"))
    async with listening(http, "GET", "/api/v1/documents/events", headers=headers) as events:
        assert (await anext(events))["event"] == "open"
        await keys.revoke(other.key.id)
        with anyio.move_on_after(0.3) as waited:
            await anext(events)
    assert waited.cancelled_caught


async def test_an_answer_is_cut_when_the_session_ends(
    http: AsyncClient, services: Fakes, keys: KnownKeys
) -> None:
    begun = anyio.Event()
    services.answering.script.insert(2, begun)
    made = await keys.create(checked_grant("alice", scopes=["ask"]))
    found = (await signed_in(http, made.secret)).json()
    headers = {"X-CSRF-Token": found["csrf_token"], "Origin": str(http.base_url).rstrip("/")}
    body = {"question": "How much?", "stream": True}
    async with listening(http, "POST", "/api/v1/answers", json=body, headers=headers) as events:
        await begun.wait()
        await keys.revoke(made.key.id)
        with anyio.fail_after(60):
            last = [event async for event in events][-1]
    assert last["event"] == "interrupted" and "unauthorized" in last["data"]


def proxied(services: Fakes, *addresses: str, **given: Any) -> Any:
    settings = HttpSettings(auth="proxy", trusted_proxies=cast("Any", addresses), **given)
    return serving(services, HttpLimits(settings, linger_s=1.0), keys=services.keys)


async def test_a_listed_proxy_names_the_user(services: Fakes, keys: KnownKeys) -> None:
    async with proxied(services, "127.0.0.1", admins=("root", "@ops")) as http:
        found = await me(http, **{"Remote-User": "alice", "Remote-Groups": "staff, b|c"})
        assert (found["id"], found["user"], found["auth"]) == ("user:alice", "alice", "proxy")
        assert (found["groups"], found["scopes"]) == (["b", "c", "staff"], ["ask", "write"])
        assert "admin" in (await me(http, **{"Remote-User": "root"}))["scopes"]
        assert "admin" in (await me(http, **{"Remote-User": "x", "Remote-Groups": "ops"}))["scopes"]
        assert await me(http) == (401, "unauthorized")
        assert (await me(http, **bearer(await secret_of(keys, "bob", "ask"))))["signed_in_by"] == "key"


async def test_the_user_that_any_other_names_is_refused(services: Fakes, keys: KnownKeys) -> None:
    async with proxied(services, "10.0.0.0/8", "127.0.0.2") as http:
        key = bearer(await secret_of(keys, "bob", "ask"))
        assert await me(http, **{"Remote-User": "alice"}) == (403, "forbidden")
        assert await me(http, **key, **{"remote-user": "bob"}) == (403, "forbidden")
        assert (await me(http, **key))["user"] == "bob"


@pytest.mark.parametrize("user", ["", "a/b", "<x>", "a" * 65, "operator"])
async def test_a_proxy_names_a_proper_user(services: Fakes, keys: KnownKeys, user: str) -> None:
    async with proxied(services, "127.0.0.1") as http:
        assert await me(http, **{"Remote-User": user}) == (403, "forbidden")
        two = [("Remote-User", "alice"), ("Remote-User", "root")]
        assert problem_of(await http.get("/api/v1/me", headers=two)) == (403, "forbidden")


async def test_another_header_is_no_user_where_keys_are_asked_for(
    http: AsyncClient, admin: dict[str, str]
) -> None:
    assert await me(http, **{"Remote-User": "boss"}) == (401, "unauthorized")


async def test_a_service_may_ask_for_keys_before_there_is_one(services: Fakes, keys: KnownKeys) -> None:
    async with serving(services, HttpLimits(HttpSettings(auth="keys")), keys=keys) as http:
        assert await me(http) == (401, "unauthorized")
