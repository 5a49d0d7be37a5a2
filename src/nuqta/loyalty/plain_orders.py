"""Plain orders: a shop's own description of an order becomes an event.

Unknown fields are refused here, because the fields are ours: a misspelt one would be lost in
silence. Source: contract, decisions, section 4, 3; design, ledger, section 5.
"""

from collections.abc import Collection
from fractions import Fraction
from typing import Any, Final

from nuqta.ledger.instants import POINTS_MAX, Instant
from nuqta.loyalty.customers import TAGS_MAX, canonical_email, canonical_mobile, checked_name
from nuqta.loyalty.money import units_of
from nuqta.loyalty.order_fields import (
    BAD_CHANNEL,
    BAD_EMAIL,
    BAD_MOBILE,
    BAD_NAME,
    BAD_POINTS,
    BAD_QUANTITY,
    BAD_RETURNED,
    BAD_TAGS,
    BAD_TEXT,
    BAD_TOTAL,
    DISCOUNT_TOO_LARGE,
    LINE_TWICE,
    MISSING,
    QUANTITY_MAX,
    REDEMPTION_TOO_LARGE,
    RETURNED_TOO_MANY,
    UNKNOWN,
    BadOrder,
    Body,
    CustomerFacts,
    Decoded,
    Reading,
    as_text,
    checked_text,
)
from nuqta.loyalty.orders import OrderEvent, OrderLine

FIELDS: Final = (
    "customer", "currency", "cart_session_id", "channel", "lines", "shipping", "total",
    "loyalty_redemption", "redeemed_points", "status", "updated_at", "placed_at", "created_at",
    "delivered_at",
)  # fmt: skip
"""The fields that a plain order may have."""
_CUSTOMER_FIELDS: Final = ("id", "name", "email", "mobile", "country_code", "tags", "level")
_LINE_FIELDS: Final = ("id", "product", "quantity", "unit_price", "tax", "discount", "returned")
_SHIPPING_FIELDS: Final = ("amount", "tax")
_NOTHING: Final = Fraction(0)


def decode(
    body: Body, order_id: str, currency: str, zone: str, now: Instant, skew_us: int
) -> Decoded | BadOrder:
    """The event that a plain order tells, or every fault of its fields.

    `currency` and `zone` are the store's; dates may lie `skew_us` microseconds after `now`. Numbers
    may be sent as texts. A line's `unit_price` is without tax, its `tax` and `discount` are amounts
    for the whole line; each line is rounded half up to the minor unit.
    """
    reading = Reading(currency, zone, now, skew_us)
    _only(reading, "", body, FIELDS)
    order_key = reading.number("order_id", order_id)
    customer_id, customer = _customer(reading, body.get("customer"))
    reading.in_currency("currency", body.get("currency"))
    exact, lines = _lines(reading, body.get("lines"))
    shipping, shipping_net = _shipping(reading, body.get("shipping"))
    redemption = _optional_amount(reading, body, "loyalty_redemption")
    _adds_up(reading, body, exact, shipping, redemption)
    updated_at = reading.instant("updated_at", body.get("updated_at"))
    placed_at = _placed_at(reading, body, updated_at)
    delivered_at = reading.delivered("delivered_at", body.get("delivered_at"), placed_at)
    latest = updated_at if delivered_at is None else min(updated_at, delivered_at)
    event = OrderEvent(
        order_key=order_key,
        customer_id=customer_id,
        instant=updated_at,
        placed_at=latest if placed_at is None else placed_at,
        delivered_at=delivered_at,
        status=reading.status("status", body.get("status")),
        channel=_channel(reading, body.get("channel")),
        currency=currency,
        cart=_optional_text(reading, "cart_session_id", body.get("cart_session_id")),
        lines=lines,
        shipping=reading.minor("shipping", shipping),
        shipping_net=reading.minor("shipping", shipping_net),
        redemption=None if redemption is None else reading.minor("loyalty_redemption", redemption),
        is_redemption_deducted=False,
        redeemed_points=_points(reading, body.get("redeemed_points")),
    )
    return reading.bad() or Decoded(event, customer)


def _only(reading: Reading, path: str, body: Body, fields: Collection[str]) -> None:
    for name in body:
        if name not in fields:
            reading.fault(f"{path}{name}", UNKNOWN)


def _optional_text(reading: Reading, path: str, value: object) -> str:
    return "" if value is None or value == "" else reading.text(path, value)


def _optional_amount(reading: Reading, body: Body, name: str) -> Fraction | None:
    return None if body.get(name) is None else reading.amount(name, body[name])


def _customer(reading: Reading, value: object) -> tuple[int, CustomerFacts]:
    body = reading.record("customer", value)
    if not body:
        reading.fault("customer", MISSING)
        return 0, CustomerFacts()
    _only(reading, "customer.", body, _CUSTOMER_FIELDS)
    country = body.get("country_code")
    code = reading.person("customer.country_code", country, checked_text, BAD_TEXT)
    level = body.get("level")
    return reading.customer_id("customer.id", body.get("id")), CustomerFacts(
        name=reading.person("customer.name", body.get("name"), checked_name, BAD_NAME),
        email=reading.person("customer.email", body.get("email"), canonical_email, BAD_EMAIL),
        mobile=reading.person(
            "customer.mobile", body.get("mobile"),
            lambda text: canonical_mobile(text, code), BAD_MOBILE,
        ),
        tags=_tags(reading, body.get("tags")),
        level=None if level is None else _optional_text(reading, "customer.level", level),
    )  # fmt: skip


