"""Earning: cashback rules turn an order's amount into points, in exact integers.

Source: design, ledger, section 5.
"""

from collections.abc import Iterable
from fractions import Fraction

import msgspec

from nuqta.ledger.instants import Instant, Points
from nuqta.loyalty.money import Minor


class Rule(msgspec.Struct, frozen=True):
    """One revision of a cashback rule: `points_rewarded` for each `amount_to_spend` (minor units).

    Both are 1 or more. `channel` is `online` or `pos`; a store has one rule of each from its start.
    `tags` is a JSON list of the customer tags that the rule is limited to, "" or "[]" where it is
    for all; `level` the id of a customer level, "" where it is for all.
    """

    store_id: int
    rule_id: str
    revision: int
    channel: str
    external_id: str
    points_rewarded: Points
    amount_to_spend: Minor
    is_active: int
    created_at: Instant
    changed_at: Instant
    changed_by: str
    tags: str = ""
    level: str = ""
    level_name: str = ""

    def points_for(self, base: Minor, parts: int = 1) -> Points:
        """Points for a base of base / parts minor units: floor(base x points_rewarded /
        (parts x amount_to_spend)); only the points are floored.
        """
        return base * self.points_rewarded // (parts * self.amount_to_spend)

    @property
    def limited_to(self) -> frozenset[str]:
        """The tags of which a customer needs one; none where the rule asks for none."""
        return frozenset(msgspec.json.decode(self.tags, type=list[str])) if self.tags else _NO_TAGS

    def applies_to(self, channel: str, tags: frozenset[str], level: str) -> bool:
        """Whether an order of that channel, of a customer with these tags and level, may earn by
        the rule: it is active, and asks for nothing that the order or the customer has not.
        """
        if not self.is_active or self.channel != channel:
            return False
        wanted = self.limited_to
        return (not wanted or not wanted.isdisjoint(tags)) and self.level in ("", level)


_NO_TAGS: frozenset[str] = frozenset()


def best(rules: Iterable[Rule], channel: str, tags: frozenset[str], level: str) -> Rule | None:
    """The rule that rewards most for an amount, of those that apply; the oldest of equal ones.

    Rates are compared, exactly, and not the points of an order: the events of an order may come in
    any order and with other totals, and the choice must not depend on which of them came first.
    """
    applying = [rule for rule in rules if rule.applies_to(channel, tags, level)]
    return min(
        applying,
        key=lambda rule: (
            -Fraction(rule.points_rewarded, rule.amount_to_spend), rule.created_at, rule.rule_id,
        ),
        default=None,
    )  # fmt: skip
