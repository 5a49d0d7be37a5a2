"""Copies as files: what is made, what is left when it is not, and which are kept."""

import os
import resource
import shutil
import stat
import subprocess
from pathlib import Path

import apsw
import pytest

from nuqta.engine.access.tokens import key_file
from nuqta.engine.keeping import backup
from nuqta.engine.keeping.backup import KEYS, back_up, digest_file, kept_in, thin_out
from nuqta.ledger.instants import DAY_US
from nuqta.storage import copies
from nuqta.storage.copies import Stopped
from nuqta.storage.faults import CannotStart, StorageFault
from tests.world import World


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where copies go."""
    folder = tmp_path / "copies"
    folder.mkdir()
    return folder


def mode(path: Path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_a_copy_is_named_by_its_instant_and_only_its_owner_reads_it(
    world: World, folder: Path
) -> None:
    world.adjust(world.aisha, 7)
    made = back_up(world.engine.vault.path, folder, world.time.wall)
    path = made.copy.path
    assert path == folder / "nuqta-20260301T090000.000000Z.db"
    assert (made.keys, made.copy.size) == ([], path.stat().st_size)
    assert (made.facts.accounts, made.facts.transfers) == (3, 1)
    assert made.facts.booked_at == world.time.wall
    assert mode(path) == mode(digest_file(path)) == 0o600
    assert sorted(one.name for one in folder.iterdir()) == [path.name, f"{path.name}.sha256"]
    assert kept_in(folder) == [made.copy]


def test_the_digest_beside_it_is_one_that_others_can_check(world: World, folder: Path) -> None:
    made = back_up(world.engine.vault.path, folder, world.time.wall)
    tool = shutil.which("sha256sum")
    if tool is None:  # macOS has it under another name
        return
    beside = digest_file(made.copy.path).name
    assert subprocess.run([tool, "-c", beside], cwd=folder, check=False).returncode == 0


def test_the_key_is_in_a_copy_only_when_asked(world: World, folder: Path) -> None:
    path = world.engine.vault.path
    without = back_up(path, folder, world.time.wall)
    assert not key_file(without.copy.path).exists()
    made = back_up(path, folder / "with.db", world.time.wall, with_key=True)
    assert made.keys == [folder / "with.db.key", folder / "with.db.seal-key"]
    for key, place in zip(made.keys, KEYS, strict=True):
        assert key.read_bytes() == place(path).read_bytes()
        assert mode(key) == 0o600
        place(path).unlink()
    with pytest.raises(CannotStart, match="no key file"):
        back_up(path, folder / "more.db", world.time.wall, with_key=True)
    assert not (folder / "more.db").exists()


def test_a_copy_never_takes_the_place_of_a_file(world: World, folder: Path) -> None:
    (folder / "mine").write_text("mine")
    with pytest.raises(CannotStart, match="is there already"):
        back_up(world.engine.vault.path, folder / "mine", world.time.wall)
    assert (folder / "mine").read_text() == "mine"


@pytest.mark.parametrize("where", ["no/folder/at.db", "no/folder", "none"])
def test_there_must_be_a_place_for_it(world: World, folder: Path, where: str) -> None:
    with pytest.raises(CannotStart, match="no folder"):
        back_up(world.engine.vault.path, folder / where, world.time.wall)
    assert list(folder.iterdir()) == [], "a folder that is not there yet is no file's name"


def test_there_must_be_something_to_copy(folder: Path) -> None:
    with pytest.raises(CannotStart, match="no database"):
        back_up(folder / "none.db", folder, 0)


def grown(world: World) -> None:
    """Some megabytes more, so that a copy takes several steps."""
    world.engine.door.write_now(
        "grow",
        lambda tx: tx.rows_of(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
            " INSERT INTO refused_orders SELECT 64, randomblob(16), 'zid', '', '{}',"
            " randomblob(1000), 1, 0, 0, 'test' FROM n",
            (),
        ),
    )


def test_a_copy_that_is_stopped_leaves_nothing(world: World, folder: Path) -> None:
    grown(world)
    for steps in range(3):
        left = [True] * steps

        def may_go_on(left: list[bool] = left) -> bool:
            return left.pop() if left else False

        with pytest.raises(Stopped):
            back_up(world.engine.vault.path, folder, world.time.wall, may_go_on=may_go_on)
        assert left == []
        assert list(folder.iterdir()) == []


def test_a_disk_that_fills_up_leaves_nothing(world: World, folder: Path) -> None:
    """The room is taken away while the copy is made: at 64 KiB of it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, before[1]))
    try:
        with pytest.raises(StorageFault, match=r"could not be written|no room"):
            back_up(world.engine.vault.path, folder, world.time.wall)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(folder.iterdir()) == []
    assert back_up(world.engine.vault.path, folder, world.time.wall).copy.path.exists()


