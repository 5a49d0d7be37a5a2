"""Links: a log lies beside the file itself, and books with two names would have two of them."""

import os
from pathlib import Path

import pytest

from nuqta.engine.engine import make, open_engine
from nuqta.engine.keeping.backup import back_up, digest_file
from nuqta.engine.keeping.restore import restore
from nuqta.storage.copies import alone_in, copy, log_of
from nuqta.storage.faults import CannotStart
from tests.world import World, open_world, settings_in


def with_a_log(world: World, folder: Path) -> Path:
    """The world's books as a kill leaves them: what was booked last lies in the log alone."""
    world.adjust(world.aisha, 7)
    path, there = world.engine.vault.path, folder / "killed.db"
    folder.mkdir()
    there.write_bytes(path.read_bytes())
    log_of(there).write_bytes(log_of(path).read_bytes())
    assert log_of(there).stat().st_size > 0
    return there


def test_a_link_to_books_is_restored_with_their_log(world: World, tmp_path: Path) -> None:
    link, settings = tmp_path / "link.db", settings_in(tmp_path / "place")
    (tmp_path / "place").mkdir()
    link.symlink_to(with_a_log(world, tmp_path / "killed"))
    done = restore(link, Path(settings.db), settings, world.time.wall)
    assert done.facts.transfers == 1


def test_a_link_to_a_copy_is_checked_by_the_digest_of_the_copy(
    world: World, tmp_path: Path
) -> None:
    link, settings = tmp_path / "link.db", settings_in(tmp_path / "place")
    (tmp_path / "place").mkdir()
    made = back_up(world.engine.vault.path, tmp_path / "place", world.time.wall).copy.path
    link.symlink_to(made)
    digest_file(made).write_bytes(b"\xff\xfe no digest")
    with pytest.raises(CannotStart, match="its digest is not the one"):
        restore(link, Path(settings.db), settings, world.time.wall)


def test_books_with_two_names_are_not_opened(tmp_path: Path) -> None:
    """Two processes, each by its own name, answered for points of which one half was lost."""
    with open_world(tmp_path) as world:
        world.adjust(world.aisha, 5)
    settings, other = settings_in(tmp_path), tmp_path / "other.db"
    os.link(settings.db, other)
    with pytest.raises(CannotStart, match="2 names"):
        open_engine(settings, world.time.clock())
    with pytest.raises(CannotStart, match="2 names"):
        make(settings)
    with pytest.raises(CannotStart, match="2 names"):
        copy(other, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
    other.unlink()
    open_engine(settings, world.time.clock()).close()


def test_a_copy_may_have_two_names(world: World, tmp_path: Path) -> None:
    """Nobody writes to it."""
    settings = settings_in(tmp_path / "place")
    (tmp_path / "place").mkdir()
    made = back_up(world.engine.vault.path, tmp_path / "place", world.time.wall).copy.path
    os.link(made, tmp_path / "second.db")
    restore(tmp_path / "second.db", Path(settings.db), settings, world.time.wall)


def test_one_restores_at_a_time(world: World, tmp_path: Path) -> None:
    """Both would prove their copies under one name, and one would take the other's half."""
    settings = settings_in(tmp_path / "place")
    (tmp_path / "place").mkdir()
    made = back_up(world.engine.vault.path, tmp_path, world.time.wall).copy.path
    with alone_in(tmp_path / "place"), pytest.raises(CannotStart, match="is being restored"):
        restore(made, Path(settings.db), settings, world.time.wall)
    restore(made, Path(settings.db), settings, world.time.wall)
