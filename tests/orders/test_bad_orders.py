"""Orders that cannot be taken in: each is a named refusal by field, in both languages; the books
stay as they are to the row, and what came is kept for a person, once, with a count.

Source: design, ledger, section 5; contract, decisions, section 2.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

import pytest

from nuqta import refusals
from nuqta.engine import attention
from nuqta.ledger.instants import BALANCE_MAX, POINTS_MAX
from nuqta.refusals import Refusal
from nuqta.texts import say
from tests.http.server import Answer, House, open_house
from tests.orders.shop import (
    Body,
    Shop,
    account,
    line,
    moment,
    plain,
    points,
    rows,
    zid,
)
from tests.orders.test_zid import taken

Row: TypeAlias = tuple[Body | Callable[[Shop], Body], str, Refusal]
Sender: TypeAlias = Callable[[bytes, str], Answer]
INVALID: Final = refusals.VALIDATION


def said(answer: Answer, refusal: Refusal, language: str, field: str = "") -> str:
    """An answer is that refusal in that language; the sentence about the field that it names."""
    assert (answer.status, answer.code) == (refusal.status, refusal.code), (field, answer.body)
    message = answer.json["message"]
    assert message["name"] == say(refusal.name, language)
    assert message["description"] == say(refusal.text, language)
    assert answer["content-language"] == language
    fields = [name for name in answer.json if name not in ("status", "error_code", "message")]
    assert fields == ([field] if field else []), answer.body
    if not field:
        return ""
    (sentence,) = answer.json[field]
    assert sentence.endswith(".")
    assert sentence.isascii() is not (language == "ar")
    return str(sentence)


def refuses(shop: Shop, send: Sender, sent: bytes, field: str, refusal: Refusal) -> None:
    """What is sent is refused in both languages, changes no book, and is kept once, as it came."""
    before, known = rows(shop.world), {one.digest for one in shop.refused()}
    english = said(send(sent, "en"), refusal, "en", field)
    said(send(sent, "ar"), refusal, "ar", field)
    assert rows(shop.world) == before, field
    kept = [one for one in shop.refused() if one.digest not in known]
    assert [(one.code, one.body, one.times) for one in kept] == [(refusal.code, sent, 2)], field
    path = field.removeprefix("order.")
    assert json.loads(kept[0].fields) == ({path: english} if field else {})


def by_webhook(shop: Shop) -> Sender:
    """How Zid sends an order."""
    return lambda body, language: shop.webhook(body, language=language)


def by_path(shop: Shop, number: str = "1") -> Sender:
    """How any other shop sends one; `number` is written as a path writes it."""
    return lambda body, language: shop.put(number, body, language=language)


def each(shop: Shop, table: list[Row], send: Sender, good: Body) -> None:
    """Every row of a table, as the changes of a good order or as a body of its own."""
    for changes, field, refusal in table:
        body = changes(shop) if callable(changes) else {**good, **changes}
        refuses(shop, send, _sent(body), field, refusal)
    assert len(shop.refused()) == len(table), "no two rows are one"


def _sent(body: Body) -> bytes:
    return json.dumps(body).encode()


# -- plain orders ----------------------------------------------------------------------------------


def of_line(**changes: Any) -> Callable[[Shop], Body]:
    """A plain order whose second line differs."""
    return lambda shop: plain(shop, lines=[line("a"), {**line("b", 1, "50", "7.50"), **changes}])


def of_customer(**changes: Any) -> Callable[[Shop], Body]:
    """A plain order whose customer differs."""
    return lambda shop: plain(shop, customer={"id": 1, **changes})


def ahead(name: str, seconds: int) -> Callable[[Shop], Body]:
    """A plain order with a date that has not come."""
    return lambda shop: {**plain(shop), name: moment(shop.world, seconds=-seconds)}


PLAIN: list[Row] = [
    ({"currency": "KWD"}, "currency", refusals.CURRENCY_MISMATCH),
    ({"currency": ""}, "currency", INVALID),
    ({"currency": ["SAR"]}, "currency", refusals.CURRENCY_MISMATCH),
    (of_line(quantity=-1), "lines[1].quantity", refusals.QUANTITY_INVALID),
    (of_line(quantity=0), "lines[1].quantity", refusals.QUANTITY_INVALID),
    (of_line(quantity=1.5), "lines[1].quantity", refusals.QUANTITY_INVALID),
    (of_line(quantity="0.5"), "lines[1].quantity", refusals.QUANTITY_INVALID),
    (of_line(quantity=10**9 + 1), "lines[1].quantity", refusals.QUANTITY_INVALID),
    (of_line(quantity=True), "lines[1].quantity", refusals.QUANTITY_INVALID),
    (of_line(quantity=None), "lines[1].quantity", INVALID),
    (of_line(returned=2), "lines[1].returned", refusals.RETURN_TOO_LARGE),
    (of_line(returned=-1), "lines[1].returned", refusals.QUANTITY_INVALID),
    (of_line(returned="0.25"), "lines[1].returned", refusals.QUANTITY_INVALID),
    (of_line(unit_price=-50), "lines[1].unit_price", refusals.AMOUNT_INVALID),
    (of_line(unit_price="50,00"), "lines[1].unit_price", refusals.AMOUNT_INVALID),
    (of_line(unit_price="1e400"), "lines[1].unit_price", refusals.AMOUNT_INVALID),
    (of_line(unit_price=10**14), "lines[1].unit_price", refusals.AMOUNT_INVALID),
    (of_line(unit_price=None), "lines[1].unit_price", INVALID),
    (of_line(tax="-0.01"), "lines[1].tax", refusals.AMOUNT_INVALID),
    (of_line(discount="57.51"), "lines[1].discount", refusals.TOTALS_MISMATCH),
    (of_line(product="a"), "lines[1].id", INVALID),
    (of_line(product="a\x00"), "lines[1].product", INVALID),
    (of_line(product=None), "lines[1].product", INVALID),
    (of_line(colour="red"), "lines[1].colour", INVALID),
    ({"lines": []}, "lines", INVALID),
    ({"lines": {"0": line()}}, "lines", INVALID),
    ({"lines": [line(), "b"]}, "lines[1]", INVALID),
    ({"lines": [{}] * 1_001}, "lines", INVALID),
    ({"total": "230.02"}, "total", refusals.TOTALS_MISMATCH),
    ({"total": "229.98"}, "total", refusals.TOTALS_MISMATCH),
    ({"total": 230, "shipping": 10}, "total", refusals.TOTALS_MISMATCH),
    ({"total": "-1"}, "total", refusals.AMOUNT_INVALID),
    ({"loyalty_redemption": "230.01"}, "loyalty_redemption", refusals.TOTALS_MISMATCH),
    ({"redeemed_points": -1}, "redeemed_points", refusals.POINTS_OUT_OF_RANGE),
    ({"redeemed_points": POINTS_MAX + 1}, "redeemed_points", refusals.POINTS_OUT_OF_RANGE),
    ({"shipping": {"amount": 20, "carrier": "x"}}, "shipping.carrier", INVALID),
    ({"shipping": "free"}, "shipping", refusals.AMOUNT_INVALID),
    ({"status": "shipped"}, "order.status", refusals.STATUS_UNKNOWN),
    ({"status": None}, "order.status", INVALID),
    ({"message": "hello"}, "order.message", INVALID),
    ({"error_code": 4}, "order.error_code", INVALID),
    ({"order_id": "2"}, "order_id", INVALID),
    ({"channel": "app"}, "channel", INVALID),
    ({"cart_session_id": "a\nb"}, "cart_session_id", INVALID),
    ({"cart_session_id": "x" * 129}, "cart_session_id", INVALID),
    (ahead("updated_at", 301), "updated_at", refusals.EFFECTIVE_IN_FUTURE),
    (ahead("placed_at", 86_400), "placed_at", refusals.EFFECTIVE_IN_FUTURE),
    (ahead("delivered_at", 86_400), "delivered_at", refusals.EFFECTIVE_IN_FUTURE),
    (lambda shop: plain(shop, seconds=900, placed_at=moment(shop.world, seconds=599)),
     "placed_at", refusals.DATE_INVALID),
    ({"updated_at": "1969-12-31T23:59:59Z"}, "updated_at", refusals.DATE_INVALID),
    ({"placed_at": "1970-01-01T00:00:00"}, "placed_at", refusals.DATE_INVALID),
    ({"delivered_at": "0000-00-00 00:00:00"}, "delivered_at", refusals.DATE_INVALID),
    ({"updated_at": 1_772_000_000}, "updated_at", refusals.DATE_INVALID),
    ({"updated_at": ""}, "updated_at", INVALID),
    ({"customer": None}, "customer", INVALID),
    (of_customer(id=0), "customer.id", INVALID),
    (of_customer(id=2**53), "customer.id", INVALID),
    (of_customer(id=1.5), "customer.id", INVALID),
    (of_customer(email="aisha"), "customer.email", INVALID),
    (of_customer(mobile="0501234567"), "customer.mobile", INVALID),
    (of_customer(name="x" * 201), "customer.name", INVALID),
    (of_customer(tags="vip"), "customer.tags", INVALID),
    (of_customer(points=5), "customer.points", INVALID),
]  # fmt: skip


def test_each_fault_of_a_plain_order(shop: Shop) -> None:
    shop.told("1", plain(shop, seconds=5))
    each(shop, PLAIN, by_path(shop), plain(shop))
    assert points(shop.world, shop.world.aisha) == {"available": 230}
    shop.told("1", plain(shop, status="cancelled"))


def test_all_faults_are_told_at_once(shop: Shop) -> None:
    body = {**plain(shop), "status": "?", "currency": "KWD", "note": 1}
    answer = shop.put("1", body)
    assert (answer.status, answer.code) == (422, "ERROR_POPUP_OK")
    assert {"order.status", "currency", "note"} <= set(answer.json)
    (kept,) = shop.refused()
    assert set(json.loads(kept.fields)) == {"status", "currency", "note"}


def test_a_date_may_be_ahead_by_as_much_as_two_clocks_differ(shop: Shop) -> None:
    shop.told("1", plain(shop, seconds=-300))
    assert points(shop.world, shop.world.aisha) == {"available": 230}
    assert account(shop.world, shop.world.aisha).next_change_at > shop.world.time.wall


# -- Zid's -----------------------------------------------------------------------------------------


def of_product(**changes: Any) -> Callable[[Shop], Body]:
    """An order of Zid's whose second product differs."""

    def body(shop: Shop) -> Body:
        made = zid(shop)
        made["products"][1] |= changes
        return made

    return body


