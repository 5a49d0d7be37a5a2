"""A sync fails: the process stops at once, whatever the sync was for, and says so in its last line.

What it had acknowledged is there; what it had not answered is settled by its key. And since the
kernel still shows what the disk does not have, the next start brings it there first: otherwise all
that is acknowledged on top of it goes with the next power cut, which the control shows.
"""

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import apsw
import pytest

from nuqta.engine.engine import make, open_engine
from nuqta.engine.reading.audit import audit
from nuqta.ledger.commands import Answer
from nuqta.ledger.transfers import AccountKey
from nuqta.storage.faults import CannotStart
from nuqta.storage.sqlite import FOLD_PAGES
from nuqta.storage.unsynced import mark_of
from tests.http.server import PATIENCE_S
from tests.tidy import ROOT
from tests.torture.campaign import Campaign
from tests.torture.power.disk import Disk
from tests.torture.power.failing import add
from tests.torture.power.histories import opened, settings_of
from tests.world import Time, World

FAULT = "disk"
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
SYNCS = 60
"""So many syncs see the log begun, filled, folded into the file, and begun anew."""
LATER = 8


class Books:
    """Books in a folder, on which processes of their own post."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.synced = folder / "books", folder / "synced"
        self.folder.mkdir()
        make(settings_of(self.folder))
        with opened(self.folder, Time()) as engine:
            self.key: AccountKey = World(engine, Time()).aisha.key

    @property
    def mark(self) -> Path:
        return mark_of(self.folder / "nuqta.db")

    def fail(self, sync: int) -> tuple[list[int], str, str]:
        """Post until that sync fails: what was acknowledged, which one failed, the last line."""
        arguments = [self.folder, self.synced, *self.key, 0, sync]
        ours = {name: text for name, text in os.environ.items() if not name.startswith("NUQTA_")}
        done = subprocess.run(
            [sys.executable, "-m", "tests.torture.power.failing", *map(str, arguments)],
            env={**ours, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
            capture_output=True, text=True, timeout=PATIENCE_S * 4, check=False,
        )  # fmt: skip
        said = done.stdout.splitlines()
        assert done.returncode == 70, done.stderr
        which = next(line for line in said if line.startswith("failed"))
        assert said[-1] == which, "nothing is acknowledged after a sync that failed"
        return [int(line) for line in said[:-1]], which, done.stderr.splitlines()[-1]

    def after_the_power_went(self, folder: Path, known: int, luck: Random) -> list[Answer]:
        """Start again without a reboot, post some more, cut the power; the answers to all that was
        acknowledged by then, from what the disk has."""
        disk = Disk(self.folder, synced=self.synced)
        with disk.mounted(), opened(self.folder, Time()) as engine:
            engine.vault.fold_pages = FOLD_PAGES  # a fold would mend it as well
            for number in range(known + LATER):
                add(engine, self.key, number)
            disk.is_dark = True
        disk.image(folder, luck)
        with Disk(folder).mounted(), opened(folder, Time()) as engine:
            answers = [add(engine, self.key, number) for number in range(known + LATER)]
            assert audit(engine).ok
        return answers


def test_a_failed_sync_stops_the_process_and_loses_nothing(
    campaign: Campaign, tmp_path: Path
) -> None:
    failed: set[str] = set()
    for sync in sorted(campaign.random.sample(range(1, SYNCS), campaign.rounds(3, SYNCS - 1))):
        folder = tmp_path / str(sync)
        folder.mkdir()
        books = Books(folder)
        known, which, last = books.fail(sync)
        failed.add(which)
        assert last.startswith("nuqta stops: ")
        assert "the disk did not confirm a write" in last
        assert books.mark.exists()
        with opened(books.folder, Time()) as engine:
            assert not books.mark.exists()
            answers = [add(engine, books.key, number) for number in range(len(known) + 1)]
            assert all(answer.is_replay for answer in answers[:-1])
            assert [answer.receipt.version for answer in answers] == list(range(1, len(known) + 2))
            assert audit(engine).ok
        campaign.count("faults")
    if campaign.is_full:
        assert {line.split()[1] for line in failed} == {"nuqta.db", "nuqta.db-wal"}


def test_what_is_acknowledged_after_the_next_start_outlives_the_power(
    campaign: Campaign, tmp_path: Path
) -> None:
    for sync in sorted(campaign.random.sample(range(1, SYNCS), campaign.rounds(2, SYNCS - 1))):
        folder = tmp_path / str(sync)
        folder.mkdir()
        books = Books(folder)
        known, _, _ = books.fail(sync)
        answers = books.after_the_power_went(folder / "dark", len(known), campaign.random)
        assert all(answer.is_replay for answer in answers)
        campaign.count("faults")


def test_control_without_the_mark_acknowledged_commits_go_with_the_power(
    campaign: Campaign, tmp_path: Path
) -> None:
    lost = rounds = 0
    for sync in range(3, 3 + campaign.rounds(2, 20)):  # at first those of commits, then others
        folder = tmp_path / str(sync)
        folder.mkdir()
        books = Books(folder)
        known, _, _ = books.fail(sync)
        books.mark.unlink()
        answers = books.after_the_power_went(folder / "dark", len(known), campaign.random)
        lost += any(not answer.is_replay for answer in answers)
        rounds += 1
    assert lost
    campaign.control(
        "writing the log again after a failed sync",
        f"acknowledged commits were gone after {lost} of {rounds} power cuts",
    )


def test_a_disk_that_still_fails_is_not_started_on(campaign: Campaign, tmp_path: Path) -> None:
    books = Books(tmp_path)
    books.fail(campaign.random.randrange(10, SYNCS))
    failing = Disk(
        books.folder,
        trouble=lambda kind, name: apsw.SQLITE_IOERR_FSYNC if kind == "sync" else 0,
    )
    with failing.mounted(), pytest.raises(CannotStart, match="cannot be opened"):
        open_engine(settings_of(books.folder), Time().clock())
    assert books.mark.exists()
    campaign.count("faults")


def test_a_folder_that_takes_no_mark_is_said(campaign: Campaign, tmp_path: Path) -> None:
    """The last line then says what the mark would have."""
    books = Books(tmp_path)
    books.mark.symlink_to(tmp_path / "nowhere" / "at-all")
    _, _, last = books.fail(campaign.random.randrange(10, SYNCS))
    assert last.endswith("; restart the machine before nuqta")
    campaign.count("faults")
