"""Orders: what an order means for its customer's points.

Here: orders from a file, which count as placed and delivered at their own date.
Source: design, ledger, sections 3 and 5.
"""

import re
import unicodedata
from typing import Final

import msgspec

from nuqta.ledger.account import dkey_of
from nuqta.ledger.commands import SYSTEM, Order
from nuqta.ledger.instants import Instant
from nuqta.loyalty.cashback import Rule
from nuqta.loyalty.money import Minor
from nuqta.loyalty.program import Program

NUMBER_LENGTH_MAX: Final = 64
_NUMBER = re.compile(r"[\w./#-]+")


class PlacedOrder(msgspec.Struct, frozen=True, gc=False):
    """An order that was placed and delivered at one instant; `total` is in minor units."""

    number: str
    customer_id: int
    placed_at: Instant
    total: Minor


def checked_number(text: str) -> str:
    """An order's number or code as it is kept: 1 ... 64 letters and digits of any script and
    . _ / # -, in Unicode's composed form (NFC), because two spellings of one number are one order.

    Raises ValueError, with a sentence, for anything else.
    """
    number = unicodedata.normalize("NFC", text)
    if len(number) > NUMBER_LENGTH_MAX or _NUMBER.fullmatch(number) is None:
        raise ValueError(
            f"{text[:40]!r} is not an order number: 1 to {NUMBER_LENGTH_MAX} letters, digits and"
            " . _ / # -"
        )
    return number


def earned_by(order: PlacedOrder, store_id: int, program: Program, rule: Rule) -> Order:
    """The command by which the order earns: once, by the rule in force, at the order's own date.

    The content is the order's facts, not the points: a rule that changed since makes no conflict.
    """
    return Order(
        dkey=dkey_of(store_id, order.customer_id),
        customer_id=order.customer_id,
        origin=SYSTEM,
        key=f"earn:{order.number}:1",
        earned=rule.points_for(order.total),
        kept=rule.points_for(order.total),
        granted_at=order.placed_at,
        matures_at=program.matures_at(order.placed_at, order.placed_at),
        expires_at=program.expires_at(order.placed_at),
        order_key=order.number,
        rule_id=rule.rule_id,
        rule_revision=rule.revision,
    )