def invoiced(code: str, value: object) -> Callable[[Shop], Body]:
    """An order of Zid's with that in its invoice."""
    return lambda shop: zid(shop, payment={"invoice": [{"code": code, "value": value}]})


ZID: list[Row] = [
    ({"currency_code": "KWD"}, "currency_code", refusals.CURRENCY_MISMATCH),
    ({"currency_code": None}, "currency_code", INVALID),
    (of_product(quantity=-1), "products[1].quantity", refusals.QUANTITY_INVALID),
    (of_product(quantity="1.5"), "products[1].quantity", refusals.QUANTITY_INVALID),
    (
        of_product(discounted_total="-1.00000000000000"),
        "products[1].discounted_total",
        refusals.AMOUNT_INVALID,
    ),
    (
        of_product(discounted_total="57.50 SAR"),
        "products[1].discounted_total",
        refusals.AMOUNT_INVALID,
    ),
    (
        of_product(discounted_tax_amount=-1),
        "products[1].discounted_tax_amount",
        refusals.AMOUNT_INVALID,
    ),
    (of_product(discounted_total=None, total=None), "products[1].total", INVALID),
    (of_product(order_product_id=64_000_001), "products[1].order_product_id", INVALID),
    (of_product(discounted_total=10**13), "products", refusals.AMOUNT_INVALID),
    ({"products": []}, "products", INVALID),
    ({"products": [None]}, "products[0]", INVALID),
    (invoiced("shipping", "free"), "payment.invoice[0].value", refusals.AMOUNT_INVALID),
    (invoiced("shipping", -1), "payment.invoice", refusals.AMOUNT_INVALID),
    (invoiced("loyalty_redemption", "-1e17"), "payment.invoice", refusals.AMOUNT_INVALID),
    ({"order_status": {"code": "lost"}}, "order_status.code", refusals.STATUS_UNKNOWN),
    ({"order_status": {"name": "New"}}, "order_status.code", INVALID),
    ({"updated_at": "2031-01-01 00:00:00"}, "updated_at", refusals.EFFECTIVE_IN_FUTURE),
    ({"created_at": "1969-12-31 00:00:00"}, "created_at", refusals.DATE_INVALID),
    ({"delivered_at": "later"}, "delivered_at", refusals.DATE_INVALID),
    ({"updated_at": None}, "updated_at", INVALID),
    ({"customer": {"name": "Guest"}, "is_guest_customer": 1}, "customer.id", INVALID),
    ({"customer": {"id": -1}}, "customer.id", INVALID),
    ({"id": "a b"}, "id", INVALID),
    ({"id": None}, "id", INVALID),
    ({"cart_session_id": ["x"]}, "cart_session_id", INVALID),
]


