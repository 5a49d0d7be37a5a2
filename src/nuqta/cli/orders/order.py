"""`nuqta order`: orders that need a person, those that were refused, and what was told of one."""

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from nuqta.cli.frame import (
    ORIGIN,
    Frame,
    Misused,
    Refused,
    StoreOption,
    command,
    commands,
    find_store,
    understood,
    whole,
)

if TYPE_CHECKING:
    from nuqta.engine.attention import RefusedOrder
    from nuqta.engine.orders import KnownEvent, OrderRow
    from nuqta.engine.stores import Store
    from nuqta.ledger.instants import Instant
    from nuqta.loyalty.orders import OrderEvent, OrderLine, Standing
    from nuqta.storage.sqlite import Transaction

app = commands("Orders: those that need a person, and what was told of one.", "order")

TROUBLES = {
    "hold_ended": "The points were no longer set aside when the order came (the cart's time was"
    " over, or they had been taken out), so it took the same points from what the customer had;"
    " see with `nuqta points explain` whether some are owed now.",
    "redemption_unmatched": "The order says that points paid for a part of it, but the customer has"
    " set none aside for that discount: no points were taken.",
    "redeemed_more_than_held": "The order says more points than its cart had set aside: only those"
    " that were set aside were taken.",
    "discount_differs": "The discount that the order was given is not the one for which points were"
    " set aside: the points were taken, and the discount is the order's.",
    "basket_too_small": "What was bought costs less than the redemption method asks for: look what"
    " discount the order was given.",
    "partly_returned": "The shop says that a part came back, but not which: no points were taken"
    " back for it.",
    "payment_undone": "The payment was undone or failed while the order stands: it keeps its points"
    " until the shop cancels it.",
}
"""What each word of an order's troubles means for whoever looks after it."""

_MOST = 1_000
_DIGEST_LENGTH = 16
_NUMBER_SHOWN_MAX = 64
MostOption = Annotated[
    str, typer.Option("--most", metavar="N", help=f"How many of each, at most: 1 to {_MOST}.")
]


@command(app, "list")
def every(frame: Frame, store: StoreOption, most: MostOption = "50") -> None:
    """List the orders that need a person, and those that could not be taken in; the latest
    first."""
    from nuqta.engine import attention

    limit = whole(most, "--most", 1, _MOST)
    with frame.open() as engine, engine.vault.snapshot() as tx:
        found = find_store(tx, store)
        needing = attention.in_need(tx, found.store_id, limit)
        refused = attention.refused(tx, found.store_id, limit)
    lines: list[str | dict[str, Any]] = []
    for order in needing:
        lines += [f"Order {order.order_key} of customer {order.customer_id}", *_troubles(order)]
    for one in refused:
        lines += [_refused_line(one, found), _refused_shown(one)]
    value = {
        "orders": [_decided(order) for order in needing],
        "refused": [_refused_value(one) for one in refused],
    }
    frame.answer(value, lines or [f"No order of {found.name} needs a person."])


@command(app, "show")
def show(
    frame: Frame,
    store: StoreOption,
    order: Annotated[
        str | None, typer.Option("--order", metavar="K", help="The order's number.")
    ] = None,
    refused: Annotated[
        str | None,
        typer.Option("--refused", metavar="ID", help="An order that was not taken in."),
    ] = None,
) -> None:
    """Show what an order comes to, and everything that was told of it, as it came; or an order that
    was not taken in, with what is wrong and its body."""
    if (order is None) == (refused is None):
        raise Misused("say which: --order or --refused")
    if order is not None:
        _show_taken(frame, store, order)
    else:
        _show_refused(frame, store, _digest(refused or ""))


def _show_taken(frame: Frame, store: str, order: str) -> None:
    from nuqta.engine import orders
    from nuqta.loyalty.orders import decoded, standing

    with frame.open() as engine, engine.vault.snapshot() as tx:
        found = find_store(tx, store)
        row = _order(orders.find(tx, found.store_id, _number(order)), order, found)
        told = orders.events_of(tx, row)
        names = {one.origin: _partner(tx, one.origin) for one in told}
    stands = standing(decoded(one.facts) for one in told)
    value = {
        **_decided(row),
        "state": _state(stands),
        "events": [_event_value(one) for one in told],
    }
    lines: list[str | dict[str, Any]] = [
        f"Order {row.order_key} of customer {row.customer_id} at {found.name}",
        _summary(row, stands, found),
    ]
    for line in stands.lines:
        lines.append({"": line_told(line, stands.event.currency)})
    lines += _troubles(row)
    lines.append(f"{len(told):,} {'event was' if len(told) == 1 else 'events were'} told of it:")
    lines += [{_local(one.received_at, found): _event_told(one, found, names)} for one in told]
    frame.answer(value, lines)


