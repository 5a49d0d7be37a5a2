"""Orders: taking in what a shop tells of them, and moving the books to what that comes to.

Every event of an order is kept; what the order comes to is worked out anew from all of them, so
neither their order nor their number matters. By which program and rule an order earns is decided
once, when it first earns, and kept; so is which hold of a cart it uses. What needs a person stands
in `attention`. Source: design, ledger, section 5.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec.structs import astuple, replace

from nuqta import refusals
from nuqta.engine import customers, redemption
from nuqta.engine.customers import Claim
from nuqta.engine.door import post
from nuqta.engine.stores import Store, program_at, program_of, rule_at, rules_of
from nuqta.ledger.account import dkey_of
from nuqta.ledger.commands import SYSTEM, Answer, Order
from nuqta.ledger.holds import Hold
from nuqta.ledger.instants import DAY_US, Instant, Points
from nuqta.ledger.transfers import NO_HOLD
from nuqta.loyalty.cashback import Rule, best
from nuqta.loyalty.customers import tags_of
from nuqta.loyalty.money import Minor
from nuqta.loyalty.order_fields import Decoded
from nuqta.loyalty.orders import (
    OrderEvent,
    Standing,
    decoded,
    earned,
    given_back,
    standing,
)
from nuqta.loyalty.program import Program
from nuqta.loyalty.zid_orders import PARTLY_RETURNED, PAYMENT_UNDONE
from nuqta.refusals import Refusal
from nuqta.storage.rows import hold_from
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_ORDER = statement("orders.order")
_PUT = statement("orders.put")
_EVENTS = statement("orders.events")
_ADD_EVENT = statement("orders.add_event")
_HOLD = statement("holds.by_number")
_HOLDS_OF_CART = statement("holds.of_cart")
_HOLDS_OF_DISCOUNT = statement("holds.of_discount")

FACTS_MAX: Final = 4_194_304
"""Characters that are kept of one order, where a caller has no setting for it."""
_SETTLED_BY_END: Final = {PARTLY_RETURNED, PAYMENT_UNDONE}
"""Doubts that are none once the whole order is returned or cancelled."""
_DOUBTS: Final = {"discount_differs", "basket_too_small"}
"""What is judged anew with every event."""
_NO_RULE: Final = ""
_MATCHED_FOR_US: Final = 30 * DAY_US
"""So far back a hold is looked for by its discount, where an order names no cart."""


class OrderRow(msgspec.Struct, frozen=True):
    """What is decided of an order. `program_revision` is 0 until it first earns; `rule_id` is ""
    where no rule was for it then. `hold` is the hold it uses, for `redeemed` points and `discount`
    (minor units). `troubles` are words for a person, with a space between; `attended_by` is who
    has looked after them, "" while nobody has."""

    dkey: int
    customer_id: int
    order_key: str
    program_revision: int
    rule_id: str
    rule_revision: int
    hold: int
    redeemed: Points
    discount: Minor
    troubles: str
    attended_by: str
    created_at: Instant
    changed_at: Instant


class KnownEvent(msgspec.Struct, frozen=True):
    """An event as it is kept: `version` is the account's when it had been booked."""

    dkey: int
    customer_id: int
    order_key: str
    digest: bytes
    facts: str
    origin: str
    version: int
    received_at: Instant


class Taken(msgspec.Struct, frozen=True):
    """An event that was taken in, now or before (`is_replay`), and what the order comes to by all
    of them. Points are whole; `version` is the account's."""

    order: OrderRow
    status: str
    earned: Points
    kept: Points
    redeemed: Points
    returned: Points
    version: int
    is_replay: bool


class _Work(msgspec.Struct):
    """One event on its way, and what its order comes to with it."""

    event: OrderEvent
    digest: bytes
    claim: Claim
    order: OrderRow
    command: Order
    status: str
    is_known: bool  # the order is
    events: int  # with this one
    facts: int  # characters told before this one
    version: int | None  # of the account when the event was booked; None for one that is new