def _tags(reading: Reading, value: object) -> frozenset[str] | None:
    if value is None:
        return None
    try:
        if not isinstance(value, list) or len(value) > TAGS_MAX:
            raise ValueError("not a list of tags")
        return frozenset(checked_text(as_text(tag)) for tag in value)
    except ValueError:
        reading.fault("customer.tags", BAD_TAGS)
        return None


def _lines(reading: Reading, value: object) -> tuple[Fraction, tuple[OrderLine, ...]]:
    """The exact sum of the lines, and the lines, each rounded to the minor unit."""
    exact, lines = _NOTHING, list[OrderLine]()
    names = set[str]()
    for path, body in reading.lines("lines", value):
        _only(reading, f"{path}.", body, _LINE_FIELDS)
        named_by = "id" if body.get("id") is not None else "product"
        name = reading.text(f"{path}.{named_by}", body.get(named_by))
        if name and name in names:
            reading.fault(f"{path}.id", LINE_TWICE)
        names.add(name)
        amount, line = _line(reading, path, name, body)
        exact += amount
        lines.append(line)
    reading.within_limits("lines", [line.amount for line in lines])
    return exact, tuple(lines)


def _line(reading: Reading, path: str, name: str, body: Body) -> tuple[Fraction, OrderLine]:
    quantity = reading.whole(
        f"{path}.quantity", body.get("quantity"), 1, QUANTITY_MAX, BAD_QUANTITY
    )
    price = reading.amount(f"{path}.unit_price", body.get("unit_price"))
    tax = reading.amount(f"{path}.tax", body.get("tax"), default=_NOTHING)
    discount = reading.amount(f"{path}.discount", body.get("discount"), default=_NOTHING)
    returned = reading.whole(
        f"{path}.returned", _or(body.get("returned"), 0), 0, QUANTITY_MAX, BAD_RETURNED
    )
    if returned > quantity and reading.is_sound(f"{path}.quantity"):
        reading.fault(f"{path}.returned", RETURNED_TOO_MANY)
    net = quantity * price - discount
    if net + tax < 0 and reading.is_sound(path):
        reading.fault(f"{path}.discount", DISCOUNT_TOO_LARGE)
    return net + tax, OrderLine(
        name, quantity,
        reading.minor(f"{path}.unit_price", net + tax),
        reading.minor(f"{path}.unit_price", net),
        returned,
    )  # fmt: skip


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value


def _shipping(reading: Reading, value: object) -> tuple[Fraction, Fraction]:
    """What shipping cost with tax and without; a plain number is taken as both."""
    if not isinstance(value, dict):
        amount = reading.amount("shipping", value, default=_NOTHING)
        return amount, amount
    _only(reading, "shipping.", value, _SHIPPING_FIELDS)
    net = reading.amount("shipping.amount", value.get("amount"))
    return net + reading.amount("shipping.tax", value.get("tax"), default=_NOTHING), net


def _adds_up(
    reading: Reading, body: Body, lines: Fraction, shipping: Fraction, redemption: Fraction | None
) -> None:
    """The total is the sum of its parts, within half a minor unit for each line and for shipping,
    because a shop may round each of them or only the sum.
    """
    total = _optional_amount(reading, body, "total")
    if not reading.is_sound("lines", "shipping", "loyalty_redemption", "total"):
        return  # the sum of what is not understood says nothing
    due = lines + shipping - (redemption or 0)
    if due < 0:
        reading.fault("loyalty_redemption", REDEMPTION_TOO_LARGE)
    if total is None or due < 0:
        return
    parts = len(body["lines"]) + (body.get("shipping") is not None)
    if abs(total - due) * units_of(reading.currency) > Fraction(parts, 2):
        reading.fault("total", BAD_TOTAL)


def _placed_at(reading: Reading, body: Body, updated_at: Instant) -> Instant | None:
    placed_at = reading.optional_instant("placed_at", body.get("placed_at"))
    created_at = reading.optional_instant("created_at", body.get("created_at"))
    if placed_at is not None:
        reading.placed_before("placed_at", placed_at, updated_at)
        return placed_at
    if created_at is not None:
        reading.placed_before("created_at", created_at, updated_at)
    return created_at


def _channel(reading: Reading, value: object) -> str:
    if value is None:
        return "online"
    channel = value.strip().casefold() if isinstance(value, str) else ""
    if channel not in ("online", "pos"):
        reading.fault("channel", BAD_CHANNEL)
    return channel


def _points(reading: Reading, value: object) -> int | None:
    if value is None:
        return None
    return reading.whole("redeemed_points", value, 0, POINTS_MAX, BAD_POINTS)
