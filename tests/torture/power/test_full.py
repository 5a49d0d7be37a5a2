"""The disk is full: writes are refused as long as it is, reads go on, then all goes on by itself.

A history is played on a disk that has room for so many more writes, again and again. What is
refused for want of room did not happen: the books stand as they did, and the same commands, once
there is room, are answered as if nothing had been. A log that cannot be folded into the file stops
nobody.
"""

from pathlib import Path
from random import Random

import apsw

from nuqta.engine.reading.audit import audit
from nuqta.engine.reading.balances import account_now
from nuqta.storage.faults import Full
from tests.torture.campaign import Campaign
from tests.torture.power.disk import Disk
from tests.torture.power.histories import copied, digest_of, opened, play, written
from tests.world import Time

FAULT = "disk"
STEPS = 24
_WRITES_MAX = 60


class Filling:
    """A disk with room for some writes to some of its files, again and again."""

    def __init__(self, folder: Path, luck: Random) -> None:
        self.disk = Disk(folder, trouble=self._trouble)
        self._luck = luck
        self._files: tuple[str, ...] = ()
        self._room: int | None = None
        self.refusals: dict[str, int] = {}

    def fill(self) -> None:
        """Leave room for some writes to the log, to the file, or to both."""
        every = ("nuqta.db", "nuqta.db-wal")
        self._files = self._luck.choice((every[:1], every[1:], every))
        self._room = self._luck.choice((0, 1, self._luck.randrange(_WRITES_MAX)))

    def empty(self) -> None:
        """There is room again."""
        self._room = None

    def _trouble(self, kind: str, name: str) -> int:
        if kind != "write" or name not in self._files or self._room is None:
            return 0
        if self._room:
            self._room -= 1
            return 0
        self.refusals[name] = self.refusals.get(name, 0) + 1
        return apsw.SQLITE_FULL


def test_what_finds_no_room_did_not_happen(campaign: Campaign, tmp_path: Path) -> None:
    refused = 0
    for number in range(campaign.rounds(2, 60)):
        folder = tmp_path / str(number)
        folder.mkdir()
        history = written(folder, Random(campaign.seed + number), STEPS)
        filling = Filling(copied(history.start, folder / "full"), campaign.random)
        time = Time()
        with filling.disk.mounted(), opened(folder / "full", time) as engine:
            done = 0
            while done < STEPS:
                filling.fill()
                try:
                    for step in play(engine, time, history, done):
                        done = step + 1
                        if campaign.random.random() < 0.3:
                            filling.fill()
                except Full:
                    refused += 1
                    assert digest_of(engine) == history.digest_after(done)
                    for command in history.steps[done].commands:
                        account_now(engine, command.account, time.wall)
                filling.empty()
                if done < STEPS:  # by itself: nothing was opened anew
                    done = next(play(engine, time, history, done)) + 1
                    assert digest_of(engine) == history.digest_after(done)
            assert audit(engine).ok
        with filling.disk.mounted(), opened(folder / "full", time) as engine:
            assert digest_of(engine) == history.digest_after(STEPS)
            assert audit(engine).ok
        campaign.count("faults", sum(filling.refusals.values()))
    assert refused
