"""Restoring: what is refused, what becomes of the books that stood there, and of those who run."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import apsw
import pytest

from nuqta.engine.access.tokens import key_file
from nuqta.engine.engine import make, open_engine
from nuqta.engine.keeping.backup import back_up, digest_file
from nuqta.engine.keeping.restore import restore
from nuqta.engine.reading.audit import audit
from nuqta.engine.reading.balances import show
from nuqta.storage.copies import log_of, move_aside
from nuqta.storage.faults import CannotStart, StorageFault
from nuqta.storage.migrate import steps
from tests.attack.running import serving
from tests.keeping.drill import root
from tests.world import Time, World, open_world, settings_in


@pytest.fixture
def copy(world: World, tmp_path: Path) -> Path:
    """A copy of the world's books: Aisha has 7 points in it, and one more by now."""
    (tmp_path / "copies").mkdir()
    world.adjust(world.aisha, 7)
    made = back_up(world.engine.vault.path, tmp_path / "copies", world.time.wall, with_key=True)
    world.adjust(world.aisha, 1)
    return made.copy.path


@pytest.fixture
def present(tmp_path: Path) -> Iterator[World]:
    """A world of the real present, which ends before its books are replaced."""
    (tmp_path / "present").mkdir()
    with open_world(tmp_path / "present", Time(time.time_ns() // 1000), is_audited=False) as one:
        yield one


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder in which other books may stand."""
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


def available(world: World, folder: Path) -> int:
    """What Aisha has in the books there."""
    with open_engine(settings_in(folder), world.time.clock()) as engine:
        found = show(engine, world.aisha.store_id, world.aisha.customer_id)
    assert found is not None
    return found.available


def put(world: World, copy: Path, folder: Path, *, replace: bool = False) -> Path | None:
    """Restore the copy in the folder; where the former books are now."""
    settings = settings_in(folder)
    return restore(copy, Path(settings.db), settings, world.time.wall, replace=replace).aside


def standing(world: World, folder: Path) -> Path:
    """Other books in the folder, of which the last commits lie in the log alone."""
    settings = settings_in(folder)
    path = make(settings)
    with open_engine(settings, world.time.clock()) as engine:
        engine.door.write_now("mark", lambda tx: tx.rows_of("PRAGMA user_version", ()))
        kept = log_of(path).read_bytes(), path.read_bytes()
    path.write_bytes(kept[1])
    log_of(path).write_bytes(kept[0])  # as a kill leaves it
    assert log_of(path).stat().st_size > 0
    return path


def test_what_is_restored_and_what_is_told(world: World, copy: Path, place: Path) -> None:
    settings = settings_in(place)
    done = restore(copy, Path(settings.db), settings, world.time.wall)
    assert (done.path, done.aside, done.has_key) == (Path(settings.db), None, True)
    assert (done.facts.transfers, done.facts.schema) == (1, len(steps()))
    assert key_file(done.path).read_bytes() == key_file(copy).read_bytes()
    assert sorted(one.name for one in place.iterdir()) == [
        "nuqta.db", "nuqta.db.key", "nuqta.db.seal-key",
    ]  # fmt: skip
    assert os.stat(done.path).st_mode & 0o777 == 0o600
    assert available(world, place) == 7


def test_books_that_stand_there_are_refused_or_moved_aside_whole(
    world: World, copy: Path, place: Path
) -> None:
    path = standing(world, place)
    key, log = key_file(path).read_bytes(), log_of(path).read_bytes()
    with pytest.raises(CannotStart, match="--replace"):
        put(world, copy, place)
    assert log_of(path).read_bytes() == log
    aside = put(world, copy, place, replace=True)
    assert aside == place / "nuqta.db.before-20260301T090000.000000Z"
    assert log_of(aside).read_bytes() == log, "what was committed last goes with its books"
    assert not log_of(path).exists(), "and lies beside no others"
    assert key_file(path).read_bytes() == key, "a key that is there stays"
    assert available(world, place) == 7


def test_a_log_without_its_books_is_kept_and_never_taken_for_the_new_ones(
    world: World, copy: Path, place: Path
) -> None:
    path = standing(world, place)
    path.rename(place / "away.db")
    put(world, copy, place)
    assert available(world, place) == 7
    assert (place / "nuqta.db.before-20260301T090000.000000Z-wal").stat().st_size > 0


def test_a_restore_that_was_killed_half_way_can_be_done_again(
    world: World, copy: Path, place: Path
) -> None:
    """The former books lie aside with their log, and nothing under the name: no server starts."""
    path = standing(world, place)
    before = root(path)
    (place / ".nuqta.db.restoring").write_bytes(b"half")
    move_aside(path, place / "nuqta.db.before-x")
    with pytest.raises(CannotStart, match="no database"):
        open_engine(settings_in(place))
    put(world, copy, place)
    assert available(world, place) == 7
    assert root(place / "nuqta.db.before-x") == before
    assert not (place / ".nuqta.db.restoring").exists()


def test_an_empty_file_is_no_books(world: World, copy: Path, place: Path) -> None:
    (place / "nuqta.db").write_bytes(b"")
    put(world, copy, place)
    assert available(world, place) == 7


def test_nobody_may_have_them_open(present: World, tmp_path: Path) -> None:
    """A server that runs, or one that has stopped: only then."""
    path = present.engine.vault.path
    (tmp_path / "copies").mkdir()
    copy = back_up(path, tmp_path / "copies", present.time.wall).copy.path
    present.engine.close()
    with serving(present, 1), pytest.raises(CannotStart, match="stop the server"):
        restore(copy, path, present.engine.settings, present.time.wall, replace=True)
    before = root(path)
    done = restore(copy, path, present.engine.settings, present.time.wall, replace=True)
    assert done.aside is not None
    assert (root(path), root(done.aside)) == (root(copy), before)


def test_a_copy_with_any_byte_changed_is_refused(world: World, copy: Path, place: Path) -> None:
    whole, luck = copy.read_bytes(), Random(5)
    for at in (0, 18, 100, len(whole) - 1, *(luck.randrange(len(whole)) for _ in range(40))):
        copy.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(CannotStart, match="damaged"):
            put(world, copy, place)
    for length in (0, 1, 4_096, len(whole) // 2, len(whole) - 1):
        copy.write_bytes(whole[:length])
        with pytest.raises(CannotStart, match="damaged"):
            put(world, copy, place)
    assert list(place.iterdir()) == []
    copy.write_bytes(whole)
    put(world, copy, place)


def test_without_its_digest_damage_to_the_form_and_the_numbers_is_found(
    world: World, copy: Path, place: Path
) -> None:
    """Control: a letter of a name is not, which is why there is a digest."""
    digest_file(copy).unlink()
    whole = copy.read_bytes()
    pages = range(0, len(whole), 4_096)
    for at in pages:
        copy.write_bytes(whole[:at] + b"\xa5" * 64 + whole[at + 64 :])
        with pytest.raises(StorageFault):
            put(world, copy, place)
    assert list(place.iterdir()) == []
    copy.write_bytes(whole.replace(b"Aisha", b"Xisha"))
    put(world, copy, place)


def test_books_that_do_not_add_up_are_refused(world: World, copy: Path, place: Path) -> None:
    digest_file(copy).unlink()
    other = apsw.Connection(str(copy))
    other.execute("UPDATE transfers SET points = 8")
    other.close()
    with pytest.raises(CannotStart, match=r"do not add up: .*I1"):
        put(world, copy, place)
    assert list(place.iterdir()) == []


def test_a_copy_older_than_what_was_sealed_must_be_meant(world: World, place: Path) -> None:
    """The signed heads outside the database know how far the books had come."""
    path = world.engine.vault.path
    world.adjust(world.aisha, 7)
    world.engine.sealer.all()
    first = back_up(path, place, world.time.wall)
    assert list(first.facts.roots) == [world.riyadh.store_id]
    world.adjust(world.aisha, 1)
    world.engine.sealer.all()
    last = back_up(path, place, world.time.forward(seconds=1))
    assert last.facts.roots != first.facts.roots
    settings = settings_in(place, heads_file=str(world.engine.sealer.file))
    with pytest.raises(CannotStart, match="--accept-older"):
        restore(first.copy.path, Path(settings.db), settings, world.time.wall)
    assert not Path(settings.db).exists()
    done = restore(last.copy.path, Path(settings.db), settings, world.time.wall)
    assert (done.given_up, done.facts.roots) == ([], last.facts.roots)
    done = restore(
        first.copy.path, Path(settings.db), settings, world.time.wall, replace=True,
        accept_older=True,
    )  # fmt: skip
    assert len(done.given_up) == 1
    with open_engine(settings, world.time.clock()) as engine:
        report = audit(engine, in_full=True)
        found = show(engine, world.aisha.store_id, world.aisha.customer_id)
    assert report.ok, report.violations
    assert report.roots is not None
    assert report.roots[str(world.riyadh.store_id)] == first.facts.roots[world.riyadh.store_id]
    assert found is not None
    assert found.available == 7


@pytest.mark.parametrize(
    ("change", "sentence"),
    [("user_version=99", "newer than the"), ("application_id=1", "not a database of nuqta")],
)
def test_what_is_not_ours_or_not_yet_is_refused(
    world: World, copy: Path, place: Path, change: str, sentence: str
) -> None:
    digest_file(copy).unlink()
    other = apsw.Connection(str(copy))
    other.execute(f"PRAGMA {change}")
    other.close()
    with pytest.raises(CannotStart, match=sentence):
        put(world, copy, place)
    assert list(place.iterdir()) == []


def test_an_old_copy_is_brought_up_to_date(world: World, tmp_path: Path, place: Path) -> None:
    old = apsw.Connection(str(tmp_path / "old.db"))
    for number, _, sql in steps()[:3]:
        old.execute(sql)
        old.pragma("application_id", 0x6E757174)
        old.pragma("user_version", number)
    old.close()
    settings = settings_in(place)
    done = restore(tmp_path / "old.db", Path(settings.db), settings, world.time.wall)
    assert done.facts.schema == len(steps())
    assert not done.has_key


def test_the_books_themselves_are_no_copy(world: World, place: Path) -> None:
    path = standing(world, place)
    with pytest.raises(CannotStart, match="the database itself"):
        put(world, path, place, replace=True)
    with pytest.raises(CannotStart, match="no copy at"):
        put(world, place / "none.db", place, replace=True)
    with pytest.raises(CannotStart, match="in a folder"):
        restore(path, place / "no" / "x.db", settings_in(place), world.time.wall)


def test_books_with_a_log_beside_them_are_restored_with_it(
    world: World, tmp_path: Path, place: Path
) -> None:
    """A copy that somebody made by hand of a stopped server's files, as the page says."""
    (tmp_path / "copied").mkdir()
    path = standing(world, tmp_path / "copied")
    put(world, path, place)
    assert root(place / "nuqta.db") == root(path)