def test_books_that_are_damaged_make_no_copy(world: World, folder: Path, tmp_path: Path) -> None:
    good = back_up(world.engine.vault.path, folder, world.time.wall).copy.path
    bad = tmp_path / "bad.db"
    data = bytearray(good.read_bytes())
    data[4096 * 2 : 4096 * 3] = os.urandom(4096)
    bad.write_bytes(data)
    (tmp_path / "others").mkdir()
    with pytest.raises(StorageFault, match="damaged"):
        back_up(bad, tmp_path / "others", world.time.wall)
    assert list((tmp_path / "others").iterdir()) == []


def test_a_copy_that_does_not_add_up_is_none(world: World, folder: Path) -> None:
    world.adjust(world.aisha, 7)
    path = back_up(world.engine.vault.path, folder, world.time.wall).copy.path
    other = apsw.Connection(str(path))
    other.execute("DELETE FROM transfers")
    other.close()
    with pytest.raises(CannotStart, match="0 transfers, 1 by its accounts"):
        copies.check(path)


def test_an_unfinished_copy_is_cleared_away_by_a_later_run(world: World, folder: Path) -> None:
    old, new = folder / ".nuqta-1.db.00.part", folder / ".nuqta-2.db.00.part"
    for path in (old, new):
        path.write_bytes(b"")
    os.utime(old, (0, 0))
    back_up(world.engine.vault.path, folder, world.time.wall)
    assert not old.exists(), "left behind long ago"
    assert new.exists(), "another is at it"


def test_a_digest_without_a_copy_is_in_nobodys_way(world: World, folder: Path) -> None:
    digest_file(folder / "mine.db").write_text("of a run that was killed")
    made = back_up(world.engine.vault.path, folder / "mine.db", world.time.wall)
    assert digest_file(made.copy.path).read_text() != "of a run that was killed"


def test_only_the_newest_are_kept_and_only_ours_removed(world: World, folder: Path) -> None:
    others = ["nuqta.db", "nuqta-2026.db", "nuqta-20260301T090000.000000Z.db.txt", "notes"]
    for name in others:
        (folder / name).write_text("")
    path = world.engine.vault.path
    made = [back_up(path, folder, world.time.forward(days=1), with_key=True) for _ in range(4)]
    gone = thin_out(folder, 2, made[-1].copy.path)
    assert sorted(gone) == [one.copy.path for one in made[:2]]
    left = [one.copy.path for one in made[2:]]
    beside = [place(path) for path in left for place in (*KEYS, digest_file)]
    assert sorted(folder.iterdir()) == sorted([*(folder / name for name in others), *left, *beside])
    assert [one.path for one in kept_in(folder)] == left[::-1]
    first = back_up(path, folder, world.time.wall - 9 * DAY_US)
    assert thin_out(folder, 2, first.copy.path) == [], "not the one that was just made"


def test_a_name_that_only_looks_like_a_copys_is_as_old_as_can_be(folder: Path) -> None:
    (folder / "nuqta-20269901T090000.000000Z.db").write_bytes(b"")
    assert [one.taken_at for one in kept_in(folder)] == [0]
    with pytest.raises(StorageFault, match="cannot be read"):
        kept_in(folder / "none")


def test_stamps_are_in_the_order_of_time() -> None:
    instants = [0, 1, 999_999, 10**6, DAY_US, 10**15, 2 * 10**15]
    assert sorted(map(backup.stamp, instants)) == list(map(backup.stamp, instants))
