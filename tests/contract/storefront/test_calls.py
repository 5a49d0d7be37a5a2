"""The loyalty part of a cart, call by call: what is answered, and what is not taken.

Source: contract, decisions, section 5; zid-loyalty, section 6.
"""

from typing import Any
from urllib.parse import urlencode

import pytest

from nuqta.engine import customers, redemption
from nuqta.engine.customers import TagWish
from nuqta.ledger.instants import POINTS_MAX
from tests.contract.storefront.test_browser import CART, HOST, OWN
from tests.http.server import Answer, House
from tests.orders.shop import Shop, rows

ITEM = [
    "date", "reason", "points", "direction", "type", "order_number", "order_code", "expiry_date",
    "point_status", "point_status_code", "collection_method",
]  # fmt: skip
METHOD = [
    "id", "external_id", "store_id", "name", "points_to_redeem", "rule_type", "reward",
    "conditions", "is_active", "created_at", "updated_at", "deleted_at",
]  # fmt: skip
DONE = "SUCCESS_WITHOUT_PAYLOAD"


def riyadh(house: House) -> Shop:
    return Shop(house, house.world.riyadh)


def browser(house: House, shopper: Any = None) -> dict[str, str]:
    return {**HOST, "X-CUSTOMER-TOKEN": house.world.login(shopper or house.world.aisha)}


def earned(house: House, headers: dict[str, str], total: str) -> Answer:
    return house.send("GET", f"{CART}/calculate?{urlencode({'cart_total': total})}", headers)


def apply(house: House, headers: dict[str, str], *ids: str) -> Answer:
    return house.send("POST", f"{CART}/redemptions", headers, {"method_ids": list(ids)})


# -- what a cart would earn ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("total", "points"),
    [("250.75", 125), ("0", 0), ("1.99", 0), ("1.995", 1), ("1e3", 500), ("2", 1)],
)
def test_a_cart_would_earn(alone: House, total: str, points: int) -> None:
    riyadh(alone).rule(amount_to_spend=200)
    assert earned(alone, browser(alone), total).json == {"points": points}


@pytest.mark.parametrize(
    "total", ["", "-1", "1,000", "NaN", "ten", "1e99", "99999999999999999", "1 1", "0x10"]
)
def test_what_is_no_total(house: House, total: str) -> None:
    for language in ("en", "ar"):
        answer = earned(house, {**browser(house), "Accept-Language": language}, total)
        assert (answer.status, answer.code) == (422, "ERROR_POPUP_OK")
        assert list(answer.json)[3:] == ["cart_total"]


def test_a_total_is_needed(house: House) -> None:
    answer = house.send("GET", f"{CART}/calculate", browser(house))
    assert list(answer.json)[3:] == ["cart_total"]


def test_the_best_rule_of_this_customer_counts(alone: House) -> None:
    shop, world = riyadh(alone), alone.world
    shop.rule(rule_id="gold", points_rewarded=3, tags='["gold"]')
    shop.rule("pos", points_rewarded=9)
    headers = browser(alone)
    assert earned(alone, headers, "100").json == {"points": 100}
    world.engine.door.write_now(
        "tag", lambda tx: customers.tag(tx, world.riyadh.store_id, 1, TagWish(("gold",)))
    )
    assert earned(alone, headers, "100").json == {"points": 300}
    assert earned(alone, browser(alone, world.badr), "100").json == {"points": 100}


def test_nothing_is_earned_where_the_program_or_its_rule_is_off(alone: House) -> None:
    shop, headers = riyadh(alone), browser(alone)
    shop.program(is_on=0)
    assert earned(alone, headers, "100").json == {"points": 0}
    shop.program(is_on=1)
    shop.rule(is_active=0)
    assert earned(alone, headers, "100").json == {"points": 0}


def test_no_cart_earns_more_than_there_can_be(alone: House) -> None:
    riyadh(alone).rule(points_rewarded=POINTS_MAX, amount_to_spend=1)
    assert earned(alone, browser(alone), "9999999999999").json == {"points": POINTS_MAX}


