"""The first words of a model's reply wait a moment: what looks like an answer may prove to be thoughts.

A chat template that ends in `<think>` leaves the opening mark out of the reply, so that only the closing one
tells. Once words were sent, the only thing left to do is to take them back.
"""

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing

import anyio

from kotaemon_async.answers.llm.base import Anew, Delta, Finish, Piece


async def held_back(pieces: AsyncGenerator[Piece], hold_s: float) -> AsyncGenerator[Piece]:
    """Yield the pieces; words of the first `hold_s` seconds at their end, or never, when Anew comes before.

    What `pieces` raises is raised, and words that still wait are then never said.
    """
    queue: asyncio.Queue[Piece | Exception | None] = asyncio.Queue(1)
    pump = asyncio.create_task(_pump(pieces, queue), name="model_reply")
    until_s: float | None = None  # no end: until it is known
    held, is_open = "", False
    try:
        while True:
            try:
                async with asyncio.timeout_at(until_s if held else None):
                    piece = await queue.get()
            except TimeoutError:
                yield Delta(held)
                held, is_open = "", True
                continue
            if piece is None:
                return
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, Delta) and not is_open:
                if not held and hold_s < math.inf:
                    until_s = asyncio.get_running_loop().time() + hold_s
                held += piece.text
                continue
            if isinstance(piece, Finish) and held:
                yield Delta(held)
            if is_open or not isinstance(piece, Anew):
                yield piece
            held = ""
    finally:
        pump.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait({pump})


async def _pump(pieces: AsyncGenerator[Piece], queue: "asyncio.Queue[Piece | Exception | None]") -> None:
    """Hand the pieces on, in one task from the first to the last, as their spans and limits want it."""
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                await queue.put(piece)
        await queue.put(None)
    except Exception as error:
        await queue.put(error)
