"""Why a transfer was made, in plain sentences for a merchant who answers a complaint.

Each movement between two places has its own words, in `_WORDS`. They say nothing that the books do
not say: where an amount and its points do not match (because an order was told anew), the amount is
left out. Dates are in the store's time zone.
"""

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from nuqta.cli.orders.order import line_told
from nuqta.cli.rules.cashback import told as rule_told
from nuqta.engine.reading.explain import Explained
from nuqta.engine.stores import Store
from nuqta.ledger.instants import NEVER, Instant, Points
from nuqta.ledger.lots import OF_DEBT, Lot
from nuqta.loyalty.dates import format_local
from nuqta.loyalty.money import format_amount

_LINES_SHOWN: Final = 10


def headline(one: Explained, store: Store) -> str:
    """Which transfer it is: its version, and when it counts; and when it was booked, if later."""
    line = one.transfer
    counts = format_local(line.effective_at, store.timezone)
    booked = format_local(line.recorded_at, store.timezone)
    later = "" if counts == booked else f" (booked {booked})"
    return f"Version {line.version}, {counts}{later}"


def sentence(one: Explained, store: Store) -> str:
    """Why the transfer was made."""
    line = one.transfer
    teller = _Teller(one, store)
    words = _WORDS[line.source, line.target](teller)
    return " ".join(part for part in (words, teller.source()) if part)


def _points(points: Points) -> str:
    return "1 point" if points == 1 else f"{points:,} points"


def _were(points: Points) -> str:
    return f"{_points(points)} {'was' if points == 1 else 'were'}"


def _are(points: Points) -> str:
    return f"{_points(points)} {'is' if points == 1 else 'are'}"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count:,} days"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


_ENDINGS: Final = {
    "lapsed": "the time for which they were set aside was over",
    "released": "the redemption had been taken out of the cart",
    "replaced": "another redemption had taken its place in the cart",
    "captured": "another order had taken them",
}


