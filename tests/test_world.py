"""The world itself: it stands, it is quick to use, and it notices books that do not hold."""

from pathlib import Path

import apsw
import pytest

from tests.world import World, open_world


def test_the_world_stands(world: World) -> None:
    assert world.earn(world.aisha, 100, expire_days=30).refusal is None
    assert world.adjust(world.clara, 7).refusal is None
    assert world.spend(world.aisha, 40).receipt.version == 2
    assert world.balance(world.aisha).available == 60
    assert world.balance(world.clara).available == 7
    assert world.balance(world.badr).version == 0
    world.time.forward(days=30)
    assert world.balance(world.aisha).available == 0
    assert world.login(world.aisha).startswith("nqc_")
    assert world.audit().accounts == 3
    assert world.audit(world.kuwait).accounts == 1


def test_control_a_world_whose_books_do_not_hold_is_noticed(tmp_path: Path) -> None:
    world = open_world(tmp_path)
    inhabited = world.__enter__()
    inhabited.adjust(inhabited.aisha, 7)
    other = apsw.Connection(str(inhabited.engine.vault.path))
    other.execute("UPDATE transfers SET points = 8")
    other.close()
    with pytest.raises(AssertionError, match="I1: the row says 7 available"):
        world.__exit__(None, None, None)
