"""Loading what a command may touch, and recording what was decided: row by row, on every engine.

What the door makes of both is asked in tests/engine, and by the model on SQLite.
"""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from nuqta.ledger.account import opened
from nuqta.ledger.commands import SYSTEM, Command, Order, Receipt, Release, Remind, Reserve, Settle
from nuqta.ledger.instants import DAY_US, NEVER
from nuqta.ledger.posting import Facts, Note, Outcome, decide
from nuqta.ledger.transfers import AccountKey
from nuqta.storage import books
from nuqta.storage.faults import Damaged, StorageFault
from nuqta.storage.sqlite import Transaction, Vault
from tests.ledger.paper import DAY_ZERO, KEY, adjust, earn, settle, spend

OTHER: AccountKey = (7 * 64 + 2, 2)


@pytest.fixture(autouse=True)
def accounts(vault: Vault) -> None:
    """Two accounts of one store."""
    vault.write("open", lambda tx: books.open_accounts(tx, [KEY, OTHER]))


def post(vault: Vault, commands: Sequence[Command], days: int = 0) -> Outcome:
    """What the door does with a batch, on a day."""

    def work(tx: Transaction) -> Outcome:
        outcome = decide(list(commands), books.load(tx, commands), DAY_ZERO + days * DAY_US)
        books.record(tx, outcome)
        return outcome

    outcome = vault.write("post", work)
    assert [answer.refusal for answer in outcome.answers] == [None] * len(commands)
    return outcome


def load(vault: Vault, *commands: Command) -> Facts:
    return books.load(vault.reader(), commands)


def reserve(points: int, cart: str, key: str, account: AccountKey = KEY) -> Reserve:
    return Reserve(
        dkey=account[0], customer_id=account[1], origin="cli", key=key, cart=cart, method_id="m",
        points=points, discount=points, currency="SAR", life_us=DAY_US, holds_max=9,
    )  # fmt: skip


def pays(order: Order, hold: int, points: int, **more: int) -> Order:
    return replace(order, hold=hold, redeemed=points, **more)


# -- loading -------------------------------------------------------------------------------------


def test_an_unknown_account_and_an_empty_one(vault: Vault) -> None:
    unknown = (9 * 64, 64)
    facts = load(vault, spend(1, "a"), spend(1, "b", unknown))
    assert facts == Facts({KEY: opened(*KEY)}, {}, {}, {}, {})
    reader = vault.reader()
    assert books.account(reader, KEY) == opened(*KEY)
    assert books.account(reader, unknown) is None


def test_an_account_is_opened_once(vault: Vault) -> None:
    post(vault, [adjust(5, "a")])
    vault.write("open", lambda tx: books.open_accounts(tx, [KEY]))
    account = books.account(vault.reader(), KEY)
    assert account is not None
    assert account.available == 5


def test_what_a_batch_may_touch_is_loaded_and_nothing_else(vault: Vault) -> None:
    given = post(vault, [adjust(5, "a"), adjust(7, "b"), adjust(9, "a", account=OTHER)])
    post(vault, [spend(5, "c"), reserve(3, "cart", "d"), reserve(2, "gone", "e")])
    release = Release(dkey=KEY[0], customer_id=KEY[1], origin="cli", key="f", cart="gone")
    post(vault, [release])
    facts = load(vault, adjust(7, "b"), settle())
    assert list(facts.accounts) == [KEY]
    assert [(lot.lot, lot.left, lot.held) for lot in facts.lots[KEY]] == [(2, 7, 3)]
    assert [hold.cart for hold in facts.holds[KEY]] == ["cart"]
    assert facts.receipts == {(*KEY, "cli", "b"): given.receipts[1]}
    assert facts.orders == {}
    both = load(vault, adjust(1, "z", account=OTHER), spend(1, "c"))
    assert [len(both.lots[key]) for key in (KEY, OTHER)] == [1, 1]
    assert list(both.holds) == [KEY]
    assert list(both.receipts) == [(*KEY, "cli", "c")]