# -- what there is to choose -----------------------------------------------------------------------
def test_only_what_is_on_is_offered(alone: House) -> None:
    shop, world = riyadh(alone), alone.world
    dear, cheap, off = (shop.method(points=n).method_id for n in (90, 40, 50))
    theirs = Shop(alone, world.kuwait).method(points=10).method_id
    world.engine.door.write_now(
        "switch",
        lambda tx: redemption.switch_method(
            tx, world.riyadh.store_id, off, False, world.time.wall, "cli"
        ),
    )
    found = alone.send("GET", f"{CART}/redemption-options", browser(alone)).json["options"]
    assert [one["id"] for one in found] == [cheap, dear]
    assert theirs not in str(found)
    assert list(found[0]) == METHOD
    assert found[0]["reward"]["discount_value"] == 4  # a theme calls .toFixed(2) on it
    assert found[0]["is_active"] is True


# -- carts -----------------------------------------------------------------------------------------
def test_a_cart_has_one_redemption(alone: House) -> None:
    world, shop, headers = alone.world, riyadh(alone), browser(alone)
    world.adjust(world.aisha, 100)
    small, large = shop.method(points=40).method_id, shop.method(points=60).method_id
    for method_id, held in ((small, 40), (small, 40), (large, 60)):
        answer = apply(alone, headers, method_id)
        assert list(answer.json) == ["ok", "code", "message"]
        assert (answer.json["ok"], answer.json["code"]) == (True, DONE)
        assert world.balance(world.aisha).held == held
    other = {**headers, "CART-SESSION-ID": "another"}
    assert apply(alone, other, small).status == 200
    assert world.balance(world.aisha).held == 100
    for _ in range(2):  # where there is none, it is as was wished
        assert alone.send("DELETE", f"{CART}/redemptions", headers).json["ok"] is True
        assert world.balance(world.aisha).held == 40


def test_carts_without_a_name_are_each_customers_own(alone: House) -> None:
    world, shop = alone.world, riyadh(alone)
    method_id = shop.method(points=40).method_id
    for shopper in (world.aisha, world.badr):
        world.adjust(shopper, 50)
        assert apply(alone, browser(alone, shopper), method_id).status == 200
    assert alone.send("DELETE", f"{CART}/redemptions", browser(alone)).status == 200
    assert (world.balance(world.aisha).held, world.balance(world.badr).held) == (0, 40)


@pytest.mark.parametrize("cart", ["a b", "\u00e9", "c" * 129])
def test_a_cart_is_named_plainly(house: House, cart: str) -> None:
    headers = {**browser(house), "CART-SESSION-ID": cart}
    for answer in (
        apply(house, headers, "x"),
        house.send("DELETE", f"{CART}/redemptions", headers),
    ):
        assert (answer.status, list(answer.json)[3:]) == (422, ["CART-SESSION-ID"])


def test_a_method_of_another_store_is_none(alone: House) -> None:
    world, headers = alone.world, browser(alone)
    world.adjust(world.aisha, 100)
    theirs = Shop(alone, world.kuwait).method(points=10).method_id
    before = rows(world)
    unknown = apply(alone, headers, "00000000-0000-4000-8000-000000000000")
    for method_id in (theirs, "x", "x" * 500, "\u0000", theirs.upper()):
        answer = apply(alone, headers, method_id)
        assert (answer.status, answer.body) == (unknown.status, unknown.body)
    assert unknown.code == "ERROR_METHOD_NOT_FOUND"
    assert rows(world) == before


@pytest.mark.parametrize("name", ["method_ids", "method_ids[]", "method_ids[0]"])
def test_a_form_sends_one_method(alone: House, name: str) -> None:
    world, headers = alone.world, browser(alone)
    world.adjust(world.aisha, 100)
    form = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
    sent = urlencode({name: riyadh(alone).method(points=40).method_id}).encode()
    answer = alone.ask("POST", f"{CART}/redemptions", form, sent)
    assert answer.status == 200, answer.body
    assert world.balance(world.aisha).held == 40


