"""Copies on a schedule: when one is due, how many are kept, and that whoever works makes them."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from nuqta.engine.keeping.backup import kept_in
from nuqta.ledger.instants import DAY_US, SECOND_US
from nuqta.storage.faults import StorageFault
from nuqta.worker.backup import back_up_when_due
from tests.http.server import logging_all
from tests.worker.test_loop import working
from tests.world import World, open_world


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where copies go."""
    (tmp_path / "copies").mkdir()
    return tmp_path / "copies"


@pytest.fixture
def copied(tmp_path: Path, folder: Path) -> Iterator[World]:
    """A world that is copied every six hours, and of whose copies three are kept."""
    with open_world(
        tmp_path, backup_folder=str(folder), backup_hours=6, backup_keep=3, worker_pause_ms=10,
        worker_lease_seconds=600,
    ) as one:  # fmt: skip
        yield one


def test_without_a_folder_nothing_is_copied(world: World) -> None:
    assert back_up_when_due(world.engine) is None


def test_one_is_made_when_the_last_is_old_enough(copied: World, folder: Path) -> None:
    first = back_up_when_due(copied.engine)
    assert first is not None
    assert back_up_when_due(copied.engine) is None
    copied.time.forward(us=6 * 3_600 * SECOND_US - 1)
    assert back_up_when_due(copied.engine) is None
    copied.time.forward(us=1)
    second = back_up_when_due(copied.engine)
    assert second is not None
    assert kept_in(folder) == [second.copy, first.copy]
    for _ in range(4):
        copied.time.forward(hours=6)
        last = back_up_when_due(copied.engine)
        assert last is not None
        assert kept_in(folder)[0] == last.copy
    assert len(kept_in(folder)) == 3


def test_a_copy_from_the_future_counts_as_none(copied: World, folder: Path) -> None:
    for _ in range(3):
        copied.time.forward(days=1)
        assert back_up_when_due(copied.engine) is not None
    copied.time.wall -= 300 * DAY_US
    copied.time.steady -= 300 * DAY_US
    made = back_up_when_due(copied.engine)
    assert made is not None
    assert made.copy in kept_in(folder), "it is not the one that is removed"
    assert back_up_when_due(copied.engine) is None


def test_a_folder_that_is_gone_is_a_fault(copied: World, folder: Path) -> None:
    folder.rmdir()
    with pytest.raises(StorageFault, match="cannot be read"):
        back_up_when_due(copied.engine)


def test_whoever_works_makes_them_and_goes_on_where_it_cannot(copied: World, folder: Path) -> None:
    folder.rmdir()
    with logging_all() as log, working(copied.engine):
        log.wait_for(r"\bback_up: .*cannot be read")
        folder.mkdir()
        copied.earn(copied.aisha, 10, mature_days=1)
        copied.time.forward(days=1)
        log.wait_for("copied the books to")
    assert len(kept_in(folder)) == 1
    assert copied.balance(copied.aisha).version == 2, "the other steps went on"


def test_the_log_names_the_copy(copied: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "nuqta.worker"):
        made = back_up_when_due(copied.engine)
    assert made is not None
    assert str(made.copy.path) in caplog.text
