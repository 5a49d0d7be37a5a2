"""Plain orders: what a body says, and each way in which it can be wrong, by field and by name."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuqta import refusals
from nuqta.ledger.instants import POINTS_MAX, SECOND_US
from nuqta.loyalty import order_fields
from nuqta.loyalty.customers import TAGS_MAX
from nuqta.loyalty.dates import parse_instant
from nuqta.loyalty.order_fields import (
    FAULTS_MAX,
    LINES_MAX,
    BadOrder,
    CustomerFacts,
    Decoded,
)
from nuqta.loyalty.orders import OrderLine
from nuqta.loyalty.plain_orders import decode
from nuqta.refusals import Refusal
from nuqta.texts import ARABIC, say
from tests.loyalty.shop import NOW, SKEW_US

ZONE = "Asia/Riyadh"
LEAST: dict[str, Any] = {
    "customer": {"id": 44},
    "currency": "SAR",
    "lines": [{"product": "oud", "quantity": 2, "unit_price": "50.00"}],
    "status": "new",
    "updated_at": "2026-02-11T10:00:00",
}
FULL: dict[str, Any] = {
    "customer": {
        "id": "44", "name": " Huda ", "email": "Huda@Example.com", "mobile": "0501234567",
        "country_code": "966", "tags": ["vip", " vip ", 7], "level": "gold",
    },
    "currency": "sar",
    "cart_session_id": "cart-9",
    "channel": "POS",
    "lines": [
        {"id": 1, "product": "oud", "quantity": "3", "unit_price": Decimal("33.335"),
         "tax": "13.50", "discount": 10, "returned": 1},
        {"id": 2, "product": "oud", "quantity": 1, "unit_price": 20, "tax": 3, "returned": None},
    ],
    "shipping": {"amount": "20.00", "tax": 3},
    "total": "139.51",
    "loyalty_redemption": "10",
    "redeemed_points": 100,
    "status": "In-Delivery",
    "updated_at": "2026-02-11T10:00:00+03:00",
    "placed_at": "2026-02-10 09:30:00",
    "created_at": "2026-02-10 09:00:00",
    "delivered_at": None,
}  # fmt: skip


def read(body: Mapping[str, Any], order_id: str = "A-1", currency: str = "SAR") -> Decoded:
    """The order, which is to be understood."""
    found = decode(body, order_id, currency, ZONE, NOW, SKEW_US)
    assert isinstance(found, Decoded), found
    return found


def refused(body: Mapping[str, Any], order_id: str = "A-1") -> BadOrder:
    """What is wrong with the order; every sentence stands in both languages."""
    found = decode(body, order_id, "SAR", ZONE, NOW, SKEW_US)
    assert isinstance(found, BadOrder)
    for english in found.fields.values():
        arabic = say(english, ARABIC)
        assert english.isascii()
        assert english.endswith(".")
        assert any("\u0621" <= letter <= "\u064a" for letter in arabic)
        assert arabic.endswith(".")
    assert found.refusal.status == 422
    return found


def with_line(**changes: Any) -> dict[str, Any]:
    """The least order, with that said of its line."""
    return {**LEAST, "lines": [{**LEAST["lines"][0], **changes}]}


def with_customer(**changes: Any) -> dict[str, Any]:
    """The least order, with that said of its customer."""
    return {**LEAST, "customer": {**LEAST["customer"], **changes}}


def test_the_least_order_that_can_be() -> None:
    found = read(LEAST)
    at = parse_instant("2026-02-11T07:00:00Z", "UTC")
    one = found.event
    assert (one.order_key, one.customer_id, one.status, one.channel) == ("A-1", 44, "new", "online")
    assert (one.instant, one.placed_at, one.delivered_at) == (at, at, None)
    assert one.lines == (OrderLine("oud", 2, 10_000, 10_000),)
    assert (one.shipping, one.shipping_net, one.cart) == (0, 0, "")
    assert (one.redemption, one.is_redemption_deducted, one.redeemed_points) == (None, False, None)
    assert found.customer == CustomerFacts()
    assert found.notes == ()


def test_an_order_that_says_everything() -> None:
    found = read(FULL)
    one = found.event
    assert one.lines == (OrderLine("1", 3, 10_351, 9_001, 1), OrderLine("2", 1, 2_300, 2_000))
    assert (one.shipping, one.shipping_net) == (2_300, 2_000)
    assert (one.redemption, one.redeemed_points) == (1_000, 100)
    assert (one.cart, one.channel, one.status) == ("cart-9", "pos", "in_delivery")
    assert one.placed_at == parse_instant("2026-02-10T06:30:00Z", "UTC")
    assert found.customer == CustomerFacts(
        "Huda", "huda@example.com", "966501234567", frozenset({"vip", "7"}), "gold"
    )


def test_what_is_personal_is_no_part_of_the_event() -> None:
    named = read(with_customer(name="Huda", email="huda@example.com", tags=["vip"], level="gold"))
    assert named.event == read(LEAST).event
    assert named.event.digest() == read(LEAST).event.digest()


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("NEW", "new"), ("initial", "initial"), ("Preparing", "preparing"), ("ready", "ready"),
        ("inDelivery", "in_delivery"), ("in delivery", "in_delivery"),
        ("IN-delivery", "in_delivery"),
        ("delivered", "delivered"), ("returned", "returned"), ("reversed", "returned"),
        ("Refunded", "returned"), ("canceled", "cancelled"), ("Cancelled", "cancelled"),
    ],
)  # fmt: skip
def test_the_words_for_a_status(word: str, status: str) -> None:
    assert read({**LEAST, "status": word}).event.status == status


@pytest.mark.parametrize(
    ("currency", "price", "amount"),
    [("JPY", "33.5", 67), ("JPY", "33.25", 67), ("KWD", "1.0005", 2_001), ("SAR", "0.0025", 1)],
)
def test_a_line_is_rounded_half_up_once_to_its_currencys_unit(
    currency: str, price: str, amount: int
) -> None:
    body = {**with_line(unit_price=price), "currency": currency}
    assert read(body, currency=currency).event.lines[0].amount == amount


@pytest.mark.parametrize(
    ("changes", "placed"),
    [
        ({}, "2026-02-11T07:00:00Z"),
        ({"created_at": "2026-02-01"}, "2026-01-31T21:00:00Z"),
        ({"created_at": "2026-02-01", "placed_at": "2026-02-02T00:00:00Z"}, "2026-02-02T00:00:00Z"),
        ({"placed_at": "2026-02-11T07:05:00Z"}, "2026-02-11T07:05:00Z"),
    ],
)
def test_when_an_order_was_placed(changes: dict[str, str], placed: str) -> None:
    assert read({**LEAST, **changes}).event.placed_at == parse_instant(placed, "UTC")


def test_dates_may_run_ahead_by_the_skew() -> None:
    ahead = {**LEAST, "updated_at": "2026-03-01T12:05:00Z"}
    assert read(ahead).event.instant == NOW + 300 * SECOND_US


@pytest.mark.parametrize("total", ["100", "99.995", "100.005", 100, Decimal("100.0000")])
def test_totals_that_add_up_to_half_a_minor_unit_a_line(total: object) -> None:
    read({**LEAST, "total": total})


@pytest.mark.parametrize("quantity", [2, "2", Decimal("2.0"), "2.000"])
def test_a_whole_quantity_is_whole_however_it_is_written(quantity: object) -> None:
    assert read(with_line(quantity=quantity)).event.lines[0].quantity == 2


def test_nulls_and_empty_texts_say_nothing() -> None:
    empty = {
        **with_customer(name="", email="", mobile=None, country_code=None, tags=None, level=None),
        "cart_session_id": "", "channel": None, "shipping": None, "total": None,
        "loyalty_redemption": None, "redeemed_points": None, "placed_at": "", "created_at": None,
        "delivered_at": "",
    }  # fmt: skip
    assert read(empty) == read(LEAST)


WRONG: list[tuple[dict[str, Any], str, Refusal]] = [
    ({**LEAST, "customer": None}, "customer", refusals.VALIDATION),
    ({**LEAST, "customer": 44}, "customer", refusals.VALIDATION),
    (with_customer(id=None), "customer.id", refusals.VALIDATION),
    (with_customer(id=0), "customer.id", refusals.VALIDATION),
    (with_customer(id=-4), "customer.id", refusals.VALIDATION),
    (with_customer(id=True), "customer.id", refusals.VALIDATION),
    (with_customer(id="x"), "customer.id", refusals.VALIDATION),
    (with_customer(id=2**53), "customer.id", refusals.VALIDATION),
    (with_customer(name="a\x00b"), "customer.name", refusals.VALIDATION),
    (with_customer(email="huda"), "customer.email", refusals.VALIDATION),
    (with_customer(mobile="0501234567"), "customer.mobile", refusals.VALIDATION),
    (with_customer(mobile=[]), "customer.mobile", refusals.VALIDATION),
    (with_customer(country_code={}), "customer.country_code", refusals.VALIDATION),
    (with_customer(tags="vip"), "customer.tags", refusals.VALIDATION),
    (with_customer(tags=[{}]), "customer.tags", refusals.VALIDATION),
    (with_customer(tags=["vip"] * 101), "customer.tags", refusals.VALIDATION),
    (with_customer(level="x" * 129), "customer.level", refusals.VALIDATION),
    (with_customer(nickname="H"), "customer.nickname", refusals.VALIDATION),
    ({**LEAST, "currency": None}, "currency", refusals.VALIDATION),
    ({**LEAST, "currency": "AED"}, "currency", refusals.CURRENCY_MISMATCH),
    ({**LEAST, "currency": 4}, "currency", refusals.CURRENCY_MISMATCH),
    ({**LEAST, "cart_session_id": "a\nb"}, "cart_session_id", refusals.VALIDATION),
    ({**LEAST, "channel": "app"}, "channel", refusals.VALIDATION),
    ({**LEAST, "lines": None}, "lines", refusals.VALIDATION),
    ({**LEAST, "lines": []}, "lines", refusals.VALIDATION),
    ({**LEAST, "lines": {}}, "lines", refusals.VALIDATION),
    ({**LEAST, "lines": [*LEAST["lines"], 4]}, "lines[1]", refusals.VALIDATION),
    ({**LEAST, "lines": [None], "total": 5}, "lines[0]", refusals.VALIDATION),
    ({**LEAST, "lines": LEAST["lines"] * (LINES_MAX + 1)}, "lines", refusals.VALIDATION),
    ({**LEAST, "lines": LEAST["lines"] * 2}, "lines[1].id", refusals.VALIDATION),
    (with_line(product=None), "lines[0].product", refusals.VALIDATION),
    (with_line(id=""), "lines[0].id", refusals.VALIDATION),
    (with_line(colour="red"), "lines[0].colour", refusals.VALIDATION),
    (with_line(quantity=None), "lines[0].quantity", refusals.VALIDATION),
    (with_line(quantity=0), "lines[0].quantity", refusals.QUANTITY_INVALID),
    (with_line(quantity=-1), "lines[0].quantity", refusals.QUANTITY_INVALID),
    (with_line(quantity=Decimal("1.5")), "lines[0].quantity", refusals.QUANTITY_INVALID),
    (with_line(quantity="0.5"), "lines[0].quantity", refusals.QUANTITY_INVALID),
    (with_line(quantity=True), "lines[0].quantity", refusals.QUANTITY_INVALID),
    (with_line(quantity=10**9 + 1), "lines[0].quantity", refusals.QUANTITY_INVALID),
    (with_line(quantity=Decimal("NaN")), "lines[0].quantity", refusals.QUANTITY_INVALID),
    (with_line(unit_price=None), "lines[0].unit_price", refusals.VALIDATION),
    (with_line(unit_price=-1), "lines[0].unit_price", refusals.AMOUNT_INVALID),
    (with_line(unit_price="1,000"), "lines[0].unit_price", refusals.AMOUNT_INVALID),
    (with_line(unit_price=Decimal("Infinity")), "lines[0].unit_price", refusals.AMOUNT_INVALID),
    (with_line(unit_price=Decimal("1E+999")), "lines[0].unit_price", refusals.AMOUNT_INVALID),
    (with_line(unit_price="10000000000001"), "lines[0].unit_price", refusals.AMOUNT_INVALID),
    (with_line(unit_price="10000000000000"), "lines[0].unit_price", refusals.AMOUNT_INVALID),
    (with_line(tax="-0.01"), "lines[0].tax", refusals.AMOUNT_INVALID),
    (with_line(discount=False), "lines[0].discount", refusals.AMOUNT_INVALID),
    (with_line(discount="100.01"), "lines[0].discount", refusals.TOTALS_MISMATCH),
    (with_line(returned=-1), "lines[0].returned", refusals.QUANTITY_INVALID),
    (with_line(returned="0.5"), "lines[0].returned", refusals.QUANTITY_INVALID),
    (with_line(returned=3), "lines[0].returned", refusals.RETURN_TOO_LARGE),
    ({**LEAST, "shipping": -1}, "shipping", refusals.AMOUNT_INVALID),
    ({**LEAST, "shipping": {}}, "shipping.amount", refusals.VALIDATION),
    ({**LEAST, "shipping": {"amount": 1, "tax": "x"}}, "shipping.tax", refusals.AMOUNT_INVALID),
    ({**LEAST, "shipping": {"amount": 1, "by": "x"}}, "shipping.by", refusals.VALIDATION),
    ({**LEAST, "total": "x"}, "total", refusals.AMOUNT_INVALID),
    ({**LEAST, "total": "100.01"}, "total", refusals.TOTALS_MISMATCH),
    ({**LEAST, "total": "99.99"}, "total", refusals.TOTALS_MISMATCH),
    ({**LEAST, "total": 100, "shipping": 5}, "total", refusals.TOTALS_MISMATCH),
    ({**LEAST, "total": 100, "loyalty_redemption": 5}, "total", refusals.TOTALS_MISMATCH),
    ({**LEAST, "loyalty_redemption": "100.01"}, "loyalty_redemption", refusals.TOTALS_MISMATCH),
    ({**LEAST, "loyalty_redemption": -1}, "loyalty_redemption", refusals.AMOUNT_INVALID),
    ({**LEAST, "redeemed_points": -1}, "redeemed_points", refusals.POINTS_OUT_OF_RANGE),
    ({**LEAST, "redeemed_points": "1.5"}, "redeemed_points", refusals.POINTS_OUT_OF_RANGE),
    ({**LEAST, "redeemed_points": 10**12 + 1}, "redeemed_points", refusals.POINTS_OUT_OF_RANGE),
    ({**LEAST, "status": None}, "status", refusals.VALIDATION),
    ({**LEAST, "status": "shipped"}, "status", refusals.STATUS_UNKNOWN),
    ({**LEAST, "status": 1}, "status", refusals.STATUS_UNKNOWN),
    ({**LEAST, "updated_at": None}, "updated_at", refusals.VALIDATION),
    ({**LEAST, "updated_at": 1_770_000_000}, "updated_at", refusals.DATE_INVALID),
    ({**LEAST, "updated_at": "11-02-2026"}, "updated_at", refusals.DATE_INVALID),
    ({**LEAST, "updated_at": "2026-02-30"}, "updated_at", refusals.DATE_INVALID),
    ({**LEAST, "updated_at": "1969-12-31"}, "updated_at", refusals.DATE_INVALID),
    ({**LEAST, "updated_at": "1970-01-01"}, "updated_at", refusals.DATE_INVALID),
    ({**LEAST, "updated_at": "9" * 10_000}, "updated_at", refusals.DATE_INVALID),
    ({**LEAST, "updated_at": "2026-03-01T12:05:01Z"}, "updated_at", refusals.EFFECTIVE_IN_FUTURE),
    ({**LEAST, "placed_at": "1969-06-01"}, "placed_at", refusals.DATE_INVALID),
    ({**LEAST, "placed_at": "2026-03-02"}, "placed_at", refusals.EFFECTIVE_IN_FUTURE),
    ({**LEAST, "placed_at": "2026-02-11T07:05:01Z"}, "placed_at", refusals.DATE_INVALID),
    ({**LEAST, "created_at": "2026-02-12"}, "created_at", refusals.DATE_INVALID),
    ({**LEAST, "delivered_at": "2027-01-01"}, "delivered_at", refusals.EFFECTIVE_IN_FUTURE),
    ({**LEAST, "delivered_at": "soon"}, "delivered_at", refusals.DATE_INVALID),
    ({**LEAST, "note": "?"}, "note", refusals.VALIDATION),
]


@pytest.mark.parametrize(("body", "field", "refusal"), WRONG)
def test_each_fault_is_told_by_its_field_and_its_kind(
    body: dict[str, Any], field: str, refusal: Refusal
) -> None:
    found = refused(body)
    assert list(found.fields) == [field]
    assert found.refusal == refusal


@pytest.mark.parametrize("order_id", ["", " ", "a b", "x" * 65, "a\x00"])
def test_an_order_needs_a_number(order_id: str) -> None:
    assert list(refused(LEAST, order_id).fields) == ["order_id"]


def test_all_faults_are_told_at_once() -> None:
    body = {**with_line(quantity=-1, returned=5, tax="x"), "status": "?", "updated_at": "?"}
    found = refused(body)
    assert set(found.fields) == {"lines[0].quantity", "lines[0].tax", "status", "updated_at"}
    assert found.refusal is refusals.VALIDATION
    assert set(refused({}).fields) == {"customer", "currency", "lines", "status", "updated_at"}


def test_faults_of_one_kind_have_its_name() -> None:
    assert refused(with_line(quantity=0, returned=-1)).refusal is refusals.QUANTITY_INVALID


def test_faults_are_told_within_a_limit() -> None:
    found = refused({**LEAST, "lines": [{}] * LINES_MAX, **{"x" * n: 1 for n in range(300, 500)}})
    assert len(found.fields) == FAULTS_MAX
    assert max(map(len, found.fields)) <= 80


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.decimals(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=9,
)


@given(st.data())
def test_whatever_a_field_holds_there_is_an_answer(data: st.DataObject) -> None:
    body: dict[str, Any] = {**FULL, "lines": [dict(one) for one in FULL["lines"]]}
    places = [body, body["lines"][0], dict(body["customer"]), {"amount": 1, "tax": 1}]
    body["customer"], body["shipping"] = places[2], places[3]
    place = data.draw(st.sampled_from(places))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(ANYTHING)
    found = decode(body, "A-1", "SAR", ZONE, NOW, SKEW_US)
    if isinstance(found, Decoded):
        assert found.event.encoded()
    else:
        assert found.fields


def test_the_sentences_tell_the_limits_that_hold() -> None:
    for fault, most in (
        (order_fields.BAD_TEXT, order_fields.TEXT_LENGTH_MAX),
        (order_fields.BAD_TAGS, TAGS_MAX),
        (order_fields.BAD_LINES, order_fields.LINES_MAX),
        (order_fields.BAD_QUANTITY, order_fields.QUANTITY_MAX),
        (order_fields.BAD_POINTS, POINTS_MAX),
    ):
        assert re.findall("[0-9]+", fault.text)[-1] == str(most)
        assert re.findall("[0-9]+", say(fault.text, ARABIC))[-1] == str(most)
