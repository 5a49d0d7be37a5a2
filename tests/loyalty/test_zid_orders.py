"""Zid's order object: what it says, what is noted for a person, and what cannot be understood."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuqta import refusals
from nuqta.loyalty.dates import parse_instant
from nuqta.loyalty.order_fields import BadOrder, CustomerFacts, Decoded
from nuqta.loyalty.orders import OrderLine
from nuqta.loyalty.zid_orders import PARTLY_RETURNED, PAYMENT_UNDONE, decode, store_named
from nuqta.refusals import Refusal
from nuqta.texts import ARABIC, say
from tests.loyalty.shop import NOW, SKEW_US
from tests.loyalty.test_plain_orders import ANYTHING

ZONE = "Asia/Riyadh"


def invoice(**values: str) -> dict[str, Any]:
    """The part of an order that tells how it is paid."""
    return {
        "method": {"name": "Credit Card", "code": "card"},
        "invoice": [{"code": code, "value": value} for code, value in values.items()],
    }


def order(**changes: Any) -> dict[str, Any]:
    """An order of two products and shipping, with 15 percent of tax, of which points paid 4."""
    whole: dict[str, Any] = {
        "id": 70_001,
        "store_id": 52,
        "order_status": {"name": "Preparing", "code": "preparing"},
        "currency_code": "SAR",
        "customer": {
            "id": 912, "name": "Huda", "email": "huda@example.com", "mobile": "966501234567",
            "note": "", "verified": 1, "type": "individual",
        },
        "is_guest_customer": 0,
        "order_total": "271.40000000000000",
        "payment_status": "paid",
        "source": "Store website",
        "source_code": "catalog",
        "created_at": "2026-02-10 09:30:00",
        "updated_at": "2026-02-11 10:00:00",
        "delivered_at": None,
        "payment": invoice(
            sub_totals_before_vat="220.00000000000000",
            loyalty_redemption="-4.00000000000000",
            shipping="20.00000000000000",
            vat="35.40000000000000",
            total="271.40000000000000",
        ),
        "products": [
            {"id": "u-1", "order_product_id": 501, "quantity": 2, "total": Decimal("230.0"),
             "tax_amount": "30.00000000000000", "discounted_total": Decimal("225.39999999999998"),
             "discounted_tax_amount": Decimal("29.4")},
            {"id": "u-2", "order_product_id": 502, "quantity": 1, "total": 23,
             "tax_amount": "3.00000000000000", "discounted_total": None,
             "discounted_tax_amount": None},
        ],
        "histories": [{"order_status_id": 1}],
    }  # fmt: skip
    return {**whole, **changes}


def product(**changes: Any) -> dict[str, Any]:
    """An order whose first product differs."""
    first, second = order()["products"]
    return order(products=[{**first, **changes}, second])


def read(body: Mapping[str, Any]) -> Decoded:
    """The order, which is to be understood."""
    found = decode(body, "SAR", ZONE, NOW, SKEW_US)
    assert isinstance(found, Decoded), found
    return found


def test_what_an_order_of_zid_says() -> None:
    found = read(order())
    one = found.event
    assert (one.order_key, one.customer_id, one.status, one.channel) == (
        "70001", 912, "preparing", "online",
    )  # fmt: skip
    assert one.instant == parse_instant("2026-02-11T07:00:00Z", "UTC")
    assert one.placed_at == parse_instant("2026-02-10T06:30:00Z", "UTC")
    assert one.delivered_at is None
    assert one.lines == (OrderLine("501", 2, 22_540, 19_600), OrderLine("502", 1, 2_300, 2_000))
    assert (one.shipping, one.shipping_net) == (2_300, 2_000)
    assert (one.redemption, one.is_redemption_deducted, one.redeemed_points) == (400, True, None)
    assert (one.cart, one.currency) == ("", "SAR")
    assert found.customer == CustomerFacts("Huda", "huda@example.com", "966501234567")
    assert found.notes == ()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda body: {"order": body},
        lambda body: {"payload": body},
        lambda body: {"event": "order.create", "payload": {"order": body}},
        lambda body: {"status": "object", "order": body, "message": None},
    ],
)
def test_an_order_may_be_wrapped(wrap: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    assert read(wrap(order())) == read(order())
    assert store_named(wrap(order())) == "52"


def test_the_store_that_a_payload_names() -> None:
    assert store_named(order(store_id="52")) == "52"
    assert store_named(order(store_id=None, store_uuid="9c1f")) == "9c1f"
    assert store_named({"store_id": 8, "order": order(store_id=None)}) == "8"
    assert store_named(order(store_id=None)) is None
    assert store_named(order(store_id={})) is None
    assert store_named({}) is None


@pytest.mark.parametrize(
    ("code", "status", "notes"),
    [
        ("new", "new", ()),
        ("initial", "initial", ()),
        ("ready", "ready", ()),
        ("indelivery", "in_delivery", ()),
        ("inDelivery", "in_delivery", ()),
        ("delivered", "delivered", ()),
        ("cancelled", "cancelled", ()),
        ("Canceled", "cancelled", ()),
        ("reversed", "returned", ()),
        ("reverse_in_progress", "delivered", ()),
        ("partially_reversed", "delivered", (PARTLY_RETURNED,)),
    ],
)
def test_the_words_of_zid_for_a_status(code: str, status: str, notes: tuple[str, ...]) -> None:
    found = read(order(order_status={"name": "x", "code": code}))
    assert (found.event.status, found.notes) == (status, notes)
    assert read(order(order_status=code)) == found


@pytest.mark.parametrize(
    ("code", "payment", "notes"),
    [
        ("new", "pending", ()),
        ("new", "refunded", (PAYMENT_UNDONE,)),
        ("delivered", "Voided", (PAYMENT_UNDONE,)),
        ("partially_reversed", "refunded", (PARTLY_RETURNED, PAYMENT_UNDONE)),
        ("cancelled", "refunded", ()),
        ("reversed", "voided", ()),
        ("new", None, ()),
    ],
)
def test_what_a_person_is_to_look_at(
    code: str, payment: str | None, notes: tuple[str, ...]
) -> None:
    assert read(order(order_status={"code": code}, payment_status=payment)).notes == notes


@pytest.mark.parametrize(
    ("changes", "channel"),
    [
        ({"source_code": "pos"}, "pos"),
        ({"source_code": "POS", "source": None}, "pos"),
        ({"source": "Zid POS"}, "pos"),
        ({"source": "Deposit", "source_code": "compose"}, "online"),
        ({"source": None, "source_code": 4}, "online"),
    ],
)
def test_where_an_order_was_made(changes: dict[str, Any], channel: str) -> None:
    assert read(order(**changes)).event.channel == channel


@pytest.mark.parametrize(
    ("changes", "shipping"),
    [
        ({"payment": invoice(shipping="20.00", vat="35.40", total="291.40", cod_fee="20.00"),
          "order_total": "291.40"}, (2_000, 2_000)),
        ({"order_total": None}, (2_000, 2_000)),
        ({"payment": invoice(shipping="20.00", vat="35.40"), "order_total": Decimal("271.41")},
         (2_300, 2_000)),
        ({"payment": invoice(shipping="20.00", vat="32.40"), "order_total": "268.4"},
         (2_000, 2_000)),
        ({"payment": invoice(vat="35.40")}, (0, 0)),
        ({"payment": {}}, (0, 0)),
        ({"payment": None}, (0, 0)),
    ],
)  # fmt: skip
def test_the_tax_on_shipping_counts_where_it_can_be_told(
    changes: dict[str, Any], shipping: tuple[int, int]
) -> None:
    one = read(order(**changes)).event
    assert (one.shipping, one.shipping_net) == shipping


@pytest.mark.parametrize(
    "changes",
    [
        {"order_total": "1.00"},
        {"order_total": "271.41"},
        {"order_total": "many"},
        {"order_total": "371.40",
         "payment": invoice(shipping="20.00", vat="35.40", total="371.40")},
    ],
)  # fmt: skip
def test_totals_that_do_not_add_up(changes: dict[str, Any]) -> None:
    found = decode(order(**changes), "SAR", "Asia/Riyadh", NOW, 0)
    assert isinstance(found, BadOrder)
    assert list(found.fields) == ["order_total"]


def test_an_order_without_a_redemption_says_none() -> None:
    for payment in ({}, invoice(shipping="20"), invoice(loyalty_redemption="-0.00")):
        assert read(order(payment=payment)).event.redemption is None
    assert read(order(payment=invoice(loyalty_redemption="2.5"))).event.redemption == 250


def test_a_line_without_a_number_of_its_own_is_named_by_its_product() -> None:
    assert read(product(order_product_id=None)).event.lines[0].line_key == "u-1"
    assert read(order(cart_session_id="c-1")).event.cart == "c-1"
    assert read(order(created_at=None)).event.placed_at == read(order()).event.instant


def test_what_is_said_of_the_customer_counts_as_far_as_it_can_be_used() -> None:
    said = {
        "id": 912, "name": "\x00", "email": "none", "mobile": "0501234567",
        "tags": ["vip", {"id": 1, "name": "gift"}, {"id": 2}, ""], "level": {"id": 5, "name": "x"},
    }  # fmt: skip
    found = read(order(customer=said))
    assert found.customer == CustomerFacts(tags=frozenset({"vip", "gift"}), level="5")
    assert found.event == read(order()).event


WRONG: list[tuple[dict[str, Any], str, Refusal]] = [
    (order(id=None), "id", refusals.VALIDATION),
    (order(id="a b"), "id", refusals.VALIDATION),
    (order(id=True), "id", refusals.VALIDATION),
    (order(customer=None), "customer.id", refusals.VALIDATION),
    (order(customer=[]), "customer.id", refusals.VALIDATION),
    (order(customer={"name": "Guest"}, is_guest_customer=1), "customer.id", refusals.VALIDATION),
    (order(customer={"id": 0}), "customer.id", refusals.VALIDATION),
    (order(currency_code=None), "currency_code", refusals.VALIDATION),
    (order(currency_code="KWD"), "currency_code", refusals.CURRENCY_MISMATCH),
    (order(products=None), "products", refusals.VALIDATION),
    (order(products=[]), "products", refusals.VALIDATION),
    (order(products=[4]), "products[0]", refusals.VALIDATION),
    (product(order_product_id=None, id=None), "products[0].id", refusals.VALIDATION),
    (product(order_product_id=502), "products[1].order_product_id", refusals.VALIDATION),
    (product(quantity=None), "products[0].quantity", refusals.VALIDATION),
    (product(quantity=0), "products[0].quantity", refusals.QUANTITY_INVALID),
    (product(quantity=-2), "products[0].quantity", refusals.QUANTITY_INVALID),
    (product(quantity=Decimal("0.5")), "products[0].quantity", refusals.QUANTITY_INVALID),
    (product(discounted_total=None, total=None), "products[0].total", refusals.VALIDATION),
    (product(discounted_total="-1"), "products[0].discounted_total", refusals.AMOUNT_INVALID),
    (product(discounted_total="10 SAR"), "products[0].discounted_total", refusals.AMOUNT_INVALID),
    (product(discounted_total=10**15), "products[0].discounted_total", refusals.AMOUNT_INVALID),
    (product(discounted_total=10**13), "products", refusals.AMOUNT_INVALID),
    (product(discounted_tax_amount=-1), "products[0].discounted_tax_amount",
     refusals.AMOUNT_INVALID),
    (order(payment=invoice(shipping="x")), "payment.invoice[0].value", refusals.AMOUNT_INVALID),
    (order(payment=invoice(shipping="-1")), "payment.invoice", refusals.AMOUNT_INVALID),
    (order(payment=invoice(loyalty_redemption="-1e17")), "payment.invoice",
     refusals.AMOUNT_INVALID),
    (order(order_status=None), "order_status.code", refusals.VALIDATION),
    (order(order_status={"name": "New"}), "order_status.code", refusals.VALIDATION),
    (order(order_status={"code": 4}), "order_status.code", refusals.STATUS_UNKNOWN),
    (order(order_status={"code": "lost"}), "order_status.code", refusals.STATUS_UNKNOWN),
    (order(updated_at=None), "updated_at", refusals.VALIDATION),
    (order(updated_at="0000-00-00 00:00:00"), "updated_at", refusals.DATE_INVALID),
    (order(updated_at="1969-12-31 23:00:00"), "updated_at", refusals.DATE_INVALID),
    (order(updated_at="2026-03-01 15:05:01"), "updated_at", refusals.EFFECTIVE_IN_FUTURE),
    (order(created_at="2026-02-12 00:00:00"), "created_at", refusals.DATE_INVALID),
    (order(created_at="2026-04-01 00:00:00"), "created_at", refusals.EFFECTIVE_IN_FUTURE),
    (order(delivered_at="later"), "delivered_at", refusals.DATE_INVALID),
    (order(delivered_at="2027-01-01 00:00:00"), "delivered_at", refusals.EFFECTIVE_IN_FUTURE),
    (order(cart_session_id=[]), "cart_session_id", refusals.VALIDATION),
]  # fmt: skip


@pytest.mark.parametrize(("body", "field", "refusal"), WRONG)
def test_each_fault_is_told_by_its_field_and_its_kind(
    body: dict[str, Any], field: str, refusal: Refusal
) -> None:
    found = decode(body, "SAR", ZONE, NOW, SKEW_US)
    assert isinstance(found, BadOrder)
    assert list(found.fields) == [field]
    assert found.refusal == refusal
    for english in found.fields.values():
        arabic = say(english, ARABIC)
        assert english.isascii()
        assert any("\u0621" <= letter <= "\u064a" for letter in arabic)


def test_a_body_that_says_nothing_lacks_every_field_that_is_needed() -> None:
    found = decode({}, "SAR", ZONE, NOW, SKEW_US)
    assert isinstance(found, BadOrder)
    assert set(found.fields) == {
        "id", "customer.id", "currency_code", "products", "updated_at", "order_status.code",
    }  # fmt: skip


@given(st.data())
def test_whatever_a_field_holds_there_is_an_answer(data: st.DataObject) -> None:
    body = order()
    body["payment"] = invoice(shipping="20", vat="35.4", loyalty_redemption="-4")
    places = [body, body["products"][0], body["customer"], body["payment"]["invoice"][0]]
    place = data.draw(st.sampled_from(places))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(ANYTHING)
    found = decode(body, "SAR", ZONE, NOW, SKEW_US)
    if isinstance(found, Decoded):
        assert found.event.encoded()
    else:
        assert found.fields
    store_named(body)
