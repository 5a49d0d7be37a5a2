"""What the records of the ledger say: their tables, their bounds, and what is left unsaid.

Much of it stands in files for ever (digests, numbers, names), so it is written here once more.
"""

from typing import Any

import pytest
from msgspec.structs import fields, replace

from nuqta.ledger import instants
from nuqta.ledger.account import BUCKETS, dkey_of, opened, store_of
from nuqta.ledger.books import Books, Stamp
from nuqta.ledger.commands import (
    SYSTEM,
    Adjust,
    Answer,
    Command,
    Order,
    Release,
    Remind,
    Reserve,
    Settle,
    Spend,
    digest_of,
)
from nuqta.ledger.events import EXPIRING, KINDS, TOLD, Event
from nuqta.ledger.holds import Hold
from nuqta.ledger.instants import DAY_US, NEVER, days_after
from nuqta.ledger.lots import OF_DEBT, Lot, spending_order
from nuqta.ledger.transfers import GROWS_AS_SOURCE, MOVES, NO_HOLD, NO_LOT, PLACES, Transfer
from tests.ledger.paper import KEY, Paper

MAX = 2**53 - 1
BASE: dict[str, Any] = {"dkey": KEY[0], "customer_id": KEY[1], "origin": "cli", "key": "k"}
LOT = Lot(*KEY, 1, 100, 60, 20, 0, 5, 7, 9)
HOLD = Hold(*KEY, 3, "c", "m", 20, 100, "SAR", 5, 8, ((1, 20),))


# -- numbers that stand in files ---------------------------------------------------------------


def test_bounds() -> None:
    assert (instants.POINTS_MAX, instants.BALANCE_MAX) == (10**12, MAX)
    assert (instants.SECOND_US, DAY_US) == (10**6, 86_400 * 10**6)
    assert NEVER == 2**63 - 1
    assert (NO_LOT, NO_HOLD, OF_DEBT, BUCKETS, SYSTEM) == (0, 0, -1, 64, "system")


def test_a_day_after_another_and_never_past_never() -> None:
    assert days_after(5, 0) == 5
    assert days_after(5, 2) == 5 + 2 * DAY_US
    assert days_after(NEVER - DAY_US, 1) == NEVER
    assert days_after(NEVER - 1, 1) == NEVER


@pytest.mark.parametrize(
    ("store", "customer", "dkey"),
    [(1, 0, 64), (1, 63, 127), (1, 64, 64), (2, 1, 129), (7, 1, 449)],
)
def test_a_distribution_key_names_its_store(store: int, customer: int, dkey: int) -> None:
    assert dkey_of(store, customer) == dkey
    assert store_of(dkey) == store


CART = Reserve(
    cart="c", method_id="m", points=5, discount=7, currency="SAR", life_us=9, holds_max=2, **BASE
)  # fmt: skip
DIGESTS: dict[str, Command] = {
    "636b3305e193bac583684934c1364f5b": Spend(points=5, **BASE),
    "a2828e5386aa8e0d8b0657e68a23fffa": Spend(points=6, **BASE),
    "2cc41977d5387d21d9db1f2c75e497d3": Spend(points=5, reason="x", **BASE),
    "4b070cfcd42f96ee02cda9b4730d8f0c": Adjust(points=5, **BASE),
    "f4207a8bb2c3d0312b12fbf981948117": Adjust(points=-5, **BASE),
    "8bfd5f91a6505114821bda6fc67815b6": Adjust(points=5, expires_at=9, **BASE),
    "960b852a81735b4efc91475f01c49039": Adjust(points=5, reason="x", **BASE),
    "a9b2dc8712796fa229d038f5ffcceb08": Release(cart="c", **BASE),
    "8b3e74b9d4e2a750ca963672bf25aa8d": Release(cart="d", **BASE),
    "41d104968cb08360ebc0d86869e189f1": CART,
    "c3dc0f9e93369e49c07f77261e280191": replace(CART, cart="d"),
    "c5a66672460a7aee1cd89c27bbb102f1": replace(CART, method_id="n"),
    "d8fd691c0178eacdad7fbdb8a9ce1a3d": replace(CART, basket=5),
}
"""Receipts of years ago are compared with these: they may never change."""


@pytest.mark.parametrize("digest", DIGESTS)
def test_the_digest_of_what_a_command_says(digest: str) -> None:
    command = DIGESTS[digest]
    assert digest_of(command).hex() == digest
    other = replace(command, dkey=1, customer_id=2, origin="partner:1", key="o", is_keyed=False)
    assert digest_of(other).hex() == digest, "whoever says it"


def test_what_a_method_was_when_it_was_applied_is_not_what_the_caller_said() -> None:
    other = replace(CART, points=6, discount=8, currency="KWD", life_us=1, holds_max=3)
    assert digest_of(other) == digest_of(CART)


def test_commands_without_a_receipt_have_no_digest() -> None:
    order = Order(
        order_key="o", earned=1, kept=1, granted_at=1, matures_at=1, expires_at=1, **BASE
    )  # fmt: skip
    assert {digest_of(order), digest_of(Settle(**BASE)),
            digest_of(Remind(lot=1, within_us=1, **BASE))} == {b""}  # fmt: skip


# -- tables ------------------------------------------------------------------------------------


def test_every_move_is_between_places_and_is_told() -> None:
    pairs = {pair for between in MOVES.values() for pair in between}
    assert {place for pair in pairs for place in pair} == set(PLACES)
    assert set(TOLD) == pairs
    assert set(PLACES) > GROWS_AS_SOURCE
    assert len(PLACES) == len(set(PLACES)) == 11


