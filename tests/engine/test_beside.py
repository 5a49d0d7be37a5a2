"""Long reads beside the loop: few at a time, and none is lost as the engine closes."""

import asyncio
import threading

import pytest

from nuqta.engine.door import Closed
from nuqta.engine.engine import _LONG_READS, open_engine
from tests.http.server import PATIENCE_S
from tests.world import World


def test_few_long_reads_run_at_a_time_and_the_loop_goes_on(world: World) -> None:
    begun: list[int] = []
    is_open, are_there = threading.Event(), threading.Semaphore(0)

    def read(number: int) -> int:
        begun.append(number)
        are_there.release()
        assert is_open.wait(PATIENCE_S)
        return number

    async def ask() -> list[int]:
        asked = [asyncio.create_task(world.engine.beside(read, number)) for number in range(6)]
        for _ in range(_LONG_READS):
            assert await asyncio.to_thread(are_there.acquire, timeout=PATIENCE_S)
        assert begun == list(range(_LONG_READS)), "the others wait, and this goes on"
        is_open.set()
        return await asyncio.gather(*asked)

    assert asyncio.run(ask()) == list(range(6))


def test_what_a_long_read_raises_is_its_callers(world: World) -> None:
    def fail() -> None:
        raise LookupError("no such thing")

    async def ask() -> None:
        await world.engine.beside(fail)

    with pytest.raises(LookupError, match="no such thing"):
        asyncio.run(ask())


def test_what_has_not_begun_as_the_engine_closes_is_told(world: World) -> None:
    engine = open_engine(world.engine.settings, world.time.clock())
    is_open, are_there = threading.Event(), threading.Semaphore(0)

    def read() -> bool:
        are_there.release()
        return is_open.wait(PATIENCE_S)

    async def ask() -> list[bool]:
        asked = [asyncio.create_task(engine.beside(read)) for _ in range(_LONG_READS + 1)]
        for _ in range(_LONG_READS):
            assert await asyncio.to_thread(are_there.acquire, timeout=PATIENCE_S)
        closing = asyncio.create_task(asyncio.to_thread(engine.close))
        with pytest.raises(Closed):
            await asked.pop()
        with pytest.raises(Closed):
            await engine.beside(read)
        is_open.set()
        await closing
        return await asyncio.gather(*asked)

    assert asyncio.run(ask()) == [True] * _LONG_READS