def test_a_form_sends_no_two_methods(alone: House) -> None:
    world, shop = alone.world, riyadh(alone)
    world.adjust(world.aisha, 100)
    one, two = shop.method(points=40).method_id, shop.method(points=50).method_id
    form = {**browser(alone), "Content-Type": "application/x-www-form-urlencoded"}
    for names in (("method_ids[0]", "method_ids[1]"), ("method_ids[]", "method_ids")):
        sent = urlencode(dict(zip(names, (one, two), strict=True))).encode()
        answer = alone.ask("POST", f"{CART}/redemptions", form, sent)
        assert (answer.status, list(answer.json)[3:]) == (422, ["method_ids"])
    assert world.balance(world.aisha).held == 0


def test_too_few_points_are_said_in_the_shoppers_words(alone: House) -> None:
    method_id = riyadh(alone).method(points=40).method_id
    told = {}
    for language in ("en", "ar"):
        answer = apply(alone, {**browser(alone), "Accept-Language": language}, method_id)
        assert (answer.status, answer.code) == (422, "ERROR_NOT_ENOUGH_POINTS")
        told[language] = answer.json["message"]["description"]
    assert told["en"] != told["ar"]


def test_a_key_holds_for_one_cart(alone: House) -> None:
    world, shop = alone.world, riyadh(alone)
    world.adjust(world.aisha, 100)
    headers = {**browser(alone), "Idempotency-Key": "once"}
    method_id = shop.method(points=40).method_id
    first = apply(alone, headers, method_id)
    assert alone.send("DELETE", f"{CART}/redemptions", browser(alone)).status == 200
    again = apply(alone, headers, method_id)
    assert (again.status, again.body, again["idempotent-replayed"]) == (200, first.body, "true")
    assert world.balance(world.aisha).held == 0
    elsewhere = apply(alone, {**headers, "CART-SESSION-ID": "another"}, method_id)
    assert elsewhere.code == "ERROR_IDEMPOTENCY_CONFLICT"


# -- the wallet ------------------------------------------------------------------------------------
def test_the_wallet_is_a_book_of_pages(alone: House) -> None:
    world, headers = alone.world, browser(alone)
    for points in range(1, 31):
        world.adjust(world.aisha, points)
    world.adjust(world.badr, 1_000)
    first = alone.send("GET", f"{CART}/wallet", headers).json
    assert list(first) == ["results", "count", "page", "page_size"]
    assert (first["count"], first["page"], first["page_size"]) == (30, 1, 24)
    assert list(first["results"][0]) == ITEM
    pages = [
        alone.send("GET", f"{CART}/wallet?page={page}&page_size=7", headers).json["results"]
        for page in range(1, 7)
    ]
    assert [len(page) for page in pages] == [7, 7, 7, 7, 2, 0]
    assert [line["points"] for page in pages for line in page] == list(range(30, 0, -1))


@pytest.mark.parametrize(
    ("name", "value"),
    [("page", "0"), ("page", "-1"), ("page", "x"), ("page", "1.5"), ("page_size", "0"),
     ("page_size", "101"), ("page_size", "9" * 30)],
)  # fmt: skip
def test_what_is_no_page(house: House, name: str, value: str) -> None:
    answer = house.send("GET", f"{CART}/wallet?{name}={value}", browser(house))
    assert (answer.status, list(answer.json)[3:]) == (422, [name])


# -- all of them -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "call", ["balance", "calculate?cart_total=1", "redemption-options", "wallet"]
)
def test_a_head_is_the_head_of_a_get(house: House, call: str) -> None:
    headers = {**browser(house), "Origin": OWN, "X-Request-Id": "same"}
    whole, head = (house.ask(method, f"{CART}/{call}", headers) for method in ("GET", "HEAD"))
    assert (head.status, head.body, head.headers) == (200, b"", whole.headers)
    assert whole["cache-control"] == "no-store"
    name, mark, query = call.partition("?")
    assert house.ask("GET", f"{CART}/{name}/{mark}{query}", headers).body == whole.body
