"""The first words wait a moment for what may follow them."""

import math
from collections.abc import AsyncGenerator

import anyio
import pytest

from kotaemon_async.answers.llm.base import Anew, Delta, Finish, Piece, ProviderFailed
from kotaemon_async.answers.llm.opening import held_back

LONG_S = 60.0


async def said(*pieces: Piece | Exception | anyio.Event) -> AsyncGenerator[Piece]:
    for piece in pieces:
        if isinstance(piece, Exception):
            raise piece
        if isinstance(piece, anyio.Event):
            await piece.wait()
        else:
            yield piece


async def heard(pieces: AsyncGenerator[Piece], hold_s: float) -> list[Piece]:
    return [piece async for piece in held_back(pieces, hold_s)]


@pytest.mark.parametrize("hold_s", [LONG_S, math.inf])
async def test_a_reply_that_ends_in_time_comes_whole(hold_s: float) -> None:
    pieces = said(Delta("Three "), Delta("years."), Finish())
    assert await heard(pieces, hold_s) == [Delta("Three years."), Finish()]


async def test_words_that_prove_to_be_thoughts_in_time_are_never_said() -> None:
    pieces = said(Delta("Look."), Anew(), Delta("Three "), Delta("years."), Finish())
    assert await heard(pieces, LONG_S) == [Delta("Three years."), Finish()]


async def test_after_a_moment_the_words_come_though_nothing_follows() -> None:
    reading = held_back(said(Delta("Three "), Delta("years"), anyio.Event()), 0.01)
    with anyio.fail_after(60):
        assert await anext(reading) == Delta("Three years")
    await reading.aclose()


async def test_once_words_were_said_pieces_pass_as_they_come() -> None:
    go_on = anyio.Event()
    reading = held_back(said(Delta("Look."), go_on, Anew(), Delta("Three"), Delta("."), Finish()), 0.01)
    assert await anext(reading) == Delta("Look.")
    go_on.set()
    assert [piece async for piece in reading] == [Anew(), Delta("Three"), Delta("."), Finish()]


async def test_words_that_still_wait_when_the_model_fails_are_not_said() -> None:
    reading = held_back(said(Delta("Three"), ProviderFailed("gone")), LONG_S)
    with pytest.raises(ProviderFailed):
        await anext(reading)


async def test_a_reader_who_leaves_closes_the_reply() -> None:
    closed = anyio.Event()

    async def endless() -> AsyncGenerator[Piece]:
        try:
            yield Delta("Three")
            await anyio.sleep_forever()
        finally:
            closed.set()

    reading = held_back(endless(), 0.01)
    await anext(reading)
    await reading.aclose()
    assert closed.is_set()
