"""The power is cut at every call to the disk; what was acknowledged is there all the same.

A history is played on a disk that goes dark at one call. What the disk may then hold is opened
again, in half of the rounds to be cut again on the way; whoever opens it at last finds the books of
an instant of the history: all that was acknowledged, the commit that was under way or not, nothing
else. All keys answer as they did, and the rest of the history ends in the very same books.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from shutil import rmtree

import apsw
import pytest

from nuqta.engine.engine import make
from nuqta.engine.reading.audit import audit
from nuqta.storage.faults import StorageFault
from tests.torture.campaign import Campaign
from tests.torture.power.disk import Disk
from tests.torture.power.histories import (
    History,
    Lost,
    Wrong,
    copied,
    digest_of,
    opened,
    play,
    replay,
    settings_of,
    step_of,
    written,
)
from tests.world import Time

# Whatever nobody closed in the dark, Python closes, which has no power either.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

FAULT = "power"
STEPS = 24
DARK = (StorageFault, apsw.Error)


class Rounds:
    """Rounds on one history, each in a folder of its own."""

    def __init__(self, folder: Path, seed: int, synchronous: str = "FULL") -> None:
        self.folder, self.seed, self.synchronous = folder, seed, synchronous
        folder.mkdir()
        self.history: History = written(folder, Random(seed), STEPS)
        self.calls = self._played(copied(self.history.start, folder / "dry"))[1]
        self.recoveries_cut = 0

    def _played(self, folder: Path, cut_at: int = 0) -> tuple[int, int, Disk]:
        """Play until the power is cut: how many commits were acknowledged, after how many calls."""
        disk, time, done = Disk(folder, cut_at), Time(), 0
        with disk.mounted():
            try:
                with opened(folder, time) as engine:
                    engine.vault._writer.pragma("synchronous", self.synchronous)
                    for number in play(engine, time, self.history):
                        done = number + 1
            except DARK:
                assert disk.is_dark, "only the dark may trouble it"
        return done, disk.calls, disk

    def cut(self, at: int) -> None:
        """Cut the power at the call of that number; perhaps again; then look. Raises Wrong."""
        luck = Random(f"{self.seed}:{at}")
        folder = self.folder / f"cut-{at}"
        try:
            done, _, disk = self._played(copied(self.history.start, folder), at)
            assert disk.is_dark
            disk.image(folder / "again", luck)
            folder = folder / "again"
            while luck.random() < 0.5:
                disk = Disk(folder, luck.choice((luck.randint(1, 40), luck.randint(1, self.calls))))
                done = self._recovered(disk, done)
                if not disk.is_dark:
                    break
                self.recoveries_cut += 1
                disk.image(folder / "again", luck)
                folder = folder / "again"
            disk = Disk(folder)
            assert self._recovered(disk, done) == len(self.history.steps)
        finally:
            rmtree(self.folder / f"cut-{at}")

    def _recovered(self, disk: Disk, done: int) -> int:
        """Open what the disk holds, look at it, and play the rest, as far as there is power."""
        time = Time(self.history.steps[min(done, STEPS - 1)].at)
        with disk.mounted():
            try:
                with opened(disk.folder, time) as engine:
                    engine.vault._writer.pragma("synchronous", self.synchronous)
                    found = step_of(engine, self.history, done)
                    replay(engine, self.history, found)
                    report = audit(engine)
                    if not report.ok:
                        raise Wrong(str(report.violations))
                    if digest_of(engine) != self.history.digest_after(found):
                        raise Wrong("answers to known keys changed the books")
                    for number in play(engine, time, self.history, done):
                        done = number + 1
                    if digest_of(engine) != self.history.digest_after(done):
                        raise Wrong("the rest of the history ends in other books")
            except DARK:
                assert disk.is_dark, "only the dark may trouble it"
        return done


def calls_of(rounds: Rounds, count: int, luck: Random) -> Iterator[int]:
    """Which calls to cut at: all of them in their turn, or so many."""
    every = list(range(1, rounds.calls + 1))
    return iter(every if count >= len(every) else sorted(luck.sample(every, count)))


def test_what_was_acknowledged_outlives_the_power(campaign: Campaign, tmp_path: Path) -> None:
    for number in range(campaign.rounds(1, 3)):
        rounds = Rounds(tmp_path / str(number), campaign.seed + number)
        for at in calls_of(rounds, campaign.rounds(24, 10**9), campaign.random):
            try:
                rounds.cut(at)
            except Wrong as wrong:
                raise AssertionError(f"seed {rounds.seed}, call {at}: {wrong}") from wrong
            campaign.count("cuts")
        campaign.count("recoveries cut", rounds.recoveries_cut)


@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
def test_control_without_a_sync_for_each_commit_acknowledged_ones_are_lost(
    campaign: Campaign, tmp_path: Path, synchronous: str
) -> None:
    rounds = Rounds(tmp_path / "lazy", campaign.seed, synchronous)
    count, lost, broken = campaign.rounds(8, 100), 0, 0
    for at in calls_of(rounds, count, campaign.random):
        try:
            rounds.cut(at)
        except Lost:
            lost += 1
        except (Wrong, AssertionError):
            broken += 1
    assert lost
    if synchronous == "NORMAL":
        assert not broken
    found = f"acknowledged commits were gone after {lost} of {count} cuts"
    campaign.control(f"synchronous={synchronous}", found + (f", {broken} broken" if broken else ""))


def test_books_whose_making_is_cut_are_made_again(campaign: Campaign, tmp_path: Path) -> None:
    dry = Disk(_new(tmp_path / "dry"))
    with dry.mounted():
        make(settings_of(dry.folder))
    calls = range(1, dry.calls + 1)
    for at in campaign.random.sample(calls, campaign.rounds(6, len(calls))):
        disk = Disk(_new(tmp_path / f"cut-{at}"), at)
        with disk.mounted(), suppress(*DARK):
            make(settings_of(disk.folder))
        assert disk.is_dark
        disk.image(tmp_path / f"again-{at}", Random(f"{campaign.seed}:{at}"))
        again = Disk(tmp_path / f"again-{at}")
        with again.mounted():
            make(settings_of(again.folder))
            with opened(again.folder, Time()) as engine:
                assert audit(engine).ok
        campaign.count("cuts")


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder
