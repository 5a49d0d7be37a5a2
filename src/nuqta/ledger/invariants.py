"""What always holds, checked on one account: the function that tests, audits and simulators share.

Each violation is one sentence that opens with the number of the invariant. What spans accounts
(I4 as a sum over a store) follows from what is checked here for each; what spans answers, restarts
and credentials (I5, I10, I11) is held by tests. Source: design, ledger, section 7.
"""

from collections.abc import Iterable, Iterator, Sequence

from nuqta.ledger.account import Account
from nuqta.ledger.books import next_change_of
from nuqta.ledger.commands import SYSTEM, Receipt
from nuqta.ledger.history import holds_after, lots_after
from nuqta.ledger.holds import Hold
from nuqta.ledger.lots import Lot
from nuqta.ledger.transfers import MOVES, NO_HOLD, NO_LOT, PLACES, Transfer, book, fold, standing

_PLACES = frozenset(PLACES)
_OF_THE_CUSTOMER = ("pending", "available", "held", "owed")
_FROM_A_LIVE_LOT = frozenset({"hold", "spend"})
_MAY_PRECEDE = frozenset({"earn", "mature", "release", "expire"})
_UNDOES = {
    "cancel": "earn",
    "owe": "earn return",
    "forgive": "earn return",
    "reinstate": "cancel owe forgive",
    "return": "capture spend owe forgive",
    "spend": "return",
    "reopen": "repay",
}
"""Which moves may undo which others."""
_MUST_UNDO = frozenset({"cancel", "reinstate", "return", "reopen"})
_WITHOUT_LOT = frozenset({"owe", "forgive", "reinstate", "return"})
"""Moves that need not touch a lot, because a debt or the program bears them."""
_DUE = ("mature:", "expire:", "lapse:")
"""How the keys begin of what time alone has done."""


def violations(
    account: Account,
    transfers: Sequence[Transfer],
    lots: Sequence[Lot],
    holds: Sequence[Hold],
    receipts: Iterable[Receipt],
) -> Iterator[str]:
    """Everything that is wrong with the books of one account; nothing where they hold.

    `transfers` are all of the account's, by version; `lots` and `holds` all that it ever had.
    """
    for found in (
        _lines(transfers),
        _balances(transfers),
        _row(account, transfers),
        _lots(account, transfers, lots),
        _places(account, lots, holds),
        _lives(transfers, lots),
        _undone(transfers),
        _holds(transfers, holds),
        _keys(transfers, receipts),
    ):
        yield from (f"{sentence} (account {account.key})" for sentence in found)


def _lines(transfers: Sequence[Transfer]) -> Iterator[str]:
    """Each transfer by itself, and its place in the order."""
    recorded_at = 0
    for number, transfer in enumerate(transfers, 1):
        if transfer.version != number:
            yield f"I7: version {transfer.version} stands where {number} should"
        if transfer.recorded_at <= recorded_at:
            yield f"I7: version {transfer.version} was not recorded after the one before it"
        if transfer.effective_at > transfer.recorded_at:
            yield f"I7: version {transfer.version} is effective after it was recorded"
        if (transfer.source, transfer.target) not in MOVES.get(transfer.move, ()):
            yield f"I8: version {transfer.version} is no move of the books: {transfer.move}"
        if transfer.points < 1:
            yield f"I8: version {transfer.version} moves {transfer.points} points"
        recorded_at = transfer.recorded_at


def _balances(transfers: Sequence[Transfer]) -> Iterator[str]:
    """No place below zero at any version; nothing available and owed at once after a command."""
    sums = dict.fromkeys(PLACES, 0)
    following = (*transfers[1:], None)
    for transfer, after in zip(transfers, following, strict=False):
        if not {transfer.source, transfer.target} <= _PLACES:
            return  # which _lines tells
        book(sums, transfer.source, transfer.target, transfer.points)
        for place in _OF_THE_CUSTOMER:
            if sums[place] < 0:
                yield f"I2: {place} is {sums[place]} at version {transfer.version}"
        ends = after is None or (after.origin, after.key) != (transfer.origin, transfer.key)
        if ends and sums["owed"] and sums["available"]:
            yield f"I2: points are owed and available at once after version {transfer.version}"


def _row(account: Account, transfers: Sequence[Transfer]) -> Iterator[str]:
    """The account's row against the fold of its transfers."""
    sums = fold(one for one in transfers if {one.source, one.target} <= _PLACES)
    if account.version != len(transfers):
        yield f"I1: the row says version {account.version}, the books hold {len(transfers)} lines"
    if transfers and account.recorded_at != transfers[-1].recorded_at:
        yield "I1: the row's last recorded instant is not that of its last transfer"
    for place in PLACES:
        if getattr(account, place) != sums[place]:
            yield f"I1: the row says {getattr(account, place)} {place}, its transfers {sums[place]}"
    house = account.issued + account.adjusted_in + account.forgiven
    house -= account.redeemed + account.expired + account.cancelled + account.adjusted_out
    if account.pending + account.available + account.held - account.owed != house:
        yield "I4: the row does not add up against the house"


def _lots(account: Account, transfers: Sequence[Transfer], lots: Sequence[Lot]) -> Iterator[str]:
    """Each lot by itself, and against what its transfers leave of it."""
    if [lot.lot for lot in lots] != list(range(1, account.lots + 1)):
        yield f"I1: the row says {account.lots} lots, the books hold {len(lots)}"
    for lot in lots:
        if not 0 <= lot.held <= lot.left <= lot.granted:
            yield f"I3: lot {lot.lot} has {lot.left} left and {lot.held} held of {lot.granted}"
    if lots_after(transfers, lots) != list(lots):
        yield "I3: the lots are not what their transfers leave of them"


def _places(account: Account, lots: Sequence[Lot], holds: Sequence[Hold]) -> Iterator[str]:
    """What lots and holds hold together, and when time next changes them, against the row."""
    for place, total in (
        ("pending", sum(lot.left for lot in lots if lot.is_pending)),
        ("available", sum(lot.free for lot in lots if not lot.is_pending)),
        ("held", sum(lot.held for lot in lots)),
        ("held", sum(hold.points for hold in holds if hold.is_live)),
    ):
        if total != getattr(account, place):
            yield f"I3: the lots hold {total} {place}, the row says {getattr(account, place)}"
    due = next_change_of(lots, holds)
    if due != account.next_change_at:
        yield f"I1: the row next changes at {account.next_change_at}, its lots and holds at {due}"


def _lives(transfers: Sequence[Transfer], lots: Sequence[Lot]) -> Iterator[str]:
    by_number = {lot.lot: lot for lot in lots}
    for transfer in transfers:
        yield from _life(transfer, by_number)


def _life(transfer: Transfer, lots: dict[int, Lot]) -> Iterator[str]:
    lot = lots.get(transfer.lot)
    if lot is None:
        if transfer.lot != NO_LOT or transfer.move not in _WITHOUT_LOT:
            yield f"I3: version {transfer.version} names no lot of the account"
        return
    at = transfer.effective_at
    outside = at >= lot.expires_at or at < max(lot.matures_at, lot.granted_at)
    takes = transfer.source == "available" and (
        transfer.move in _FROM_A_LIVE_LOT or transfer.target == "adjusted_out"
    )
    if takes and outside:
        yield f"I3: version {transfer.version} takes from lot {lot.lot} outside its life"
    if transfer.move == "return" and at >= lot.expires_at and not lot.revives:
        yield f"I3: version {transfer.version} gives back to lot {lot.lot} after its life"
    if transfer.move == "expire" and at < lot.expires_at:
        yield f"I3: version {transfer.version} expires lot {lot.lot} before its time"
    if transfer.move not in _MAY_PRECEDE and transfer.recorded_at - at > transfer.version:
        # A command's lines share its instant and are stamped 1 µs apart.
        yield f"I7: version {transfer.version} ({transfer.move}) is effective before its command"


def _undone(transfers: Sequence[Transfer]) -> Iterator[str]:
    """Whatever undoes names a line of its own kind of order before it, and no more of it than it
    had."""
    by_version = {line.version: line for line in transfers}
    for line in transfers:
        undone = by_version.get(line.undoes)
        if not line.undoes:
            if line.move in _MUST_UNDO:
                yield f"I8: version {line.version} ({line.move}) does not say what it undoes"
        elif (
            undone is None
            or undone.version >= line.version
            or undone.move not in _UNDOES.get(line.move, "").split()
            or undone.order_key != line.order_key
        ):
            yield f"I8: version {line.version} undoes {line.undoes}, which it cannot"
    for version, left in standing(transfers).items():
        if left < 0:
            yield f"I8: more of version {version} was undone than it had"


def _holds(transfers: Sequence[Transfer], holds: Sequence[Hold]) -> Iterator[str]:
    """A hold ends exactly once, and what was captured and released of it is what it held."""
    named = {line.hold for line in transfers if line.hold != NO_HOLD}
    if named != {hold.hold for hold in holds}:
        yield "I9: the holds are not those that their transfers name"
        return
    live_carts = [hold.cart for hold in holds if hold.is_live]
    if len(live_carts) != len(set(live_carts)):
        yield "I9: a cart has more than one live hold"
    after = {hold.hold: hold for hold in holds_after(transfers, holds)}
    for hold in holds:
        if after.get(hold.hold) != hold:
            yield f"I9: hold {hold.hold} is not what its transfers make of it"
        ended = hold.captured + hold.released
        if ended != (0 if hold.is_live else hold.points):
            yield f"I9: hold {hold.hold} held {hold.points}, and {ended} of them ended"
        if sum(points for _, points in hold.taken) != hold.points:
            yield f"I9: hold {hold.hold} holds {hold.points}, its lots say otherwise"


def _keys(transfers: Sequence[Transfer], receipts: Iterable[Receipt]) -> Iterator[str]:
    by_key: dict[tuple[str, str], list[int]] = {}
    for transfer in transfers:
        by_key.setdefault((transfer.origin, transfer.key), []).append(transfer.version)
    remaining = {key for key in by_key if key[0] != SYSTEM}
    for key, versions in by_key.items():
        if versions[-1] - versions[0] + 1 != len(versions):
            yield f"I6: the key {key} has more than one effect"
    for receipt in receipts:
        booked = by_key.get((receipt.origin, receipt.key), [])
        remaining.discard((receipt.origin, receipt.key))
        if receipt.refusal and booked:
            yield f"I6: {receipt.key} was refused and has an effect"
        if not _are_its(receipt, booked, transfers):
            yield f"I6: the receipt of {receipt.key} names other transfers than it booked"
    for key in sorted(remaining):
        yield f"I6: transfers of {key} have no receipt"


def _are_its(receipt: Receipt, booked: Sequence[int], transfers: Sequence[Transfer]) -> bool:
    """Whether the versions that a receipt names are those of its key, and else of what fell due
    before it: which may be all, where a cart had lapsed that was to be emptied."""
    lines = transfers[receipt.version - receipt.booked : receipt.version]
    others = sum(line.origin == SYSTEM and line.key.startswith(_DUE) for line in lines)
    own = [
        line.version for line in lines if line.origin == receipt.origin and line.key == receipt.key
    ]
    return own == list(booked) and len(own) + others == receipt.booked
