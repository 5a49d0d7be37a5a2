"""Zid's orders: the full order object of its webhooks becomes an event.

Fields that nothing here asks for are ignored, because Zid's object is large and grows. Its lines
tell amounts with tax, already less by what points paid; its invoice tells shipping without tax and
the redemption as a negative line. Its dates name no zone and are taken in the store's. It says
nothing of returned quantities: a partly returned order is noted for a person.
Source: contract, zid-loyalty, sections 8 and 9.1.
"""

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Final

from nuqta.ledger.instants import Instant
from nuqta.loyalty.customers import TAGS_MAX, canonical_email, canonical_mobile, checked_name
from nuqta.loyalty.money import Minor, exact_amount, units_of
from nuqta.loyalty.order_fields import (
    BAD_AMOUNT,
    BAD_QUANTITY,
    BAD_TOTAL,
    LINE_TWICE,
    QUANTITY_MAX,
    WORDS,
    BadOrder,
    Body,
    CustomerFacts,
    Decoded,
    Reading,
    as_text,
    checked_text,
    squeezed,
)
from nuqta.loyalty.orders import OrderEvent, OrderLine

_WORDS: Final = {**WORDS, "partiallyreversed": "delivered", "reverseinprogress": "delivered"}
PARTLY_RETURNED: Final = "partly_returned"
"""The note of an order of which something came back, Zid does not say how much."""
PAYMENT_UNDONE: Final = "payment_undone"
"""The note of an order whose payment was given back while it is neither returned nor cancelled."""
_PAYMENTS_UNDONE: Final = ("refunded", "voided")
_PLAIN_CODES: Final = {
    "sub_totals_before_vat", "loyalty_redemption", "sub_totals_after_loyalty_redemption_discount",
    "shipping", "taxable_amount", "vat", "sub_totals_after_vat", "total",
}  # fmt: skip
"""The lines of an invoice that lines, shipping, tax and redemption explain."""
_NOTHING: Final = Fraction(0)


def decode(body: Body, currency: str, zone: str, now: Instant, skew_us: int) -> Decoded | BadOrder:
    """The event that a Zid order tells, or every fault of its fields.

    `body` is the order, or an object that has it as `order` or `payload`; paths are the order's
    own. `currency` and `zone` are the store's; dates may lie `skew_us` microseconds after `now`.
    """
    order = _order(body)
    reading = Reading(currency, zone, now, skew_us)
    customer_id, customer = _customer(reading, order.get("customer"))
    reading.in_currency("currency_code", order.get("currency_code"))
    lines, taxes = _lines(reading, order.get("products"))
    invoice = _invoice(reading, order.get("payment"))
    shipping, shipping_net = _shipping(reading, order, invoice, lines, taxes)
    _adds_up(reading, order, invoice, lines, shipping)
    redemption = abs(invoice.get("loyalty_redemption", _NOTHING))
    updated_at = reading.instant("updated_at", order.get("updated_at"))
    placed_at = reading.optional_instant("created_at", order.get("created_at"))
    if placed_at is not None:
        reading.placed_before("created_at", placed_at, updated_at)
    word = _code(order.get("order_status"))
    cart = order.get("cart_session_id")
    event = OrderEvent(
        order_key=reading.number("id", order.get("id")),
        customer_id=customer_id,
        instant=updated_at,
        placed_at=updated_at if placed_at is None else placed_at,
        delivered_at=reading.delivered("delivered_at", order.get("delivered_at"), placed_at),
        status=reading.status("order_status.code", word, _WORDS),
        channel=_channel(order),
        currency=currency,
        cart="" if cart in (None, "") else reading.text("cart_session_id", cart),
        lines=lines,
        shipping=shipping,
        shipping_net=shipping_net,
        redemption=reading.minor("payment.invoice", redemption) if redemption else None,
        is_redemption_deducted=True,
        redeemed_points=None,
    )
    return reading.bad() or Decoded(event, customer, _notes(order, word, event))


def store_named(body: Body) -> str | None:
    """The store that the payload says it is of, by id or UUID; None where it does not say."""
    order = _order(body)
    for source in (order, body):
        for name in ("store_id", "store_uuid"):
            try:
                return as_text(source.get(name)).strip() or None
            except ValueError:
                continue
    return None


def _order(body: Body) -> Body:
    for name in ("payload", "order"):
        inner = body.get(name)
        if isinstance(inner, Mapping):
            body = inner
    return body


def _code(status: object) -> object:
    """`order_status` is an object with a code; where it is a word, the word is its code."""
    return status.get("code") if isinstance(status, Mapping) else status


def _customer(reading: Reading, value: object) -> tuple[int, CustomerFacts]:
    """The customer's id, which is required, and what else is said and can be used.

    A guest without an id is nobody whom points could belong to. What Zid has let pass as a name or
    an address is no reason to lose an order's points: what cannot be used counts as not said.
    """
    body = value if isinstance(value, Mapping) else {}
    tags, level = body.get("tags"), body.get("level")
    return reading.customer_id("customer.id", body.get("id")), CustomerFacts(
        name=_usable(body.get("name"), checked_name),
        email=_usable(body.get("email"), canonical_email),
        mobile=_usable(body.get("mobile"), canonical_mobile),
        tags=_tags(tags) if isinstance(tags, list) else None,
        level=_usable(_named(level), checked_text) or None,
    )


