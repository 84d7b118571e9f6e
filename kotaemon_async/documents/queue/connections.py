"""Connections to a Redis: one inside of this process, or a real one by URL."""

from fakeredis import FakeAsyncRedis, FakeServer
from fakeredis._commands import SUPPORTED_COMMANDS, command
from fakeredis._socket import AsyncFakeSocket
from redis.asyncio import ConnectionPool


@command((), (bytes,))
def _info(_socket: object, *_section: bytes) -> bytes:
    return b"redis_version:memory\r\nrun_id:memory\r\nused_memory_human:0B\r\nconnected_clients:1\r\n"


# fakeredis has no INFO, which arq's worker asks for at its start.
SUPPORTED_COMMANDS["info"] = SUPPORTED_COMMANDS.pop("_info")
AsyncFakeSocket._info = _info  # type: ignore[attr-defined]


def memory_pool() -> ConnectionPool:
    """Connections to a new Redis in this process, which is empty and forgets everything at its end."""
    pool: ConnectionPool = FakeAsyncRedis(server=FakeServer()).connection_pool
    return pool


def redis_pool(url: str, *, connect_s: float, call_s: float) -> ConnectionPool:
    """Connections to a server, made when they are needed; raises ValueError for what is no address."""
    # Without a library name a new connection needs no reply before its first command.
    return ConnectionPool.from_url(
        url,
        socket_timeout=call_s,
        socket_connect_timeout=connect_s,
        lib_name=None,
        lib_version=None,
    )