def take_in(
    tx: Transaction,
    store: Store,
    arrivals: Sequence[Decoded],
    now: Instant,
    origin: str,
    *,
    events_max: int,
    facts_max: int = FACTS_MAX,
    only_first: bool = False,
) -> list[Taken | Refusal]:
    """Take in one event for each of some orders, all different; in the order of the arrivals.

    `only_first` refuses as a KEY_CONFLICT what tells something else of an order that is known.
    Refuses CUSTOMER_ERASED where the order is new, ORDER_TOO_LONG past `events_max` events or
    `facts_max` characters told of one order, ORDER_OF_ANOTHER_CUSTOMER, CURRENCY_MISMATCH,
    EFFECTIVE_IN_FUTURE, POINTS_OUT_OF_RANGE and BALANCE_TOO_LARGE; a refused event leaves nothing
    but, where its customer was new, the customer.
    """
    answered: dict[int, Taken | Refusal] = {}
    claims = _claimed(tx, store, arrivals, answered)
    met = [(arrivals[n].event.customer_id, arrivals[n].customer) for n in claims]
    customers.meet(tx, store.store_id, met, now)
    desk = _Desk(tx, store, now)
    new: dict[int, _Work] = {}
    for number, claim in claims.items():
        work = desk.work(arrivals[number], claim)
        if work.version is not None:
            answered[number] = _taken(work, work.version, is_replay=True)
        elif only_first and work.is_known:
            answered[number] = refusals.KEY_CONFLICT
        elif work.events > events_max or work.facts > facts_max:
            answered[number] = refusals.ORDER_TOO_LONG
        else:
            new[number] = work
    answers = post(tx, [work.command for work in new.values()], now)
    for (number, work), answer in zip(new.items(), answers, strict=True):
        answered[number] = _outcome(tx, store, work, answer)
    _keep(tx, [(work, answered[number]) for number, work in new.items()], now, origin)
    return [answered[number] for number in range(len(arrivals))]


def _claimed(
    tx: Transaction,
    store: Store,
    arrivals: Sequence[Decoded],
    answered: dict[int, Taken | Refusal],
) -> dict[int, Claim]:
    """Make each order its customer's, by the number of the arrival; the others are answered."""
    claims: dict[int, Claim] = {}
    for number, arrival in enumerate(arrivals):
        event = arrival.event
        if event.currency != store.currency:
            answered[number] = refusals.CURRENCY_MISMATCH
            continue
        claim = customers.claim(tx, store.store_id, "order", event.order_key, event.customer_id)
        if claim == "taken":
            answered[number] = refusals.ORDER_OF_ANOTHER_CUSTOMER
        elif claim == "new" and _was_erased(tx, store, event.customer_id):
            order = ("order", event.order_key, event.customer_id)
            customers.unclaim(tx, store.store_id, *order)
            answered[number] = refusals.CUSTOMER_ERASED
        else:
            claims[number] = claim
    return claims


def _was_erased(tx: Transaction, store: Store, customer_id: int) -> bool:
    """Orders of before still move the books: they may be returned, or delivered."""
    customer = customers.find_ever(tx, store.store_id, customer_id)
    return customer is not None and customer.erased_at > 0


def _outcome(tx: Transaction, store: Store, work: _Work, answer: Answer) -> Taken | Refusal:
    if answer.refusal is None:
        return _taken(work, answer.receipt.version, is_replay=False)
    if work.claim == "new":
        event = work.event
        customers.unclaim(tx, store.store_id, "order", event.order_key, event.customer_id)
    return answer.refusal


def _taken(work: _Work, version: int, *, is_replay: bool) -> Taken:
    command = work.command
    return Taken(
        work.order, work.status, command.earned, command.kept, command.redeemed, command.returned,
        version, is_replay,
    )  # fmt: skip


def _keep(
    tx: Transaction, works: Sequence[tuple[_Work, Taken | Refusal]], now: Instant, origin: str
) -> None:
    """Write down the orders and the events that were accepted."""
    accepted = [(work, outcome) for work, outcome in works if isinstance(outcome, Taken)]
    tx.many(_PUT, [astuple(work.order) for work, _ in accepted])
    tx.many(
        _ADD_EVENT,
        [
            (
                work.order.dkey, work.order.customer_id, work.order.order_key, work.digest,
                work.event.encoded(), origin, outcome.version, now,
            )
            for work, outcome in accepted
        ],
    )  # fmt: skip