class _Teller:
    """The words for one transfer."""

    def __init__(self, one: Explained, store: Store) -> None:
        self._one = one
        self._store = store
        self._points = one.transfer.points

    # -- parts of sentences -------------------------------------------------------------------
    def _at(self, instant: Instant) -> str:
        return format_local(instant, self._store.timezone)

    def _money(self, minor: int) -> str:
        return f"{format_amount(minor, self._store.currency)} {self._store.currency}"

    def _good(self, lot: Lot) -> str:
        if lot.expires_at == NEVER:
            return "which never expire"
        return f"good until {self._at(lot.expires_at)}"

    @property
    def _order(self) -> str:
        return f"order {self._one.order_key}"

    def _whose(self, lot: Lot | None) -> str:
        """Which points a lot holds."""
        if lot is None:
            return "points"
        if lot.revives:
            return f"the points that came back with order {lot.order_key}"
        if lot.order_key:
            return f"the points that order {lot.order_key} earned"
        return f"the points that were added by hand on {self._at(lot.granted_at)}"

    def _from(self) -> str:
        """From which lot it was taken."""
        lot = self._one.lot
        return "" if lot is None else f" From {self._whose(lot)}, {self._good(lot)}."

    def _version_undone(self) -> str:
        undone = self._one.undone
        return "" if undone is None else f" (version {undone.version})"

    def _wished(self) -> str:
        """The discount for which points are set aside; a transfer may be for a part of them."""
        hold = self._one.hold
        if hold is None:
            return ""
        if hold.discount:
            amount = f"{format_amount(hold.discount, hold.currency)} {hold.currency}"
            return f"{self._part(hold.points)} for a discount of {amount}"
        return f"{self._part(hold.points)} for a discount whose amount its order says"

    def _paying(self) -> str:
        """What the points of this transfer paid for, as a part of all that paid for the order."""
        decided = self._one.decided
        part = "," if decided is None else self._part(max(decided.redeemed, self._points))
        discount = self._discount()
        return f"{part}{discount}" if discount else part.removesuffix(",")

    def _discount(self) -> str:
        """The discount that the order was given: by its own word, before what its cart says."""
        one, hold = self._one, self._one.hold
        minor = one.order.event.redemption if one.order else None
        if not minor and one.decided is not None:
            minor = one.decided.discount
        if minor:
            return f" for a discount of {self._money(minor)}"
        if hold is not None and hold.discount:
            amount = f"{format_amount(hold.discount, hold.currency)} {hold.currency}"
            return f" for a discount of {amount}"
        return ""

    def _part(self, total: Points) -> str:
        return "," if self._points == total else f", part of {_points(total)}"

    def _cart(self) -> str:
        hold = self._one.hold
        return "a cart" if hold is None else f"cart {hold.cart}"

    def _cause(self) -> str:
        """What made an order worth less, as it had been told by then."""
        stands = self._one.order
        if stands is None:
            return f"{self._order} was undone"
        if stands.is_undone:
            return f"{self._order} was {stands.event.status} on {self._at(stands.event.instant)}"
        back = [line for line in stands.lines if line.returned]
        if not back:
            return f"{self._order} came to less than before"
        if stands.is_all_returned:
            return f"all of {self._order} came back"
        shown = [
            f"{line.returned:,} of {line.quantity:,} x {line.line_key}"
            for line in back[:_LINES_SHOWN]
        ]
        if len(back) > _LINES_SHOWN:
            shown.append(f"parts of {len(back) - _LINES_SHOWN:,} more lines")
        return f"a part of {self._order} came back ({', '.join(shown)})"

    def _by(self) -> str:
        """Who acted."""
        origin = self._one.transfer.origin
        if self._one.partner:
            return f" by partner {self._one.partner}"
        if origin == "cli":
            return " at the terminal"
        kind, _, number = origin.partition(":")
        return f" by {kind} {number}" if number else ""

    def source(self) -> str:
        """Who told of the order, where one caused the transfer."""
        told = self._one.told
        if told is None or self._one.transfer.move == "expire":  # time did that, whoever told
            return ""
        at = self._at(told.received_at)
        if self._one.partner:
            return f"Partner {self._one.partner} told of it on {at}."
        if told.origin == "source":
            return f"The shop's order webhook told of it on {at}."
        if told.origin == "cli":
            return f"It was imported at the terminal on {at}."
        return f"It was told by {told.origin} on {at}."

    # -- earning ------------------------------------------------------------------------------
    def earned(self) -> str:
        one = self._one
        more = " more, because it came to more than before" if one.is_more else ""
        said = f"{_capital(self._order)} earned {_points(self._points)}{more}"
        return f"{said}{self._reckoned()}.{self._life()}{self._bought()}"

    def _reckoned(self) -> str:
        one = self._one
        if one.rule is None:
            return ""
        # A rule that is off by now was on when it counted.
        rate = rule_told(replace(one.rule, is_active=1), self._store)
        rule = f"rule {one.rule.rule_id}, revision {one.rule.revision}"
        counted = one.counted
        if counted is None or (counted.points != self._points and not one.is_more):
            return f": {rate} ({rule})"
        parts = "products without tax" if counted.program.without_tax else "products with tax"
        parts += " and shipping" if counted.program.with_shipping else ", no shipping"
        if one.decided is not None and one.decided.discount:
            parts += ", less what was paid with points"
        base = f"{self._money(counted.base)} counted ({parts})"
        if one.is_more:
            base += f", which comes to {_points(counted.points)} in all"
        return f": {base}, at {rate} ({rule})"

    def _life(self) -> str:
        """When the points can be spent, and until when."""
        lot = self._one.lot
        if lot is None:
            return ""
        if lot.matures_at == NEVER:
            counted = self._one.counted
            days = 0 if counted is None else counted.program.maturity_days
            starts = f"{_days(days)} after the delivery" if days else "after the delivery"
        elif self._one.transfer.target == "pending":
            starts = f"from {self._at(lot.matures_at)} on"
        else:
            starts = "at once"
        ends = (
            "never expire" if lot.expires_at == NEVER else f"expire on {self._at(lot.expires_at)}"
        )
        return f" They can be spent {starts} and {ends}."

    def _bought(self) -> str:
        stands = self._one.order
        if stands is None:
            return ""
        shown = [line_told(line, self._store.currency) for line in stands.lines[:_LINES_SHOWN]]
        if len(stands.lines) > _LINES_SHOWN:
            shown.append(f"{len(stands.lines) - _LINES_SHOWN:,} more lines")
        return f" Bought: {'; '.join(shown)}."

    def matured(self) -> str:
        lot = self._one.lot
        until = "" if lot is None else f", {self._good(lot)}"
        return (
            f"{_points(self._points)} can be spent: {self._whose(lot)} had waited as long as the"
            f" program says{until}."
        )

    def expired(self) -> str:
        lot = self._one.lot
        before = " before they could be spent" if self._one.transfer.source == "pending" else ""
        ends = "" if lot is None else f": {self._whose(lot)} were {self._good(lot)}"
        return f"{_points(self._points)} expired unspent{before}{ends}."

    # -- redeeming ----------------------------------------------------------------------------
    def held(self) -> str:
        hold = self._one.hold
        until = "" if hold is None else f", until {self._at(hold.lapses_at)}"
        method = "" if hold is None else f" (method {hold.method_id})"
        return (
            f"{_were(self._points)} set aside{self._by()} for {self._cart()}{self._wished()}"
            f"{method}{until}.{self._from()}"
        )

    def released(self) -> str:
        hold = self._one.hold
        why = "the cart ended"
        if hold is not None and hold.ending == "captured":
            why = (
                f"order {hold.order_key} took only {hold.captured:,} of the {hold.points:,} that"
                " were set aside"
            )
        elif hold is not None and hold.ending == "lapsed":
            why = f"no order had come by {self._at(hold.lapses_at)}, when the cart's time was over"
        elif hold is not None:
            why = _ENDINGS.get(hold.ending, why)
        return (
            f"{_points(self._points)} of {self._cart()} came back: {why}."
            f" They are again among {self._whose(self._one.lot)}{self._until()}."
        )

    def _until(self) -> str:
        lot = self._one.lot
        return "" if lot is None else f", {self._good(lot)}"

    def captured(self) -> str:
        hold = self._one.hold
        since = "" if hold is None else f" on {self._at(hold.reserved_at)}"
        return (
            f"{_capital(self._order)} was paid with {_points(self._points)} that its"
            f" {self._cart()} had set aside{since}{self._paying()}.{self._from()}"
        )

    def spent(self) -> str:
        one = self._one
        if one.undone is not None:
            return (
                f"{_capital(self._order)} stands after all: {_points(self._points)} that had"
                f" come back{self._version_undone()}{self._gone()} pay for it again.{self._from()}"
            )
        if one.transfer.order_key:
            return (
                f"{_capital(self._order)} was paid with {_points(self._points)}"
                f"{self._paying()}. {self._too_late()}, so they were taken from what there was."
                f"{self._from()}"
            )
        return f"{_were(self._points)} redeemed at once, without a cart{self._by()}.{self._from()}"

    def _gone(self) -> str:
        return " and had expired since" if self._one.transfer.source == "expired" else ""

    def _too_late(self) -> str:
        hold = self._one.hold
        ending = "" if hold is None else _ENDINGS.get(hold.ending, "")
        said = f"{_capital(self._cart())} no longer held them when the order came"
        return f"{said} ({ending})" if ending else said

    # -- undoing ------------------------------------------------------------------------------
    def cancelled(self) -> str:
        one, lot = self._one, self._one.lot
        because = f"because {self._cause()}"
        if one.transfer.source == "expired":
            are = "is" if self._points == 1 else "are"
            return (
                f"{_points(self._points)} that {self._order} had earned{self._version_undone()} and"
                f" that had expired {are} cancelled, {because}. The customer loses nothing by it."
            )
        if lot is not None and lot.order_key == one.transfer.order_key and not lot.revives:
            return (
                f"{_points(self._points)} that {self._order} had earned{self._version_undone()}"
                f" {'was' if self._points == 1 else 'were'} taken back, {because}."
            )
        return (
            f"{_were(self._points)} taken back, {because}, and those that it had earned"
            f"{self._version_undone()} were no longer there.{self._from()}"
        )

    def reinstated(self) -> str:
        said = f"{_capital(self._order)} stands after all, so what was taken back"
        said += f"{self._version_undone()} is undone: "
        match self._one.transfer.target:
            case "owed":
                return f"{said}{_are(self._points)} owed no longer."
            case "forgiven":
                return f"{said}the shop bears {_points(self._points)} less."
            case "expired":
                counts = "counts" if self._points == 1 else "count"
                return f"{said}{_points(self._points)} {counts} as expired again."
            case _:
                whose = self._whose(self._one.lot)
                return f"{said}{_points(self._points)} came back to {whose}{self._until()}."

    def given_back(self) -> str:
        lot = self._one.lot
        said = (
            f"{_points(self._points)} with which {self._order} was paid{self._version_undone()}"
            f" came back, because {self._cause()}."
        )
        if lot is None:
            return f"{said} The shop had borne them, so they go back to the shop."
        if not lot.revives:
            return f"{said} They are again among {self._whose(lot)}, {self._good(lot)}."
        why = "They had been owed" if lot.revives == OF_DEBT else "Their own time was over"
        return f"{said} {why}, so they came back as new points, {self._good(lot)}."

    def owed(self) -> str:
        if self._one.transfer.target == "redeemed" and self._one.undone is not None:
            return (
                f"{_are(self._points)} owed: {self._order} stands after all, and the points that"
                f" had come back{self._version_undone()} are no longer there."
            )
        if self._one.transfer.target == "redeemed":
            return f"{_are(self._points)} owed: {self._missing()}"
        return (
            f"{_are(self._points)} owed, because {self._cause()}, and the points that it had earned"
            f"{self._version_undone()} were already used. The next points that come in repay them."
        )

    def forgiven(self) -> str:
        undone = self._one.undone
        if self._one.transfer.target == "redeemed" and undone is not None:
            return (
                f"The shop bears {_points(self._points)} again, because {self._order} stands after"
                f" all{self._version_undone()}."
            )
        if self._one.transfer.target == "redeemed":
            return f"The shop bears {_points(self._points)}: {self._missing()}"
        return (
            f"The shop bears {_points(self._points)}, because {self._cause()}, and the points that"
            f" it had earned{self._version_undone()} were already used."
        )

    def _missing(self) -> str:
        return (
            f"{self._order} was paid with points{self._discount()}, but the customer had too few"
            f" left. {self._too_late()}."
        )

    def repaid(self) -> str:
        if self._one.transfer.source == "expired":
            return (
                f"{_points(self._points)} that had expired before any could be spent went to what"
                f" was owed: it turned out that they had been good before.{self._from()}"
            )
        return (
            f"{_points(self._points)} went to what was owed, as soon as they came in.{self._from()}"
        )

    def reopened(self) -> str:
        lot, undone = self._one.lot, self._version_undone()
        if lot is not None and lot.order_key == self._one.transfer.order_key and not lot.revives:
            return (
                f"{_are(self._points)} owed again: it turned out that {self._whose(lot)} had come"
                f" to their end before they could be spent, so they repaid nothing{undone}."
            )
        return (
            f"{_points(self._points)} that had gone to what was owed{undone} came back to"
            f" {self._whose(lot)}{self._until()}: points that {self._order} earned repay it first."
        )

    # -- by hand ------------------------------------------------------------------------------
    def added(self) -> str:
        lot = self._one.lot
        until = ""
        if lot is not None and lot.expires_at == NEVER:
            until = " They never expire."
        elif lot is not None:
            until = f" They are {self._good(lot)}."
        return f"{_were(self._points)} added by hand{self._by()}{self._reason()}.{until}"

    def deducted(self) -> str:
        return f"{_were(self._points)} deducted by hand{self._by()}{self._reason()}.{self._from()}"

    def _reason(self) -> str:
        return f", with the reason “{self._one.reason}”" if self._one.reason else ""


