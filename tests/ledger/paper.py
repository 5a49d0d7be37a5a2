"""The books on paper: one account in plain lists, moved by the pure `decide`, no database."""

from collections.abc import Callable, Sequence
from typing import Final

from nuqta.ledger.account import Account, opened
from nuqta.ledger.commands import SYSTEM, Adjust, Answer, Command, Order, Receipt, Settle, Spend
from nuqta.ledger.events import Event
from nuqta.ledger.history import at
from nuqta.ledger.holds import Hold
from nuqta.ledger.instants import DAY_US, NEVER, Instant, Points
from nuqta.ledger.invariants import violations
from nuqta.ledger.lots import Lot
from nuqta.ledger.posting import Facts, Outcome, decide
from nuqta.ledger.transfers import AccountKey, Transfer

Decide = Callable[[list[Command], Facts, Instant], Outcome]

KEY: Final[AccountKey] = (7 * 64 + 1, 1)
DAY_ZERO: Final[Instant] = 20_000 * DAY_US


class Paper:
    """One account with its lots, transfers and receipts; `decide` may be another, as a control."""

    def __init__(self, decide: Decide = decide) -> None:
        self._decide = decide
        self.account = opened(*KEY)
        self.lots: dict[int, Lot] = {}
        self.transfers: list[Transfer] = []
        self.holds: dict[int, Hold] = {}
        self.events: list[Event] = []
        self.receipts: list[Receipt] = []
        self.notes: list[str] = []

    def copy(self) -> "Paper":
        """The same books, on a sheet of their own."""
        other = Paper(self._decide)
        other.account = self.account
        other.lots, other.holds = dict(self.lots), dict(self.holds)
        other.transfers, other.events = list(self.transfers), list(self.events)
        other.receipts, other.notes = list(self.receipts), list(self.notes)
        return other

    @property
    def open_lots(self) -> list[Lot]:
        return [lot for lot in self.lots.values() if lot.left]

    @property
    def live_holds(self) -> list[Hold]:
        return [hold for hold in self.holds.values() if hold.is_live]

    def facts(self) -> Facts:
        """What the door would load."""
        known = {(*KEY, receipt.origin, receipt.key): receipt for receipt in self.receipts}
        lots, holds = list(self.lots.values()), list(self.holds.values())
        of_orders = [line for line in self.transfers if line.order_key]
        return Facts({KEY: self.account}, {KEY: lots}, known, {KEY: holds}, {KEY: of_orders})

    def post(self, commands: Sequence[Command], clock: Instant) -> list[Answer]:
        """Decide and write down."""
        outcome = self._decide(list(commands), self.facts(), clock)
        self.write(outcome)
        return outcome.answers

    def write(self, outcome: Outcome) -> None:
        for before, account in outcome.accounts:
            assert before == self.account.version
            self.account = account
        self.lots.update({lot.lot: lot for lot in outcome.lots})
        self.holds.update({hold.hold: hold for hold in outcome.holds})
        self.events.extend(outcome.events)
        self.transfers.extend(outcome.transfers)
        self.receipts.extend(outcome.receipts)
        self.notes.extend(note.reason for note in outcome.notes)

    def read(self, clock: Instant) -> Account:
        """The account as a read at `clock` shows it; a Settle must book exactly that."""
        shown = at(self.account, self.open_lots, self.live_holds, clock)
        settled = decide([settle()], self.facts(), clock).accounts
        booked = settled[0][1] if settled else self.account
        assert shown.sums() == booked.sums(), "a read differs from what is booked"
        assert shown.next_change_at == booked.next_change_at
        return shown

    def wrongs(self) -> list[str]:
        """What the invariants say."""
        lots = [self.lots[number] for number in sorted(self.lots)]
        holds = [self.holds[number] for number in sorted(self.holds)]
        return list(violations(self.account, self.transfers, lots, holds, self.receipts))


def earn(
    points: Points,
    key: str,
    placed_at: Instant,
    mature_days: int = 0,
    expire_days: int | None = None,
    account: AccountKey = KEY,
) -> Order:
    """An order earns; the order is named by the key."""
    return Order(
        dkey=account[0], customer_id=account[1], origin=SYSTEM, key=f"order:{key}:1",
        earned=points, kept=points, granted_at=placed_at,
        matures_at=placed_at + mature_days * DAY_US,
        expires_at=NEVER if expire_days is None else placed_at + expire_days * DAY_US,
        order_key=key, rule_id="rule", rule_revision=1,
    )  # fmt: skip


def spend(points: Points, key: str, account: AccountKey = KEY) -> Spend:
    return Spend(dkey=account[0], customer_id=account[1], origin="cli", key=key, points=points)


def adjust(
    points: Points, key: str, expires_at: Instant = NEVER, account: AccountKey = KEY
) -> Adjust:
    return Adjust(
        dkey=account[0], customer_id=account[1], origin="cli", key=key, points=points,
        expires_at=expires_at, reason="because",
    )  # fmt: skip


def settle(account: AccountKey = KEY) -> Settle:
    return Settle(dkey=account[0], customer_id=account[1], origin=SYSTEM, key="settle")
