"""A process of its own that posts through its own door; no test stands here.

    python -m tests.engine.posting DATABASE STORE CUSTOMER NAME COUNT

spends 1 point COUNT times, all waiting at once, under keys that open with NAME, after a line has
come on its standard input; then prints how many were done.
"""

import asyncio
import sys

from nuqta.engine.engine import Engine, open_engine
from nuqta.ledger.account import dkey_of
from nuqta.ledger.commands import Spend
from nuqta.settings import Settings


async def spend_all(engine: Engine, store_id: int, customer_id: int, name: str, count: int) -> int:
    commands = [
        Spend(
            dkey=dkey_of(store_id, customer_id), customer_id=customer_id, origin="cli",
            key=f"{name}-{number}", points=1,
        )
        for number in range(count)
    ]  # fmt: skip
    answers = await asyncio.gather(*[engine.door.post(command) for command in commands])
    return sum(answer.refusal is None for answer in answers)


def main() -> None:
    database, store, customer, name, count = sys.argv[1:]
    with open_engine(Settings({"NUQTA_DB": database, "NUQTA_BATCH": "7"})) as engine:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        done = asyncio.run(spend_all(engine, int(store), int(customer), name, int(count)))
    sys.stdout.write(f"{done}\n")


if __name__ == "__main__":
    main()
