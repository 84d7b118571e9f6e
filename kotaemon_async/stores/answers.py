"""The ledger's records of answers that were given."""

import msgspec

from kotaemon_async.errors import Refused
from kotaemon_async.model import Answer
from kotaemon_async.stores.sqlite import Database, queries

SQL = queries("index.sql")


class Answers:
    """Keeps every answer as it was sent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save_answer(self, answer: Answer, conversation_id: str | None, now_s: float) -> None:
        """The answer can be read again under its id."""
        values = {
            "id": answer.id,
            "conversation_id": conversation_id,
            "now": now_s,
            "record": msgspec.json.encode(answer).decode(),
        }
        await self._database.write(lambda conn: conn.execute(SQL["save_answer"], values) and None)

    async def answer(self, answer_id: str) -> Answer:
        """The answer as it was given; raises Refused `not_found`."""
        record = await self._database.read(lambda conn: conn.execute(SQL["answer"], {"id": answer_id}).get)
        if record is None:
            raise Refused(f"There is no answer {answer_id!r}.", code="not_found")
        return msgspec.json.decode(record, type=Answer)