def _show_refused(frame: Frame, store: str, digest: bytes) -> None:
    from nuqta.engine import attention

    with frame.open() as engine, engine.vault.snapshot() as tx:
        found = find_store(tx, store)
        one = attention.find_refused(tx, found.store_id, digest)
    if one is None:
        raise Refused(f"there is no refused order {digest.hex()} in {found.name}")
    value = _refused_value(one)
    lines: list[str | dict[str, Any]] = [_refused_line(one, found), _refused_shown(one)]
    if one.attended_by:
        lines.append({"": f"Somebody has looked after it ({_looked(one.attended_by)})."})
    lines += ["It came as:", *[{"": line} for line in value["body"].splitlines()]]
    frame.answer({**value, "attended_by": one.attended_by or None}, lines)


@command(app, "attend")
def attend(
    frame: Frame,
    store: StoreOption,
    order: Annotated[
        str | None, typer.Option("--order", metavar="K", help="An order that needed a person.")
    ] = None,
    refused: Annotated[
        str | None,
        typer.Option("--refused", metavar="ID", help="An order that was not taken in."),
    ] = None,
) -> None:
    """Say that a person has looked after an order, so that the list shows it no more."""
    from nuqta.engine import attention, orders

    if (order is None) == (refused is None):
        raise Misused("say which: --order or --refused")
    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        if order is not None:
            row = _order(orders.find(engine.vault.reader(), found.store_id, _number(order)), order,
                         found)  # fmt: skip
            is_done = engine.door.write_now("attend", lambda tx: attention.attend(tx, row, ORIGIN))
            if not is_done:
                raise Refused(f"order {row.order_key} of {found.name} needs nobody")
            value: dict[str, Any] = {"attended": row.order_key}
            what = f"Order {row.order_key}"
        else:
            digest = _digest(refused or "")
            is_done = engine.door.write_now(
                "attend", lambda tx: attention.attend_refused(tx, found.store_id, digest, ORIGIN)
            )
            if not is_done:
                raise Refused(f"no refused order {digest.hex()} of {found.name} waits for anybody")
            value = {"attended": digest.hex()}
            what = f"The refused order {digest.hex()}"
    frame.answer(value, [f"{what} is looked after."])


# -- who is meant ----------------------------------------------------------------------------------
def _number(text: str) -> str:
    from nuqta.loyalty.orders import checked_number

    with understood("--order"):
        return checked_number(text.strip())


def _order(found: "OrderRow | None", text: str, store: "Store") -> "OrderRow":
    if found is None:
        raise Refused(f"there is no order {text.strip()[:64]} in {store.name}")
    return found


def _digest(text: str) -> bytes:
    """The 16 bytes that name a refused order. Misused on anything else."""
    try:
        digest = bytes.fromhex(text.strip())
    except ValueError:
        digest = b""
    if len(digest) != _DIGEST_LENGTH:
        raise Misused(
            f"--refused takes the {2 * _DIGEST_LENGTH} digits and letters a to f that the list"
            f" shows, not {text[:40]!r}"
        )
    return digest


# -- as a script reads it --------------------------------------------------------------------------
def _decided(order: "OrderRow") -> dict[str, Any]:
    from nuqta.loyalty.dates import format_instant

    return {
        "order": order.order_key,
        "customer": order.customer_id,
        "troubles": order.troubles.split(),
        "attended_by": order.attended_by or None,
        "program_revision": order.program_revision or None,
        "rule": order.rule_id or None,
        "rule_revision": order.rule_revision or None,
        "hold": order.hold or None,
        "redeemed": order.redeemed,
        "changed_at": format_instant(order.changed_at),
    }


def _state(stands: "Standing") -> dict[str, Any]:
    from nuqta.loyalty.dates import format_instant

    delivered_at = stands.delivered_at
    return {
        **event_facts(stands.event),
        "lines": [line_value(line, stands.event.currency) for line in stands.lines],
        "placed_at": format_instant(stands.placed_at),
        "delivered_at": None if delivered_at is None else format_instant(delivered_at),
    }


def event_facts(event: "OrderEvent") -> dict[str, Any]:
    """What an event says of its order, but the lines; amounts are decimals in texts."""
    from nuqta.loyalty.dates import format_instant
    from nuqta.loyalty.money import format_amount

    redemption = event.redemption
    return {
        "status": event.status,
        "instant": format_instant(event.instant),
        "channel": event.channel,
        "cart": event.cart or None,
        "currency": event.currency,
        "products": format_amount(sum(line.amount for line in event.lines), event.currency),
        "shipping": format_amount(event.shipping, event.currency),
        "redemption": None if redemption is None else format_amount(redemption, event.currency),
        "returned": sum(line.returned for line in event.lines),
    }


def line_value(line: "OrderLine", currency: str) -> dict[str, Any]:
    """A line of an order as a script reads it."""
    from nuqta.loyalty.money import format_amount

    return {
        "line": line.line_key,
        "quantity": line.quantity,
        "amount": format_amount(line.amount, currency),
        "returned": line.returned,
    }


def _event_value(told: "KnownEvent") -> dict[str, Any]:
    from nuqta.loyalty.dates import format_instant
    from nuqta.loyalty.orders import decoded

    event = decoded(told.facts)
    return {
        "digest": told.digest.hex(),
        **event_facts(event),
        "lines": [line_value(line, event.currency) for line in event.lines],
        "origin": told.origin,
        "version": told.version,
        "received_at": format_instant(told.received_at),
    }