_WORDS: Final[dict[tuple[str, str], Callable[[_Teller], str]]] = {
    ("issued", "pending"): _Teller.earned,
    ("issued", "available"): _Teller.earned,
    ("pending", "available"): _Teller.matured,
    ("available", "held"): _Teller.held,
    ("held", "available"): _Teller.released,
    ("held", "redeemed"): _Teller.captured,
    ("available", "redeemed"): _Teller.spent,
    ("expired", "redeemed"): _Teller.spent,
    ("available", "expired"): _Teller.expired,
    ("pending", "expired"): _Teller.expired,
    ("pending", "cancelled"): _Teller.cancelled,
    ("available", "cancelled"): _Teller.cancelled,
    ("expired", "cancelled"): _Teller.cancelled,
    ("cancelled", "pending"): _Teller.reinstated,
    ("cancelled", "available"): _Teller.reinstated,
    ("cancelled", "expired"): _Teller.reinstated,
    ("cancelled", "owed"): _Teller.reinstated,
    ("cancelled", "forgiven"): _Teller.reinstated,
    ("redeemed", "available"): _Teller.given_back,
    ("redeemed", "forgiven"): _Teller.given_back,
    ("adjusted_in", "available"): _Teller.added,
    ("available", "adjusted_out"): _Teller.deducted,
    ("owed", "cancelled"): _Teller.owed,
    ("owed", "redeemed"): _Teller.owed,
    ("available", "owed"): _Teller.repaid,
    ("expired", "owed"): _Teller.repaid,
    ("owed", "available"): _Teller.reopened,
    ("forgiven", "cancelled"): _Teller.forgiven,
    ("forgiven", "redeemed"): _Teller.forgiven,
}
"""How each movement between two places is told; ledger/transfers.py lists them all."""
