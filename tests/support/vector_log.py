"""A vector log without a ledger."""

from kotaemon_async.stores.vector_log import LogEntry


class ListLog:
    """A vector log in a list; document `d1` is ready when the last entry is reached."""

    def __init__(self, *entries: LogEntry) -> None:
        self.entries = list(entries)
        self.positions: dict[str, int] = {}

    async def after(self, position: int, limit: int, model: str) -> list[LogEntry]:
        return [entry for entry in self.entries if entry.seq > position][:limit]

    async def end(self) -> int:
        return self.entries[-1].seq if self.entries else 0

    async def length(self, position: int) -> int:
        return len([entry for entry in self.entries if entry.seq > position])

    async def waits_for_follower(self, position: int) -> bool:
        return bool(self.positions) and position < max(self.positions.values())

    async def position(self, generation: str) -> int:
        return self.positions.get(generation, 0)

    async def make_ready(self, model: str, position: int, now_s: float) -> list[str]:
        return []

    async def advance(self, generation: str, model: str, position: int, now_s: float) -> list[str]:
        self.positions[generation] = position
        return ["d1"] if position == await self.end() else []