def test_each_fault_of_an_order_of_zids(shop: Shop) -> None:
    taken(shop.webhook(zid(shop, seconds=5)))
    each(shop, ZID, by_webhook(shop), zid(shop))
    assert {one.source for one in shop.refused()} == {"zid"}
    assert points(shop.world, shop.world.aisha) == {"available": 230}


def test_what_zid_adds_is_ignored_and_what_another_shop_adds_is_not(shop: Shop) -> None:
    taken(shop.webhook({**zid(shop), "invented": 1, "status": "object", "lines": "?"}))
    sent = _sent({**plain(shop), "invented": 1})
    refuses(shop, by_path(shop), sent, "invented", INVALID)


# -- whose it is -----------------------------------------------------------------------------------


def test_an_order_stays_with_its_customer(shop: Shop) -> None:
    """Told of another customer, by whichever way, it is refused; its number is not given away."""
    shop.told("39018292", plain(shop, seconds=5))
    another = refusals.ORDER_OF_ANOTHER_CUSTOMER
    sent = _sent(plain(shop, of=2))
    refuses(shop, by_path(shop, "39018292"), sent, "", another)
    sent = _sent(zid(shop, customer={"id": 2}))
    refuses(shop, by_webhook(shop), sent, "", another)
    assert {one.source for one in shop.refused()} == {"zid", "plain:39018292"}
    assert points(shop.world, shop.world.badr) == {}


