"""Earning rules: who they are for, which is best, and points in exact integers."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nuqta.loyalty.cashback import best
from nuqta.loyalty.program import EARN_AT, GRACE_DAYS_MAX, HOLD_MINUTES_MAX, first
from tests.loyalty.shop import RULE

NOBODY: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("base", "points_rewarded", "amount_to_spend", "points"),
    [
        ((25_075, 1), 1, 200, 125),
        ((99, 1), 1, 100, 0),
        ((100, 1), 1, 100, 1),
        ((299, 3), 1, 100, 0),
        ((300, 3), 1, 100, 1),
        ((10**15 * 3 - 1, 3), 1, 1, 10**15 - 1),
        ((1_999, 1), 3, 1_000, 5),
        ((0, 1), 10**12, 1, 0),
    ],
)
def test_only_the_points_are_floored(
    base: tuple[int, int], points_rewarded: int, amount_to_spend: int, points: int
) -> None:
    rule = replace(RULE, points_rewarded=points_rewarded, amount_to_spend=amount_to_spend)
    assert rule.points_for(*base) == points


@pytest.mark.parametrize(
    ("changes", "tags", "level", "applies"),
    [
        ({}, NOBODY, "", True),
        ({}, frozenset({"vip"}), "gold", True),
        ({"is_active": 0}, NOBODY, "", False),
        ({"channel": "pos"}, NOBODY, "", False),
        ({"tags": "[]"}, NOBODY, "", True),
        ({"tags": '["vip","صديق"]'}, NOBODY, "", False),
        ({"tags": '["vip","صديق"]'}, frozenset({"صديق", "new"}), "", True),
        ({"tags": '["vip"]'}, frozenset({"VIP"}), "", False),
        ({"level": "gold"}, NOBODY, "", False),
        ({"level": "gold"}, NOBODY, "silver", False),
        ({"level": "gold"}, NOBODY, "gold", True),
        ({"level": "gold", "tags": '["vip"]'}, NOBODY, "gold", False),
        ({"level": "gold", "tags": '["vip"]'}, frozenset({"vip"}), "gold", True),
    ],
)
def test_whom_a_rule_is_for(
    changes: dict[str, object], tags: frozenset[str], level: str, applies: bool
) -> None:
    assert replace(RULE, **changes).applies_to("online", tags, level) is applies


def test_the_best_rule_is_the_one_with_the_greatest_rate() -> None:
    third = replace(RULE, rule_id="third", points_rewarded=1, amount_to_spend=3)
    more = replace(third, rule_id="more", points_rewarded=10**11 + 1, amount_to_spend=3 * 10**11)
    off = replace(RULE, rule_id="off", points_rewarded=9, amount_to_spend=1, is_active=0)
    for rules in permutations([RULE, third, more, off]):
        assert best(rules, "online", NOBODY, "") == more
    assert best([RULE, third], "pos", NOBODY, "") is None
    assert best([], "online", NOBODY, "") is None


def test_of_equal_rates_the_oldest_rule_is_the_best_and_then_the_first_by_id() -> None:
    double = replace(RULE, rule_id="rule-b", points_rewarded=2, amount_to_spend=200)
    older = replace(double, rule_id="rule-z", created_at=9)
    for rules in permutations([RULE, double]):
        assert best(rules, "online", NOBODY, "") == RULE
    for rules in permutations([RULE, double, older]):
        assert best(rules, "online", NOBODY, "") == older


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1), st.integers(0, 9_999))
def test_no_rule_gives_more_than_the_best_whatever_the_base(
    rates: list[tuple[int, int]], base: int
) -> None:
    rules = [
        replace(RULE, rule_id=str(number), points_rewarded=points, amount_to_spend=amount)
        for number, (points, amount) in enumerate(rates)
    ]
    found = best(rules, "online", NOBODY, "")
    assert found is not None
    assert found.points_for(base) == max(rule.points_for(base) for rule in rules)


def test_the_first_program_is_the_documented_one() -> None:
    program = first(7, 1, "cli")
    assert (program.earn_at, program.with_shipping, program.without_tax) == ("new", 0, 0)
    assert (program.hold_minutes, program.grace_days) == (30, 30)
    assert program.earn_at in EARN_AT
    assert program.hold_minutes <= HOLD_MINUTES_MAX
    assert program.grace_days <= GRACE_DAYS_MAX
