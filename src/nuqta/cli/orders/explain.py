"""`nuqta points explain`: why each transfer of a customer's points was made.

What stands behind a transfer is gathered by the engine; the words for it live in sentences.py, and
the form in which a script reads it here.
"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nuqta.cli import points
from nuqta.cli.frame import (
    CustomerOption,
    Frame,
    Refused,
    StoreOption,
    command,
    find_customer,
    find_store,
    whole,
    whole_or_none,
)

if TYPE_CHECKING:
    from nuqta.engine.reading.explain import Explained
    from nuqta.engine.stores import Store
    from nuqta.ledger.holds import Hold
    from nuqta.ledger.instants import Instant
    from nuqta.ledger.lots import Lot
    from nuqta.loyalty.cashback import Rule

app = points.app
"""The noun is `points`; this command of it stands here, with what orders are shown by."""

_MOST = 10_000
_VERSION_MAX = 2**53 - 1


@command(app, "explain")
def explain(
    frame: Frame,
    store: StoreOption,
    customer: CustomerOption,
    version: Annotated[
        str | None,
        typer.Option(metavar="N", help="Up to this version of the account; else up to the last."),
    ] = None,
    most: Annotated[
        str, typer.Option(metavar="N", help=f"How many transfers, at most: 1 to {_MOST}.")
    ] = "20",
) -> None:
    """Say why a customer's points moved, the latest first: which order and lines, which rule,
    which points, what was undone, and who did it."""
    from nuqta.cli.orders.sentences import headline, sentence
    from nuqta.engine.reading.explain import explain as explain_all

    limit = whole(most, "--most", 1, _MOST)
    until = whole_or_none(version, "--version", 1, _VERSION_MAX)
    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        shopper = find_customer(engine.vault.reader(), found, customer, or_erased=True)
        explained = (
            explain_all(engine, found.store_id, shopper.customer_id, version=until, most=limit)
            or []
        )
    if until is not None and explained and explained[0].transfer.version < until:
        last = explained[0].transfer.version
        raise Refused(f"the account's last version is {last}; there is no {until} yet")
    lines: list[str | dict[str, Any]] = []
    for one in explained:
        lines += [headline(one, found), {"": sentence(one, found)}]
    name = shopper.name or f"customer {shopper.customer_id}"
    frame.answer(
        [{**_value(one, found), "sentence": sentence(one, found)} for one in explained],
        lines or [f"No points of {name} have moved yet."],
    )


def _value(one: "Explained", store: "Store") -> dict[str, Any]:
    """Everything behind a transfer, with every id."""
    line, undone = one.transfer, one.undone
    return {
        "version": line.version,
        "move": line.move,
        "from": line.source,
        "to": line.target,
        "points": line.points,
        "effective_at": _instant(line.effective_at),
        "recorded_at": _instant(line.recorded_at),
        "origin": line.origin,
        "key": line.key,
        "reason": one.reason or None,
        "partner": one.partner or None,
        "order": _order(one, store),
        "event": _event(one),
        "rule": _rule(one.rule, store),
        "counted": _counted(one, store),
        "lot": _lot(one.lot),
        "hold": _hold(one.hold),
        "undoes": None
        if undone is None
        else {"version": undone.version, "move": undone.move, "points": undone.points},
    }


def _order(one: "Explained", store: "Store") -> dict[str, Any] | None:
    from nuqta.cli.orders.order import line_value

    if not one.order_key:
        return None
    stands = one.order
    return {
        "order": one.order_key,
        "status": stands.event.status if stands else None,
        "placed_at": _instant(stands.placed_at) if stands else None,
        "lines": [line_value(line, store.currency) for line in stands.lines] if stands else [],
    }


def _event(one: "Explained") -> dict[str, Any] | None:
    told = one.told
    if told is None:
        return None
    return {
        "digest": told.digest.hex(),
        "origin": told.origin,
        "received_at": _instant(told.received_at),
    }


def _rule(rule: "Rule | None", store: "Store") -> dict[str, Any] | None:
    from nuqta.loyalty.money import format_amount

    if rule is None:
        return None
    return {
        "rule": rule.rule_id,
        "revision": rule.revision,
        "channel": rule.channel,
        "points": rule.points_rewarded,
        "amount": format_amount(rule.amount_to_spend, store.currency),
    }


def _counted(one: "Explained", store: "Store") -> dict[str, Any] | None:
    from nuqta.loyalty.money import format_amount

    counted = one.counted
    if counted is None:
        return None
    return {
        "base": format_amount(counted.base, store.currency),
        "points": counted.points,
        "program_revision": counted.program.revision,
        "with_shipping": bool(counted.program.with_shipping),
        "with_tax": not counted.program.without_tax,
    }


def _lot(lot: "Lot | None") -> dict[str, Any] | None:
    if lot is None:
        return None
    return {
        "lot": lot.lot,
        "order": lot.order_key or None,
        "granted": lot.granted,
        "left": lot.left,
        "granted_at": _instant(lot.granted_at),
        "matures_at": _instant(lot.matures_at),
        "expires_at": _instant(lot.expires_at),
        "revives": lot.revives or None,
    }


def _hold(hold: "Hold | None") -> dict[str, Any] | None:
    from nuqta.loyalty.money import format_amount

    if hold is None:
        return None
    return {
        "hold": hold.hold,
        "cart": hold.cart,
        "method": hold.method_id,
        "points": hold.points,
        "discount": format_amount(hold.discount, hold.currency),
        "reserved_at": _instant(hold.reserved_at),
        "lapses_at": _instant(hold.lapses_at),
        "ending": hold.ending or None,
    }


def _instant(instant: "Instant") -> str | None:
    """None stands for never."""
    from nuqta.ledger.instants import NEVER
    from nuqta.loyalty.dates import format_instant

    return None if instant == NEVER else format_instant(instant)