def test_an_order_that_says_it_is_another_stores(shop: Shop) -> None:
    world, another = shop.world, refusals.ORDER_OF_ANOTHER_STORE
    for name in ("store_id", "store_uuid"):
        named = str(world.kuwait.store_id) if name == "store_id" else world.kuwait.uuid
        sent = _sent({**zid(shop), "store_id": None, name: named})
        refuses(shop, by_webhook(shop), sent, "", another)
    own = {**zid(shop), "store_id": shop.store.store_id, "store_uuid": shop.store.uuid}
    taken(shop.webhook(own))
    assert points(world, world.clara) == {}


def test_another_stores_customer_is_nobody_here(shop: Shop) -> None:
    """Ids are a store's own: what is told of customer 7 is told of this store's."""
    world = shop.world
    away = world.customer(world.kuwait, 7, "Away", "away@shop.example")
    shop.told("1", plain(shop, customer={"id": 7, "email": "away@shop.example"}))
    assert points(world, away) == {}
    assert points(world, shop.shopper(7)) == {"available": 230}
    path = "/v1/managers/store/orders/1/loyalty"
    answer = shop.house.send("PUT", path, shop.house.manager(world.kuwait), plain(shop, of=7))
    assert (answer.status, answer.code) == (422, "ERROR_CURRENCY_MISMATCH")
    assert Shop(shop.house, world.kuwait).refused()[0].source == "plain:1"
    assert shop.refused() == []


# -- what the books refuse -------------------------------------------------------------------------


def test_points_beyond_what_an_account_may_hold(shop: Shop) -> None:
    world = shop.world
    shop.rule(points_rewarded=POINTS_MAX)
    told = shop.told("0", plain(shop, lines=[line("a", 1, "1", "0")]))
    assert told["points_earned"] == POINTS_MAX
    sent = _sent(plain(shop, lines=[line("a", 1, "1.01", "0")]))
    refuses(shop, by_path(shop), sent, "", refusals.POINTS_OUT_OF_RANGE)
    rest = BALANCE_MAX // POINTS_MAX - 1
    world.engine.door.post_all([world.adding(world.aisha, POINTS_MAX) for _ in range(rest)])
    sent = _sent(plain(shop, lines=[line("a", 1, "1", "0")]))
    refuses(shop, by_path(shop, "2"), sent, "", refusals.BALANCE_TOO_LARGE)
    shop.told("2", plain(shop, of=2, lines=[line("a", 1, "1", "0")]))
    assert points(world, world.badr) == {"available": POINTS_MAX}, "the number was not taken"