def _usable(value: object, check: Callable[[str], str]) -> str:
    try:
        return check(as_text(value))
    except ValueError:
        return ""


def _tags(values: list[object]) -> frozenset[str]:
    usable = (_usable(_named(tag, "name"), checked_text) for tag in values[:TAGS_MAX])
    return frozenset(tag for tag in usable if tag)


def _named(value: object, by: str = "id") -> object:
    return value.get(by) if isinstance(value, Mapping) else value


def _lines(reading: Reading, value: object) -> tuple[tuple[OrderLine, ...], Fraction]:
    """The lines, and the exact sum of their taxes."""
    lines, taxes = list[OrderLine](), _NOTHING
    names = set[str]()
    for path, body in reading.lines("products", value):
        named_by = "order_product_id" if body.get("order_product_id") is not None else "id"
        name = reading.text(f"{path}.{named_by}", body.get(named_by))
        if name and name in names:
            reading.fault(f"{path}.{named_by}", LINE_TWICE)
        names.add(name)
        quantity = reading.whole(
            f"{path}.quantity", body.get("quantity"), 1, QUANTITY_MAX, BAD_QUANTITY
        )
        paid_by = _first_said(body, "discounted_total", "total")
        amount = reading.amount(f"{path}.{paid_by}", body.get(paid_by))
        taxed_by = _first_said(body, "discounted_tax_amount", "tax_amount")
        tax = reading.amount(f"{path}.{taxed_by}", body.get(taxed_by), default=_NOTHING)
        taxes += tax
        lines.append(
            OrderLine(
                name, quantity,
                reading.minor(f"{path}.{paid_by}", amount),
                reading.minor(f"{path}.{paid_by}", amount - tax),
            )
        )  # fmt: skip
    reading.within_limits("products", [line.amount for line in lines])
    return tuple(lines), taxes


def _first_said(body: Body, name: str, otherwise: str) -> str:
    return otherwise if body.get(name) is None else name


def _invoice(reading: Reading, payment: object) -> dict[str, Fraction]:
    """The invoice's amounts by their code; the shorter forms of an order have none."""
    lines = payment.get("invoice") if isinstance(payment, Mapping) else None
    found: dict[str, Fraction] = {}
    for number, line in enumerate(lines if isinstance(lines, list) else []):
        code = _named(line, "code")
        if isinstance(code, str):
            try:
                found[code] = exact_amount(_named(line, "value"))
            except ValueError:
                reading.fault(f"payment.invoice[{number}].value", BAD_AMOUNT)
    return found


def _shipping(
    reading: Reading,
    order: Body,
    invoice: Mapping[str, Fraction],
    lines: tuple[OrderLine, ...],
    taxes: Fraction,
) -> tuple[Minor, Minor]:
    """What shipping cost with tax and without.

    The invoice tells it without. Its tax is what the invoice's tax is more than the lines', where
    lines, shipping and that tax come to the order's total within half a minor unit for each; where
    they do not, the order has other charges, and shipping counts as untaxed.
    """
    net = invoice.get("shipping", _NOTHING)
    if net < 0:
        reading.fault("payment.invoice", BAD_AMOUNT)
    tax = invoice.get("vat", _NOTHING) - taxes
    units = units_of(reading.currency)
    try:
        total = exact_amount(order.get("order_total"))
    except ValueError:
        tax = _NOTHING
    else:
        rest = total * units - sum(line.amount for line in lines) - (net + tax) * units
        if tax < 0 or abs(rest) > Fraction(len(lines) + 1, 2):
            tax = _NOTHING
    if not net:
        tax = _NOTHING
    return reading.minor("payment.invoice", net + tax), reading.minor("payment.invoice", net)


def _adds_up(
    reading: Reading,
    order: Body,
    invoice: Mapping[str, Fraction],
    lines: tuple[OrderLine, ...],
    shipping: Minor,
) -> None:
    """The order's total is its invoice's; and lines and shipping come to it, within half a minor
    unit for each, where the invoice names no charge or discount beside them."""
    if order.get("order_total") is None or not reading.is_sound("products", "payment"):
        return
    try:
        total = exact_amount(order["order_total"]) * units_of(reading.currency)
    except ValueError:
        reading.fault("order_total", BAD_AMOUNT)
        return
    due = Fraction(sum(line.amount for line in lines) + shipping)
    said = invoice.get("total")
    differs = said is not None and abs(said * units_of(reading.currency) - total) > Fraction(1, 2)
    if said is not None and set(invoice) <= _PLAIN_CODES:
        differs = differs or abs(due - total) > Fraction(len(lines) + 2, 2)
    if differs:
        reading.fault("order_total", BAD_TOTAL)


def _channel(order: Body) -> str:
    sources = (order.get("source_code"), order.get("source"))
    words = (re.split(r"[\W_]+", text.casefold()) for text in sources if isinstance(text, str))
    return "pos" if any("pos" in found for found in words) else "online"


def _notes(order: Body, word: object, event: OrderEvent) -> tuple[str, ...]:
    notes = []
    if isinstance(word, str) and squeezed(word) == "partiallyreversed":
        notes.append(PARTLY_RETURNED)
    payment = order.get("payment_status")
    is_undone = isinstance(payment, str) and payment.strip().casefold() in _PAYMENTS_UNDONE
    if is_undone and event.status not in ("returned", "cancelled"):
        notes.append(PAYMENT_UNDONE)
    return tuple(notes)
