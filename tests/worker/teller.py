"""A worker in a process of its own, until it is killed: `python teller.py sure|hasty`.

`hasty` is the control: it writes the position of an event first, and then sends it.
"""

import asyncio
import os
import sys

import httpx

from nuqta.engine.engine import open_engine
from nuqta.engine.outbox.events import Placed
from nuqta.settings import Settings
from nuqta.worker.deliver import Deliveries, Lane
from nuqta.worker.loop import Worker


class Hasty(Deliveries):
    """Delivery as it must not be."""

    async def tell_one(self, lane: Lane, placed: Placed, http: httpx.AsyncClient) -> bool:
        may_go_on = await self.reach(lane, placed.position)
        await self.send(lane, placed, http)
        return may_go_on


def main() -> None:
    """Work until killed."""
    kind = Hasty if sys.argv[1] == "hasty" else Deliveries
    with open_engine(Settings(os.environ)) as engine:
        asyncio.run(Worker(engine, kind).run())


if __name__ == "__main__":
    main()