def test_more_was_told_of_an_order_than_is_kept(tmp_path: Path) -> None:
    with open_house(tmp_path, order_events=2) as house:
        shop = Shop(house, house.world.riyadh)
        for seconds in (9, 8, 9):
            shop.told("1", plain(shop, seconds=seconds))
        sent = _sent(plain(shop, status="cancelled"))
        refuses(shop, by_path(shop), sent, "", refusals.ORDER_TOO_LONG)
        shop.told("1", plain(shop, seconds=8))
        shop.told("2", plain(shop))


# -- bodies that are none --------------------------------------------------------------------------

UNREADABLE: list[tuple[str, bytes]] = [
    ("no JSON", b"order=1"),
    ("cut off", b'{"id": 1'),
    ("a list", b"[]"),
    ("a text", b'"order"'),
    ("two values", b"{} {}"),
    ("a name twice", b'{"id": 1, "id": 2}'),
    ("not a number", b'{"id": NaN}'),
    ("no UTF-8", b'{"id": "\xff"}'),
    ("half of a pair", b'{"id": "\\ud800"}'),
    ("too deep", b'{"id": ' + b"[" * 40 + b"]" * 40 + b"}"),
]


def test_a_body_that_cannot_be_read_is_kept_as_it_came(shop: Shop) -> None:
    shop.pair()
    for why, sent in UNREADABLE:
        for send in (
            by_webhook(shop),
            by_path(shop),
        ):
            refuses(shop, send, sent, "", refusals.BAD_REQUEST)
            assert [one.body for one in shop.refused()].count(sent) <= 2, why
    assert len(shop.refused()) == 2 * len(UNREADABLE)


def test_a_body_of_another_kind_is_kept_too(shop: Shop) -> None:
    def send(body: bytes, language: str) -> Answer:
        headers = {**shop.house.manager(shop.store), "Accept-Language": language}
        headers["Content-Type"] = "text/csv"
        return shop.house.ask("PUT", "/v1/managers/store/orders/1/loyalty", headers, body)

    refuses(shop, send, b"order,1", "", refusals.UNSUPPORTED_BODY)


def test_a_body_that_says_nothing_lacks_every_field(shop: Shop) -> None:
    for answer in (shop.put("1", b""), shop.put("1", {})):
        assert (answer.status, answer.code) == (422, "ERROR_POPUP_OK")
        assert {"customer", "currency", "lines", "order.status", "updated_at"} <= set(answer.json)
    assert shop.webhook({}).code == "ERROR_POPUP_OK"
    assert len(shop.refused()) == 3


def test_a_body_too_large_is_not_read_and_not_kept(tmp_path: Path) -> None:
    with open_house(tmp_path, order_bytes=2_048) as house:
        shop = Shop(house, house.world.riyadh)
        shop.pair()
        before = rows(house.world)
        sent = _sent(plain(shop, lines=[line(str(number)) for number in range(50)]))
        for answer in (shop.put("1", sent), shop.webhook(sent)):
            said(answer, refusals.BODY_TOO_LARGE, "en")
        assert rows(house.world) == before
        assert shop.refused() == []
        shop.told("1", plain(shop))


# -- an order's number in a path -------------------------------------------------------------------

NUMBERS: list[tuple[str, str]] = [
    ("1", "1"),
    ("a%2Fb", "a/b"),
    ("a%2F", "a/"),
    ("..", ".."),
    ("%2E", "."),
    ("a%23b", "a#b"),
    ("x" * 64, "x" * 64),
    ("%D8%B7%D9%84%D8%A8-1", "طلب-1"),
    ("caf%C3%A9", "café"),
    ("cafe%CC%81", "café"),
    ("%D9%A1%D9%A2", "١٢"),
]
NO_NUMBERS: Final = (
    "%00", "a%00b", "x" * 65, "a%20b", "%0A", "a+b", "%F0%9F%98%80", "%FF", "%ED%A0%80", "a%252Fb",
    "a;b", "%3F", "a%", "%E2%80%AEa", "-%E2%80%8B",
)  # fmt: skip


