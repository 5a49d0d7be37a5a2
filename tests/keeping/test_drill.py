"""The drill: the books are copied under load and restored elsewhere, and are what they were then.

Controls: a plain copy of the file, and a copy in which one thing was changed, fail the same drill.
"""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from nuqta.engine.engine import Engine, open_engine
from nuqta.engine.keeping.backup import Made, back_up
from nuqta.engine.keeping.restore import Restored, restore
from nuqta.storage.faults import StorageFault
from tests.keeping.drill import Load, differences, posting, root
from tests.world import World, settings_in


def copied(world: World, folder: Path) -> Made:
    """A copy of the world's books as they are now."""
    folder.mkdir(exist_ok=True)
    return back_up(world.engine.vault.path, folder, world.time.forward(us=1))


def restored(made: Path, folder: Path, world: World) -> Restored:
    """The copy, restored in a folder of its own."""
    folder.mkdir()
    settings = settings_in(folder)
    return restore(made, Path(settings.db), settings, world.time.wall)


@contextmanager
def opened(folder: Path, world: World) -> Iterator[Engine]:
    """The books in a folder, on the world's clock."""
    with open_engine(settings_in(folder), world.time.clock()) as engine:
        yield engine


def test_the_books_restored_are_the_books_at_the_copys_instant(
    world: World, tmp_path: Path
) -> None:
    seed = secrets.randbits(32)
    made: list[tuple[Path, int]] = []
    with posting(world, seed) as load:
        for _ in range(3):
            before = load.wait_for(60)
            made.append((copied(world, tmp_path / "copies").copy.path, before))
        load.wait_for(20)
    for number, (path, before) in enumerate(made):
        folder = tmp_path / f"elsewhere-{number}"
        restored(path, folder, world)
        with opened(folder, world) as engine:
            assert differences(engine, world.engine, load, before) == [], seed
        assert len(load.acknowledged) > before, "it was copied while others wrote"


def test_a_copy_at_rest_is_equal_to_the_last_row(world: World, tmp_path: Path) -> None:
    with posting(world, secrets.randbits(32)) as load:
        load.wait_for(100)
    path = world.engine.vault.path
    there = root(path)
    made = copied(world, tmp_path / "copies")
    restored(made.copy.path, tmp_path / "elsewhere", world)
    assert root(tmp_path / "elsewhere" / "nuqta.db") == there == root(path)
    assert made.facts.transfers == world.audit().transfers


def test_control_a_plain_copy_of_the_file_is_not_the_books(world: World, tmp_path: Path) -> None:
    with posting(world, secrets.randbits(32)) as load:
        before = load.wait_for(100)
        (tmp_path / "plain").mkdir()
        shutil.copy(world.engine.vault.path, tmp_path / "plain" / "nuqta.db")
    assert wrong(world, load, tmp_path / "plain", before)


def wrong(world: World, load: Load, folder: Path, before: int) -> list[str]:
    """What the drill says of a database that was not made by us."""
    try:
        with opened(folder, world) as engine:
            return differences(engine, world.engine, load, before)
    except StorageFault as fault:
        return [str(fault)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE transfers SET points = points + 1 WHERE version = 1",
        "DELETE FROM receipts WHERE version = 1",
        "UPDATE holds SET method_id = 'another'",
        "UPDATE lots SET granted = granted + 1 WHERE lot = 1",
        "DELETE FROM transfers WHERE version = (SELECT max(version) FROM transfers)",
    ],
)
def test_control_a_copy_that_was_changed_fails_the_drill(
    world: World, tmp_path: Path, change: str
) -> None:
    with posting(world, secrets.randbits(32)) as load:
        before = load.wait_for(80)
        made = copied(world, tmp_path / "copies")
    restored(made.copy.path, tmp_path / "elsewhere", world)
    other = apsw.Connection(str(tmp_path / "elsewhere" / "nuqta.db"))
    other.execute(change)
    assert other.changes()
    other.close()
    assert wrong(world, load, tmp_path / "elsewhere", before)


def test_whoever_writes_does_not_wait_for_a_copy(world: World, tmp_path: Path) -> None:
    """A copy that is held up in its midst holds up nobody."""
    asked: list[int] = []

    def may_go_on() -> bool:
        if not asked:
            for _ in range(5):
                world.adjust(world.aisha, 1)
        asked.append(world.balance(world.aisha).available)
        return True

    (tmp_path / "copies").mkdir()
    made = back_up(
        world.engine.vault.path, tmp_path / "copies", world.time.wall, may_go_on=may_go_on
    )
    assert asked[0] == 5
    restored(made.copy.path, tmp_path / "elsewhere", world)
    with opened(tmp_path / "elsewhere", world) as engine:
        account = engine.vault.reader().rows_of(
            "SELECT available FROM accounts WHERE dkey = ?1 AND customer_id = ?2", world.aisha.key
        )
    assert account == [(0,)], "the books as they were when it was begun"
