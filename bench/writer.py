"""A process that commits at a given pace: `python -m bench.writer STORE CUSTOMERS PER_SECOND`.

Each commit is one command through the door, on one customer after the other. It stops when its
input ends, and says how many commits it made in how many seconds.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.machine import pin
from bench.shop import Shop, adjustment
from nuqta.engine.engine import open_engine
from nuqta.settings import Settings


class Pace:
    """How fast the writer was, known once it has stopped."""

    per_second = 0.0


@contextmanager
def writing(shop: Shop, customers: int, per_second: int) -> Iterator[Pace]:
    """A writer beside the block, on the load generator's core."""
    command = [sys.executable, "-m", "bench.writer", str(shop.store_id), str(customers)]
    process = subprocess.Popen(
        [*command, str(per_second)], env=shop.environ, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    pace = Pace()
    assert process.stdout is not None
    process.stdout.readline()  # it has begun
    try:
        yield pace
    finally:
        commits, seconds = process.communicate("")[0].split()
        pace.per_second = int(commits) / float(seconds)


def main(store_id: int, customers: int, per_second: int) -> None:
    """Commit until the input ends."""
    pin(1)
    is_over = threading.Event()

    def listen() -> None:
        sys.stdin.read()
        is_over.set()

    threading.Thread(target=listen, daemon=True).start()
    commits = 0
    with open_engine(Settings(os.environ)) as house:
        print("begun", flush=True)
        began = time.perf_counter()
        while not is_over.is_set():
            round_, number = divmod(commits, customers)
            points = 1 if round_ % 2 == 0 else -1
            key = f"bench:{began}:{round_}"
            house.door.post_all([adjustment(store_id, number + 1, points, key)])
            commits += 1
            ahead = began + commits / per_second - time.perf_counter()
            if ahead > 0:
                time.sleep(ahead)
        print(commits, time.perf_counter() - began)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