def test_what_keeps_no_receipt_has_none_to_load(vault: Vault) -> None:
    """Though another command of the system stands under the very key."""
    post(vault, [replace(adjust(5, "order:A:1"), origin=SYSTEM)])
    assert load(vault, earn(5, "A", DAY_ZERO)).receipts == {}
    assert load(vault, Settle(dkey=KEY[0], customer_id=KEY[1], origin=SYSTEM, key="order:A:1")
                ).receipts == {}  # fmt: skip


def test_an_order_is_loaded_with_all_that_it_ever_touched(vault: Vault) -> None:
    order = earn(6, "A", DAY_ZERO)
    post(vault, [adjust(5, "a"), adjust(4, "b", DAY_ZERO + 9 * DAY_US)])
    hold = post(vault, [reserve(9, "cart", "c")]).holds[0].hold
    other = post(vault, [adjust(1, "d"), reserve(1, "other", "e")]).holds[0].hold
    post(vault, [pays(order, hold, 9)])
    post(vault, [spend(2, "f")])
    facts = load(vault, pays(order, hold, 9))
    assert [line.move for line in facts.orders[KEY]] == ["capture", "capture", "earn"]
    assert sorted((lot.lot, lot.left) for lot in facts.lots[KEY]) == [
        (1, 0), (2, 0), (3, 1), (4, 4),
    ]  # fmt: skip
    assert sorted((one.hold, one.ending) for one in facts.holds[KEY]) == [
        (hold, "captured"), (other, ""),
    ]  # fmt: skip
    fresh = load(vault, earn(6, "B", DAY_ZERO))
    assert fresh.orders == {}
    assert sorted(lot.lot for lot in fresh.lots[KEY]) == [3, 4]
    assert [one.hold for one in fresh.holds[KEY]] == [other]


def test_a_hold_that_an_order_names_is_loaded_though_it_has_ended(vault: Vault) -> None:
    post(vault, [adjust(5, "a")])
    hold = post(vault, [reserve(5, "cart", "b")]).holds[0].hold
    post(vault, [settle()], days=2)
    facts = load(vault, pays(earn(0, "A", DAY_ZERO), hold, 5))
    assert [(one.hold, one.ending) for one in facts.holds[KEY]] == [(hold, "lapsed")]
    assert load(vault, earn(0, "A", DAY_ZERO)).holds == {}
    done = post(vault, [pays(earn(0, "A", DAY_ZERO), hold, 5)], days=2)
    assert [(one.hold, one.order_key) for one in done.holds] == [(hold, "A")]


def test_an_order_that_comes_again_is_the_same_order(vault: Vault) -> None:
    """Also in one batch with an order that is new, or of an account that is not there."""
    order = earn(6, "A", DAY_ZERO)
    post(vault, [order, spend(6, "a")])
    assert post(vault, [order, earn(3, "B", DAY_ZERO, account=OTHER)]).transfers[0].order_key == "B"
    unknown = earn(3, "C", DAY_ZERO, account=(9 * 64, 64))
    facts = load(vault, order, earn(1, "D", DAY_ZERO), unknown)
    assert list(facts.orders) == [KEY]
    assert [lot.left for lot in facts.lots[KEY]] == [0]


# -- recording -----------------------------------------------------------------------------------


