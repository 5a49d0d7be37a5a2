"""A process on a disk that fails one sync; no test stands here.

    python -m tests.torture.power.failing FOLDER SYNCED DKEY CUSTOMER FIRST SYNC

posts through its own door, from command number FIRST on, and prints the number of each that was
acknowledged. Sync number SYNC fails: the disk keeps nothing of what it was asked to sync, and what
it has then lies in the folder SYNCED. The process is to stop by that; it ends with 0 where it does
not.
"""

import sys
from pathlib import Path

import apsw

from nuqta.engine.engine import Engine
from nuqta.ledger.commands import Adjust, Answer
from tests.torture.power.disk import Disk
from tests.torture.power.histories import opened
from tests.world import Time

MOST = 2_000


def adding(key: tuple[int, int], number: int) -> Adjust:
    """Command number so-and-so: it adds as many points, and one."""
    return Adjust(
        dkey=key[0], customer_id=key[1], origin="cli", key=str(number), points=number + 1,
        reason="a sync fails",
    )  # fmt: skip


def add(engine: Engine, key: tuple[int, int], number: int) -> Answer:
    """Post it."""
    return engine.door.post_all([adding(key, number)])[0]


class Failing:
    """A disk that fails one sync, by its number."""

    def __init__(self, folder: Path, synced: Path, sync: int) -> None:
        self.disk = Disk(folder, trouble=self._trouble)
        self._synced, self._sync, self._seen = synced, sync, 0

    def _trouble(self, kind: str, name: str) -> int:
        if kind != "sync":
            return 0
        self._seen += 1
        if self._seen != self._sync:
            return 0
        self.disk.synced(self._synced)
        sys.stdout.write(f"failed {name} after {self.disk.kinds[-2]}\n")
        sys.stdout.flush()
        return apsw.SQLITE_IOERR_FSYNC


def main() -> None:
    """Post until a sync fails."""
    folder, synced, dkey, customer, first, sync = sys.argv[1:]
    failing = Failing(Path(folder), Path(synced), int(sync))
    with failing.disk.mounted(), opened(Path(folder), Time()) as engine:
        for number in range(int(first), MOST):
            add(engine, (int(dkey), int(customer)), number)
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