class _Desk:
    """Works out what orders come to; reads each program and rule once."""

    def __init__(self, tx: Transaction, store: Store, now: Instant) -> None:
        self._tx = tx
        self._store = store
        self._now = now
        self._program = program_of(tx, store.store_id)
        self._rules = rules_of(tx, store.store_id)
        self._has_limits = any(rule.limited_to or rule.level for rule in self._rules)
        self._best_rules: dict[tuple[str, str, str], Rule | None] = {}
        self._programs: dict[int, Program] = {self._program.revision: self._program}
        self._known_rules: dict[tuple[str, int], Rule] = {
            (rule.rule_id, rule.revision): rule for rule in self._rules
        }

    def work(self, arrival: Decoded, claim: Claim) -> _Work:
        """What an event's order comes to, with the event and all that are known."""
        event = arrival.event
        order = self._order(event) if claim == "known" else None
        known = {} if order is None else self._events(order)
        digest = event.digest()
        version = known[digest].version if digest in known else None
        events = [decoded(one.facts) for one in known.values()]
        if version is None:
            events.append(event)
        of = standing(events)
        before = order or self._new_order(event)
        after = before  # what is told again is answered by what was decided when it was new
        if version is None:
            after = self._paid(self._matched(before, events, of), events, of)
        after = self._awarded(after, of)
        words = {*after.troubles.split(), *arrival.notes}
        if of.is_undone:
            words -= _SETTLED_BY_END
        troubles = " ".join(sorted(words))
        attended_by = after.attended_by if troubles == before.troubles else ""
        after = replace(after, troubles=troubles, attended_by=attended_by, changed_at=self._now)
        command = self._command(after, of, len(events))
        facts = sum(len(one.facts) for one in known.values())
        return _Work(
            event, digest, claim, after, command, of.event.status, order is not None,
            len(events), facts,
            version,
        )  # fmt: skip

    def _order(self, event: OrderEvent) -> OrderRow | None:
        dkey = dkey_of(self._store.store_id, event.customer_id)
        return self._tx.one(
            _ORDER, OrderRow, dkey=dkey, customer_id=event.customer_id, order_key=event.order_key
        )

    def _new_order(self, event: OrderEvent) -> OrderRow:
        return OrderRow(
            dkey_of(self._store.store_id, event.customer_id), event.customer_id, event.order_key,
            0, _NO_RULE, 0, NO_HOLD, 0, 0, "", "", self._now, self._now,
        )  # fmt: skip

    def _events(self, order: OrderRow) -> dict[bytes, KnownEvent]:
        found = self._tx.all(
            _EVENTS, KnownEvent,
            dkey=order.dkey, customer_id=order.customer_id, order_key=order.order_key,
        )  # fmt: skip
        return {one.digest: one for one in found}

    # -- what is decided once -------------------------------------------------------------------
    def _awarded(self, order: OrderRow, of: Standing) -> OrderRow:
        """By which program and rule the order earns: those in force when it first can."""
        if order.program_revision or not of.reached(self._program.earn_at):
            return order
        order = replace(order, program_revision=self._program.revision)
        if not self._program.is_on:
            return order
        rule = self._best(order, of.event.channel)
        if rule is None:
            return order
        return replace(order, rule_id=rule.rule_id, rule_revision=rule.revision)

    def _best(self, order: OrderRow, channel: str) -> Rule | None:
        customer = None
        if self._has_limits:
            customer = customers.find(self._tx, self._store.store_id, order.customer_id)
        who = (channel, "", "") if customer is None else (channel, customer.tags, customer.level)
        if who not in self._best_rules:
            tags = frozenset[str]() if customer is None else tags_of(customer)
            self._best_rules[who] = best(self._rules, channel, tags, who[2])
        return self._best_rules[who]

    def _matched(self, order: OrderRow, events: Sequence[OrderEvent], of: Standing) -> OrderRow:
        """Which hold the order uses: its cart's, or where it names none, the customer's hold for
        the discount that it was given. A person is told where that is not as it should be."""
        if order.hold != NO_HOLD or not of.is_placed:
            return order
        said = _said(events)
        if said is None:
            return order
        hold, trouble = self._hold_of(order, said)
        if hold is None:
            return _with_trouble(order, trouble)
        points = hold.points if said.redeemed_points is None else said.redeemed_points
        if points > hold.points:
            order = _with_trouble(order, "redeemed_more_than_held")
        order = _with_trouble(order, trouble)
        return replace(order, hold=hold.hold, redeemed=min(points, hold.points))

    def _paid(self, order: OrderRow, events: Sequence[OrderEvent], of: Standing) -> OrderRow:
        """How much of the order its points paid, by all that is told of it: what the order says,
        else what the hold is worth for its products. A person is told where the two differ."""
        said = _said(events)
        if order.hold == NO_HOLD or said is None:
            return order
        kept = " ".join(word for word in order.troubles.split() if word not in _DOUBTS)
        order = replace(order, troubles=kept)
        (row,) = self._tx.rows(
            _HOLD, dkey=order.dkey, customer_id=order.customer_id, hold=order.hold
        )
        hold = hold_from(row)
        if said.is_redemption_deducted:  # what the products cost before is not told
            is_its = hold.discount in (0, said.redemption)
            return _with_trouble(replace(order, discount=0), "" if is_its else "discount_differs")
        basket = sum(line.amount for line in of.lines)
        worth = redemption.worth(self._tx, self._store.store_id, hold, basket)
        if isinstance(worth, Refusal):
            order = replace(order, discount=said.redemption or 0)
            return _with_trouble(order, "basket_too_small")
        paid = worth if said.redemption is None else said.redemption
        differs = abs(paid - worth) > len(of.lines)  # a shop may round each line
        return _with_trouble(replace(order, discount=paid), "discount_differs" if differs else "")

    def _hold_of(self, order: OrderRow, said: OrderEvent) -> tuple[Hold | None, str]:
        """The hold that an event means, and what a person should know of it."""
        found = self._holds(order, said)
        live = [hold for hold in found if hold.is_live and hold.lapses_at > self._now]
        lapsed = [hold for hold in found if hold.ending in ("", "lapsed")]
        for holds, trouble in ((live, ""), (lapsed, "hold_ended")):
            if holds:
                return holds[0], trouble
        if not said.redemption and not said.redeemed_points:
            return None, ""  # the cart had none, or it was taken out of it
        same = [hold for hold in found if hold.discount in (0, said.redemption)]
        return (same[0], "hold_ended") if same else (None, "redemption_unmatched")

    def _holds(self, order: OrderRow, said: OrderEvent) -> list[Hold]:
        named = {"dkey": order.dkey, "customer_id": order.customer_id}
        if said.redemption == 0 or (said.redeemed_points == 0):
            return []
        if said.cart:
            rows = self._tx.rows(_HOLDS_OF_CART, **named, cart=said.cart)
        else:
            rows = self._tx.rows(
                _HOLDS_OF_DISCOUNT, **named, discount=said.redemption,
                since=self._now - _MATCHED_FOR_US, now=self._now,
            )  # fmt: skip
        return [hold_from(row) for row in rows]

    # -- what it comes to -----------------------------------------------------------------------
    def _command(self, order: OrderRow, of: Standing, count: int) -> Order:
        program = self._program_at(order.program_revision)
        in_all = kept = 0
        if order.rule_id != _NO_RULE:
            rule = self._rule_at(order.rule_id, order.rule_revision)
            in_all, kept = earned(of, program, rule, order.discount)
        placed_at = min(of.placed_at, self._now)
        delivered_at = None if of.delivered_at is None else min(of.delivered_at, self._now)
        return Order(
            dkey=order.dkey,
            customer_id=order.customer_id,
            origin=SYSTEM,
            key=f"order:{order.order_key}:{count}",
            order_key=order.order_key,
            earned=in_all,
            kept=kept,
            granted_at=placed_at,
            matures_at=program.matures_at(placed_at, delivered_at),
            expires_at=program.expires_at(placed_at),
            rule_id=order.rule_id,
            rule_revision=order.rule_revision,
            hold=order.hold,
            redeemed=order.redeemed,
            returned=given_back(of, order.redeemed) if order.redeemed else 0,
            undone_at=of.undone_at or 0,
            grace_us=program.grace_days * DAY_US,
            is_forgiving=program.owed == "forgive",
        )

    def _program_at(self, revision: int) -> Program:
        """A revision of the program; the one in force for an order that has not earned yet."""
        if not revision:
            return self._program
        if revision not in self._programs:
            self._programs[revision] = program_at(self._tx, self._store.store_id, revision)
        return self._programs[revision]

    def _rule_at(self, rule_id: str, revision: int) -> Rule:
        key = (rule_id, revision)
        if key not in self._known_rules:
            self._known_rules[key] = rule_at(self._tx, self._store.store_id, rule_id, revision)
        return self._known_rules[key]


def _said(events: Sequence[OrderEvent]) -> OrderEvent | None:
    """The latest event that tells of a cart or of points that paid."""
    return max(
        (one for one in events if one.cart or one.redemption or one.redeemed_points),
        key=lambda one: (one.instant, one.rank, one.digest()),
        default=None,
    )


def _with_trouble(order: OrderRow, trouble: str) -> OrderRow:
    if not trouble or trouble in order.troubles.split():
        return order
    return replace(order, troubles=f"{order.troubles} {trouble}".strip())


# -- what is known of one --------------------------------------------------------------------------
def find(tx: Transaction, store_id: int, order_key: str) -> OrderRow | None:
    """The order of that number."""
    customer_id = customers.find_by(tx, store_id, "order", order_key)
    if customer_id is None:
        return None
    return tx.one(
        _ORDER, OrderRow,
        dkey=dkey_of(store_id, customer_id), customer_id=customer_id, order_key=order_key,
    )  # fmt: skip


def events_of(tx: Transaction, order: OrderRow) -> list[KnownEvent]:
    """What was told of an order, in the order in which it came."""
    return tx.all(
        _EVENTS, KnownEvent,
        dkey=order.dkey, customer_id=order.customer_id, order_key=order.order_key,
    )  # fmt: skip