def _refused_value(one: "RefusedOrder") -> dict[str, Any]:
    from nuqta.loyalty.dates import format_instant

    return {
        "refused": one.digest.hex(),
        "order": _number_named(one),
        "source": one.source,
        "code": one.code,
        "fields": _fields(one),
        "times": one.times,
        "first_at": format_instant(one.first_at),
        "last_at": format_instant(one.last_at),
        "body": one.body.decode(errors="backslashreplace"),
    }


def _number_named(one: "RefusedOrder") -> str | None:
    """The number of a refused order: a plain one's is its path's, another's the `id` of its body,
    where it can be read."""
    kind, _, number = one.source.partition(":")
    if kind == "plain":
        return number or None
    try:
        body = msgspec.json.decode(one.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    named = body.get("id") if isinstance(body, dict) else None
    is_name = isinstance(named, str | int) and not isinstance(named, bool)
    return str(named)[:_NUMBER_SHOWN_MAX] or None if is_name else None


def _fields(one: "RefusedOrder") -> dict[str, str]:
    return msgspec.json.decode(one.fields or "{}", type=dict[str, str])


# -- as people read it -----------------------------------------------------------------------------
def _troubles(order: "OrderRow") -> list[str | dict[str, Any]]:
    """A paragraph for each trouble; one that has no sentence here shows its word."""
    told: list[str | dict[str, Any]] = [
        {"": TROUBLES.get(word, word)} for word in order.troubles.split()
    ]
    if told and order.attended_by:
        told.append({"": f"Somebody has looked after it ({_looked(order.attended_by)})."})
    return told


def _looked(by: str) -> str:
    return "at the terminal" if by == ORIGIN else by


def _summary(row: "OrderRow", stands: "Standing", store: "Store") -> dict[str, Any]:
    facts = event_facts(stands.event)
    money = store.currency
    shown = {
        "status": stands.event.status.replace("_", " "),
        "placed": _local(stands.placed_at, store),
        "delivered": None if stands.delivered_at is None else _local(stands.delivered_at, store),
        "channel": facts["channel"],
        "products": f"{facts['products']} {money}",
        "shipping": f"{facts['shipping']} {money}, tax included",
    }
    if row.redeemed:
        shown["points that paid"] = f"{row.redeemed:,}"
    return shown


def line_told(line: "OrderLine", currency: str) -> str:
    """A line of an order in words."""
    from nuqta.loyalty.money import format_amount

    words = (
        f"{line.quantity:,} x {line.line_key}, {format_amount(line.amount, currency)} {currency}"
    )
    if line.returned == line.quantity:
        return f"{words}, returned"
    return f"{words}, {line.returned:,} of them returned" if line.returned else words


def _event_told(told: "KnownEvent", store: "Store", names: dict[str, str]) -> str:
    from nuqta.loyalty.orders import decoded

    event = decoded(told.facts)
    facts = event_facts(event)
    words = f"{event.status.replace('_', ' ')} as of {_local(event.instant, store)}, products"
    words += f" {facts['products']} {event.currency}, shipping {facts['shipping']}"
    words += f" {event.currency} with tax"
    if facts["returned"]:
        words += f", {facts['returned']:,} returned"
    if event.redemption:
        words += f", {facts['redemption']} {event.currency} paid with points"
    return f"{words} ({_teller(told.origin, names)})"


def _teller(origin: str, names: dict[str, str]) -> str:
    """Who told of an order, in the words of `nuqta points explain`."""
    if origin == "source":
        return "told by the shop's order webhook"
    if origin == ORIGIN:
        return "imported at the terminal"
    return f"told by {names[origin]}"


def _partner(tx: "Transaction", origin: str) -> str:
    """A partner by its name, another origin as it is."""
    from nuqta.engine.access import partners

    kind, _, number = origin.partition(":")
    is_partner = kind == "partner" and number.isdecimal()
    name = partners.name_of(tx, int(number)) if is_partner else None
    return f"partner {name}" if name else origin


def _refused_line(one: "RefusedOrder", store: "Store") -> str:
    often = "once" if one.times == 1 else f"{one.times:,} times"
    number = _number_named(one)
    what = "An order without a number" if number is None else f"Order {_printable(number)}"
    source = "Zid" if one.source == "zid" else "a plain order"
    return f"{what} was not taken in ({source}), {often}, last {_local(one.last_at, store)}"


def _printable(text: str) -> str:
    return text if text.isprintable() else repr(text)


def _refused_shown(one: "RefusedOrder") -> dict[str, Any]:
    from nuqta.refusals import BY_CODE

    known = BY_CODE.get(one.code)
    why = known.text if known else one.code
    return {"refused": one.digest.hex(), "why": why, **_fields(one)}


def _local(instant: "Instant", store: "Store") -> str:
    from nuqta.loyalty.dates import format_local

    return format_local(instant, store.timezone)