def test_every_kind_of_event_is_told_by_some_move_but_the_one_of_time() -> None:
    told = {kind for kinds in TOLD.values() for kind in kinds}
    assert told | {EXPIRING} == set(KINDS)
    assert EXPIRING not in told
    assert len(KINDS) == len(set(KINDS)) == 12
    assert all(kind.startswith("points.") and kind.islower() for kind in KINDS)


MOVED = """
    adjust adjusted_in available  points.adjusted
    adjust available adjusted_out  points.adjusted
    cancel available cancelled  points.cancelled
    cancel expired cancelled  points.cancelled
    cancel pending cancelled  points.cancelled
    capture held redeemed  points.redeemed
    earn issued available  points.earned
    earn issued pending  points.earned
    expire available expired  points.expired
    expire pending expired  points.expired
    forgive forgiven cancelled  points.cancelled
    forgive forgiven redeemed  points.redeemed
    hold available held  points.held
    mature pending available  points.matured
    owe owed cancelled  points.cancelled points.owed
    owe owed redeemed  points.redeemed points.owed
    reinstate cancelled available  points.earned
    reinstate cancelled expired  points.earned
    reinstate cancelled forgiven  points.earned
    reinstate cancelled owed  points.earned points.repaid
    reinstate cancelled pending  points.earned
    release held available  points.released
    reopen owed available  points.owed
    repay available owed  points.repaid
    repay expired owed  points.repaid
    return redeemed available  points.returned
    return redeemed forgiven  points.returned
    spend available redeemed  points.redeemed
    spend expired redeemed  points.redeemed
"""


def test_the_whole_table_of_moves() -> None:
    lines = [
        f"{move} {source} {target}  {' '.join(TOLD[source, target])}"
        for move in sorted(MOVES)
        for source, target in sorted(MOVES[move])
    ]
    assert lines == [line.strip() for line in MOVED.strip().splitlines()]


# -- what is left unsaid -----------------------------------------------------------------------


UNSAID: dict[type, dict[str, object]] = {
    Transfer: {"order_key": ""},
    Event: {"order_key": ""},
    Stamp: {"order_key": ""},
    Lot: {
        "order_key": "", "rule_id": "", "rule_revision": 0, "expired": 0, "revives": 0,
        "is_told": 0,
    },
    Hold: {"ending": "", "captured": 0, "released": 0, "order_key": ""},
    Answer: {"refusal": None, "is_replay": False},
    Spend: {"reason": None, "is_keyed": True},
    Order: {
        "reason": None, "is_keyed": True, "rule_id": "", "rule_revision": 0, "hold": NO_HOLD,
        "redeemed": 0, "returned": 0, "undone_at": 0, "grace_us": 30 * DAY_US,
        "is_forgiving": False,
    },
    Adjust: {"reason": None, "is_keyed": True, "expires_at": NEVER},
    Reserve: {"reason": None, "is_keyed": True, "basket": None},
}  # fmt: skip


@pytest.mark.parametrize("record", UNSAID, ids=lambda record: record.__name__)
def test_what_is_left_unsaid(record: type) -> None:
    assert {one.name: one.default for one in fields(record) if not one.required} == UNSAID[record]


def test_which_commands_are_remembered() -> None:
    kept = {one for one in (Order, Reserve, Release, Spend, Adjust, Settle, Remind)
            if one.has_receipt}  # fmt: skip
    assert kept == {Reserve, Release, Spend, Adjust}


# -- what follows from a record ----------------------------------------------------------------


def test_an_account_that_is_opened_has_nothing() -> None:
    account = opened(*KEY)
    assert account.key == KEY
    assert set(account.sums().values()) == {0}
    assert (account.version, account.recorded_at, account.lots, account.events) == (0, 0, 0, 0)
    assert account.next_change_at == NEVER


def test_what_an_account_tells_of_itself() -> None:
    account = replace(opened(*KEY), issued=50, adjusted_in=7, cancelled=5, redeemed=3, pending=2)
    assert account.used == 3
    assert account.total_positive == 52
    assert list(account.sums()) == list(PLACES)
    assert account.sums() == {
        **dict.fromkeys(PLACES, 0), "issued": 50, "adjusted_in": 7, "cancelled": 5, "redeemed": 3,
        "pending": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("lot", "free", "next_change_at"),
    [
        (LOT, 40, 9),
        (replace(LOT, is_pending=1), 40, 7),
        (replace(LOT, is_pending=1, matures_at=NEVER), 40, 9),
        (replace(LOT, held=60), 0, NEVER),
        (replace(LOT, held=59), 1, 9),
    ],
)
def test_when_time_alone_next_changes_a_lot(lot: Lot, free: int, next_change_at: int) -> None:
    assert (lot.free, lot.next_change_at) == (free, next_change_at)


def test_when_time_alone_ends_a_hold() -> None:
    assert (HOLD.is_live, HOLD.next_change_at) == (True, 8)
    ended = replace(HOLD, ending="lapsed")
    assert (ended.is_live, ended.next_change_at) == (False, NEVER)


def test_lots_of_one_end_and_one_instant_are_spent_by_their_numbers() -> None:
    lots = [replace(LOT, lot=2), replace(LOT, lot=1), replace(LOT, lot=4, granted_at=4),
            replace(LOT, lot=3, expires_at=8)]  # fmt: skip
    assert [lot.lot for lot in sorted(lots, key=spending_order)] == [3, 4, 1, 2]


def test_a_row_that_says_more_than_its_lots_have_is_no_answer() -> None:
    books = Books(replace(Paper().account, available=50), [LOT])
    with pytest.raises(RuntimeError, match=r"the lots of account \(449, 1\) hold less than"):
        books.take("spend", "redeemed", 41, Stamp(6, "cli", "k"))
