"""The checker of histories finds every planted defect, and none where there is none."""

from random import Random

import pytest
from msgspec.structs import replace

from tests.torture.serving.linear import Seen, Sums, faults

BEGUN = Sums(available=100)


def good(luck: Random, length: int = 200) -> list[Seen]:
    """A history that did happen one thing after another, each at an instant within its time."""
    sums, version, found = BEGUN, 1, []
    for number in range(length):
        start, end = number - luck.uniform(0, 5), number + luck.uniform(0, 5)
        points = luck.choice([-60, -20, 7, 30])
        if luck.random() < 0.4:
            told = (sums.available, sums.used)
            found.append(Seen(f"read {number}", start, end, version, told=told))
        elif sums.available + points < 0:
            found.append(Seen(f"refused {number}", start, end, version, wanted=-points))
        else:
            moved = Sums(available=points, used=max(0, -points))
            sums, version = sums + moved, version + 1
            found.append(Seen(f"write {number}", start, end, version, 1, moved))
    luck.shuffle(found)
    return found


def some(history: list[Seen], kind: str, luck: Random) -> int:
    """Where an operation of a kind stands."""
    return luck.choice([at for at, one in enumerate(history) if one.name.startswith(kind)])


@pytest.mark.parametrize("seed", range(20))
def test_what_happened_is_believed(seed: int) -> None:
    assert faults(good(Random(seed)), BEGUN, 1) == []


@pytest.mark.parametrize("seed", range(20))
def test_control_a_planted_defect_is_found(seed: int) -> None:
    luck, history = Random(seed), good(Random(seed))
    read, write = some(history, "read", luck), some(history, "write", luck)
    stale, lost = history[read], history[write]
    planted = {
        "a wrong answer": replace(stale, told=(stale.told[0] + 1, 0) if stale.told else None),
        "a version of nobody": replace(stale, version=10_000),
        "an old answer": replace(stale, start=1_000.0, end=1_001.0),
        "an answer from the future": replace(stale, start=-100.0, end=-99.0),
        "a write too late": replace(lost, start=1_000.0, end=1_001.0),
        "an update that is lost": replace(lost, version=lost.version - 1),
        "points out of nothing": replace(lost, moved=Sums(available=-1_000)),
    }
    for name, defect in planted.items():
        at = read if defect.name == stale.name else write
        wrong = [*history[:at], defect, *history[at + 1 :]]
        if defect.version in (1, max(one.version for one in history)) and "answer" in name:
            continue  # nothing lies before the first version, and nothing behind the last
        assert faults(wrong, BEGUN, 1), name


def test_control_points_that_are_spent_twice() -> None:
    twice = [
        Seen("one", 0.0, 2.0, 2, 1, Sums(available=-60, held=60)),
        Seen("another", 1.0, 3.0, 3, 1, Sums(available=-60, held=60)),
    ]
    (found,) = faults(twice, BEGUN, 1)
    assert found.startswith("another: version 3 has")


def test_control_a_refusal_though_there_was_enough() -> None:
    (found,) = faults([Seen("one", 0.0, 1.0, 1, wanted=100)], BEGUN, 1)
    assert found.startswith("one: was refused 100 at version 1")


def test_a_command_may_make_several_versions() -> None:
    history = [
        Seen("replaced", 0.0, 1.0, 3, 2, Sums(available=-10, held=10)),
        Seen("read", 2.0, 3.0, 3, told=(90, 0)),
    ]
    assert faults(history, BEGUN, 1) == []
    between = replace(history[1], version=2)
    assert faults([history[0], between], BEGUN, 1)
