"""Odd input at the door: keys, numbers and clocks at their edges, and accounts of many lots.

Whatever a command holds, the outcome is a receipt, a refusal or an error for its own caller alone;
the books hold in the end (the fixture audits them).
"""

from pathlib import Path

import pytest

from nuqta.ledger.instants import DAY_US, NEVER, POINTS_MAX
from tests.world import Time, World, open_world

KEYS = ["a\x00b", "a\x00c", "", "k" * 10_000, "\u202e", "\n", "'; --", "%", "\U0001f600", "a", "A"]


def test_every_key_is_one_of_its_own(world: World) -> None:
    for number, key in enumerate(KEYS, 1):
        first = world.post(world.spending(world.badr, 1, key=key or " "))
        assert first.refusal is not None
        assert first.refusal.code == "ERROR_NOT_ENOUGH_POINTS"
        answer = world.adjust(world.aisha, 1, key=key or "   ")
        assert (answer.refusal, answer.is_replay, answer.receipt.version) == (None, False, number)
    for number, key in enumerate(KEYS, 1):
        answer = world.adjust(world.aisha, 1, key=key or "   ")
        assert (answer.is_replay, answer.receipt.version) == (True, number)


@pytest.mark.parametrize("text", ["\ud800", "a\udcff"])
def test_text_that_is_none_harms_its_own_caller_alone(world: World, text: str) -> None:
    wrong = [world.adding(world.aisha, 1, key=text), world.adding(world.aisha, 1, reason=text)]
    for command in wrong:
        with pytest.raises(UnicodeEncodeError):
            world.post(command)
        assert world.adjust(world.aisha, 1).refusal is None
    assert world.balance(world.aisha).available == len(wrong)


@pytest.mark.parametrize(
    "points",
    [0, POINTS_MAX + 1, 2**53, 2**63 - 1, 2**63, 2**64, 10**30, -POINTS_MAX - 1, -(10**30)],
)
def test_points_beyond_every_limit_are_refused(world: World, points: int) -> None:
    for answer in (
        world.adjust(world.aisha, points),
        world.spend(world.aisha, points),
        world.earn(world.aisha, points or -1),
    ):
        assert answer.refusal is not None
        assert answer.refusal.code == "ERROR_POINTS_OUT_OF_RANGE"
    assert world.balance(world.aisha).version == 0


def test_no_life_of_points_passes_what_a_column_holds(world: World) -> None:
    """2^53 - 1 points in all, however they come; the sums stay within JSON's safe integers."""
    done = 0
    for _ in range(2**53 // POINTS_MAX + 2):
        commands = [world.adding(world.aisha, POINTS_MAX) for _ in range(500)]
        answers = world.engine.door.post_all(commands)
        done += sum(answer.refusal is None for answer in answers)
        if answers[-1].refusal is not None:
            assert answers[-1].refusal.code == "ERROR_BALANCE_TOO_LARGE"
            break
    assert done == (2**53 - 1) // POINTS_MAX
    assert world.balance(world.aisha).available == done * POINTS_MAX


@pytest.mark.parametrize("wall", [0, 1, 253_402_300_799 * 10**6, 2**62])
def test_the_clock_at_its_ends(tmp_path: Path, wall: int) -> None:
    with open_world(tmp_path, Time(wall)) as world:
        world.earn(world.aisha, 5, mature_days=1, expire_days=3)
        world.earn(world.aisha, 7, at=-(2**62), expire_days=10**6)
        world.adjust(world.aisha, 2, expires_at=NEVER - 1)
        world.login(world.aisha)
        assert world.balance(world.aisha).pending == 5
        world.time.forward(days=2)
        assert world.balance(world.aisha).available == 7, (
            "what had expired before it was told is gone"
        )
        world.spend(world.aisha, 6)
        assert world.balance(world.aisha).available == 1


def test_an_account_of_many_lots(world: World) -> None:
    lots = 10_000
    for begin in range(0, lots, 2_500):
        world.engine.door.post_all(
            [
                world.adding(world.badr, 1, expires_at=world.time.wall + 9 * DAY_US + number)
                for number in range(begin, begin + 2_500)
            ]
        )
    world.spend(world.badr, 6_000)
    world.earn(world.aisha, 1)
    assert world.balance(world.badr).available == 4_000
    world.time.forward(days=10)
    assert world.balance(world.badr).available == 0
    world.adjust(world.badr, 3)
    balance = world.balance(world.badr)
    assert (balance.available, balance.used) == (3, 6_000)
    assert world.balance(world.aisha).available == 1