@pytest.fixture
def quiet(house: House) -> Shop:
    """A shop where no order has come yet."""
    return Shop(house, house.world.riyadh)


def test_a_number_in_a_path_is_the_number_of_the_order(quiet: Shop) -> None:
    """Composed and decomposed spellings are one order; nothing in a path leads elsewhere."""
    for sent, number in NUMBERS:
        assert quiet.told(sent, plain(quiet))["order_id"] == number
    wanted = 230 * len({number for _, number in NUMBERS})
    assert points(quiet.world, quiet.world.aisha) == {"available": wanted}


def test_a_number_that_cannot_be_is_told_and_kept(quiet: Shop) -> None:
    sent = _sent(plain(quiet))
    for number in NO_NUMBERS:
        refuses(quiet, by_path(quiet, number), sent, "order_id", INVALID)
    sources = {one.source for one in quiet.refused()}
    assert len(sources) == len(NO_NUMBERS)
    assert {f"plain:{unquote(one)}" for one in ("a%20b", "x" * 65)} <= sources
    assert "plain:a\N{SYMBOL FOR NULL}b" in sources


def test_a_path_that_only_looks_like_an_orders(quiet: Shop) -> None:
    before = rows(quiet.world)
    for number in ("", "a/b", "a/", "a?b", "a#b", "../../orders/1"):
        path = f"/v1/managers/store/orders/{number}/loyalty"
        answer = quiet.house.send("PUT", path, quiet.house.manager(quiet.store), plain(quiet))
        said(answer, refusals.NOT_FOUND, "en")
    assert rows(quiet.world) == before
    assert quiet.refused() == []


# -- how many are kept -----------------------------------------------------------------------------


def test_where_no_more_can_be_kept_the_shop_is_asked_to_send_again(tmp_path: Path) -> None:
    """What waits already is only counted; what is good is taken; nothing that came is lost."""
    with open_house(tmp_path, orders_refused=2) as house:
        shop = Shop(house, house.world.riyadh)
        bad = [_sent(plain(shop, status=f"lost-{number}")) for number in range(3)]
        assert [shop.put("1", body).status for body in bad] == [422, 422, 503]
        for answer in (shop.put("1", bad[2]), shop.webhook(b"["), shop.webhook(zid(shop, id=""))):
            said(answer, refusals.SERVICE_UNAVAILABLE, "en")
            assert answer["retry-after"] == "2"
        assert shop.put("1", bad[0]).status == 422
        assert {one.body: one.times for one in shop.refused()} == {bad[0]: 2, bad[1]: 1}
        other = Shop(house, house.world.kuwait)
        assert other.put("1", bad[2]).status == 422, "every store has its own"
        shop.told("1", plain(shop))
        taken(shop.webhook(zid(shop)))
        first = next(one for one in shop.refused() if one.body == bad[0])
        assert house.world.engine.door.write_now(
            "attend",
            lambda tx: attention.attend_refused(tx, shop.store.store_id, first.digest, "cli"),
        )
        assert shop.put("1", bad[2]).status == 422
        assert shop.put("1", bad[0]).status == 503, "it would wait once more"
        assert {one.body: one.times for one in shop.refused()} == {bad[1]: 1, bad[2]: 1}


def test_what_a_person_has_seen_waits_again_when_it_comes_again(shop: Shop) -> None:
    sent = _sent(plain(shop, status="lost"))
    shop.put("1", sent)
    (kept,) = shop.refused()
    assert shop.world.engine.door.write_now(
        "attend", lambda tx: attention.attend_refused(tx, shop.store.store_id, kept.digest, "cli")
    )
    assert shop.refused() == []
    shop.world.time.forward(seconds=5)
    shop.put("1", sent)
    (again,) = shop.refused()
    assert (again.times, again.first_at, again.last_at) == (
        2,
        kept.first_at,
        kept.last_at + 5_000_000,
    )