def test_everything_that_was_decided_is_recorded(vault: Vault) -> None:
    decided = [
        post(vault, [adjust(9, "a", DAY_ZERO + 9 * DAY_US), adjust(5, "b")]),
        post(vault, [reserve(3, "cart", "c")]),
        post(vault, [Remind(dkey=KEY[0], customer_id=KEY[1], origin=SYSTEM, key="r", lot=1,
                            within_us=9 * DAY_US)]),
        post(vault, [pays(earn(6, "A", DAY_ZERO), 3, 2)]),
    ]  # fmt: skip
    reader = vault.reader()
    assert books.transfers(reader, KEY) == [line for one in decided for line in one.transfers]
    lots = {lot.lot: lot for one in decided for lot in one.lots}
    assert books.all_lots(reader, KEY) == [lots[number] for number in sorted(lots)]
    holds = {hold.hold: hold for one in decided for hold in one.holds}
    assert books.all_holds(reader, KEY) == list(holds.values())
    receipts = [receipt for one in decided for receipt in one.receipts]
    assert sorted(books.receipts(reader, KEY), key=_key_of) == sorted(receipts, key=_key_of)
    assert books.account(reader, KEY) == decided[-1].accounts[0][1]
    events = reader.rows_of("SELECT number, kind FROM events ORDER BY number", ())
    assert events == [(event.number, event.kind) for one in decided for event in one.events]
    notes = reader.rows_of("SELECT version, reason FROM notes ORDER BY version", ())
    assert notes == [(1, "because"), (2, "because")]
    assert books.transfers(reader, OTHER) == []


def _key_of(receipt: Receipt) -> tuple[str, str]:
    return (receipt.origin, receipt.key)


def test_a_refusal_alone_is_recorded(vault: Vault) -> None:
    def work(tx: Transaction) -> Outcome:
        outcome = decide([spend(5, "a")], books.load(tx, [spend(5, "a")]), DAY_ZERO)
        books.record(tx, outcome)
        return outcome

    outcome = vault.write("post", work)
    assert books.receipts(vault.reader(), KEY) == outcome.receipts
    assert [one.refusal for one in outcome.receipts] == ["ERROR_NOT_ENOUGH_POINTS"]
    assert books.is_receipted(vault.reader(), spend(5, "a"))
    assert not books.is_receipted(vault.reader(), spend(5, "b"))
    assert not books.is_receipted(vault.reader(), spend(5, "a", OTHER))


def test_an_account_that_is_not_as_it_was_loaded_is_not_changed(vault: Vault) -> None:
    post(vault, [adjust(5, "a")])
    account = books.account(vault.reader(), KEY)
    assert account is not None
    better = replace(account, available=99)
    note = Note(*KEY, 1, "later")
    outcome = Outcome([], [(1, replace(opened(*OTHER), lots=7)), (0, better)], [], [], [], [note])
    with pytest.raises(StorageFault, match="an account changed between loading and recording"):
        vault.write("late", lambda tx: books.record(tx, outcome))
    assert books.account(vault.reader(), KEY) == account
    outcome.accounts = [(1, better)]
    outcome.notes = []
    vault.write("in time", lambda tx: books.record(tx, outcome))
    assert books.account(vault.reader(), KEY) == better


# -- what does not agree -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        ("DELETE FROM lots WHERE lot = 2", "lots"),
        ("DELETE FROM holds", "holds"),
    ],
)
def test_a_row_that_is_missing_is_noticed_by_what_the_others_say(
    vault: Vault, damage: str, what: str
) -> None:
    post(vault, [adjust(5, "a"), adjust(7, "b"), reserve(3, "cart", "c"), spend(1, "d")])
    account = books.account(vault.reader(), KEY)
    assert account is not None
    lots, holds = books.open_lots(vault.reader(), account)
    assert [(lot.lot, lot.left) for lot in lots] == [(1, 4), (2, 7)]
    assert [hold.points for hold in holds] == [3]
    vault.write("damage", lambda tx: tx.rows_of(damage, ()))
    says = f"account 449/1 does not agree with its {what}"
    with pytest.raises(Damaged, match=says):
        load(vault, settle())
    with pytest.raises(Damaged, match=says):
        books.open_lots(vault.reader(), account)


def test_pending_points_count_as_the_lots_that_they_are(vault: Vault) -> None:
    post(vault, [earn(5, "A", DAY_ZERO, mature_days=3), adjust(2, "a")])
    account = books.account(vault.reader(), KEY)
    assert account is not None
    lots, holds = books.open_lots(vault.reader(), account)
    assert sum(lot.left for lot in lots) == account.pending + account.available == 7
    assert holds == []
    assert account.next_change_at == DAY_ZERO + 3 * DAY_US < NEVER
