"""Customers and orders as managers look at them: keys, order, pages, search, sums, and who may.

Source: contract, zid-loyalty, sections 1.6.1, 2, 5.16, 9.1 and 9.2.
"""

from pathlib import Path
from typing import Any

import pytest

from nuqta.engine.imports import Result, import_orders
from nuqta.engine.reading.orders import SUMMED_MAX
from nuqta.ledger.instants import DAY_US
from tests.http.server import Answer, House
from tests.orders.shop import Shop, opened, plain, zid
from tests.orders.shop import status as of_zid

CUSTOMERS = "/v1/managers/store/customers"
ORDERS = "/v1/managers/store/orders"
PROFILE = "/v1/managers/account/profile"
COMMON = [
    "id", "name", "email", "mobile", "gender", "birth_date", "verified", "is_active",
    "is_cod_enabled", "type", "business_name", "tax_number", "commercial_registration", "source",
    "points", "order_total_payments", "last_order_date", "created_at", "updated_at", "city",
    "nickname", "pivotEmail", "pivotMobile", "order_counts",
]  # fmt: skip
LISTED = [*COMMON, "tags"]
DETAILED = [*COMMON, "total_payments", "orders_cost_average", "orders", "tags"]
POINTS = [
    "id", "external_id", "store_id", "customer_id", "loyalty_provider", "points", "pending_points",
    "pending_negative_points", "total_positive_points", "total_negative_points", "created_at",
    "updated_at", "deleted_at", "status",
]  # fmt: skip
COUNTS = [
    "grand_total", "total_customers_count", "active_customers_count", "inactive_customers_count",
]  # fmt: skip
READ = {"type": "object", "code": None, "name": None, "description": None}


@pytest.fixture
def shop(alone: House) -> Shop:
    """Riyadh, of which nobody has bought anything yet."""
    return Shop(alone, alone.world.riyadh)


def ask(shop: Shop, path: str, language: str = "en") -> Answer:
    """What a manager of the shop is answered."""
    headers = {**shop.house.manager(shop.store), "Accept-Language": language}
    return shop.house.ask("GET", path, headers)


def found(shop: Shop, path: str, language: str = "en") -> Any:
    """The body of a good answer."""
    answer = ask(shop, path, language)
    assert answer.status == 200, answer.body
    assert answer.json["status"] == "object"
    assert answer.json["message"] == READ
    return answer.json


def ids(shop: Shop, query: str = "") -> list[int]:
    """The customers of a page."""
    return [one["id"] for one in found(shop, CUSTOMERS + query)["customers"]]


def bought(shop: Shop, folder: Path, *orders: str) -> None:
    """Orders from a file, each as "number,customer,date,total"."""
    file = folder / "orders.csv"
    head = "order_number,customer_id,placed_on,total"
    file.write_text("\n".join([head, *orders]) + "\n", encoding="utf-8")
    result = import_orders(shop.world.engine, file, shop.store)
    assert isinstance(result, Result)
    assert result.new == len(orders)


# -- customers -------------------------------------------------------------------------------


def test_a_customer_in_a_list_and_alone(shop: Shop) -> None:
    shop.world.earn(shop.world.aisha, 50)
    page = found(shop, CUSTOMERS)
    assert list(page) == ["status", "customers", *COUNTS, "message"]
    assert [page[name] for name in COUNTS] == [2, 2, 2, 0]
    listed = page["customers"][-1]
    detailed = found(shop, f"{CUSTOMERS}/1")["customer"]
    assert list(listed) == LISTED
    assert list(detailed) == DETAILED
    assert list(detailed["points"]) == POINTS
    assert {name: listed[name] for name in ("id", "name", "email", "mobile", "points")} == {
        "id": 1, "name": "Aisha", "email": "aisha@shop.example", "mobile": "966501234567",
        "points": 50,
    }  # fmt: skip
    for name in LISTED:
        assert name == "points" or listed[name] == detailed[name], name
    assert (listed["pivotEmail"], listed["pivotMobile"]) == (listed["email"], listed["mobile"])
    assert (listed["order_counts"], listed["order_total_payments"]) == (0, "0.00")
    assert (listed["last_order_date"], listed["city"], listed["tags"]) == (None, None, [])
    assert (detailed["orders"], detailed["total_payments"]) == ([], 0)


def test_the_wallet_of_a_customer_adds_up(shop: Shop) -> None:
    world = shop.world
    world.earn(world.aisha, 100, expire_days=1)
    world.earn(world.aisha, 70)
    world.earn(world.aisha, 9, mature_days=30)
    world.spend(world.aisha, 40)
    world.adjust(world.aisha, -5)
    world.time.forward(days=2)
    points = found(shop, f"{CUSTOMERS}/1")["customer"]["points"]
    assert points["points"] + points["pending_points"] - points["pending_negative_points"] == (
        points["total_positive_points"] - points["total_negative_points"]
    )
    assert (points["points"], points["pending_points"]) == (70, 9)
    assert (points["total_positive_points"], points["total_negative_points"]) == (179, 100)
    assert (points["loyalty_provider"], points["status"]) == ("local", 7)
    assert (points["external_id"], points["store_id"]) == ("1", shop.store.uuid)
    assert points["id"] == found(shop, f"{CUSTOMERS}/1")["customer"]["points"]["id"]
    assert points["id"] != found(shop, f"{CUSTOMERS}/2")["customer"]["points"]["id"]


def test_points_are_those_of_this_instant(shop: Shop) -> None:
    """No sweep runs here: what time alone changes is seen at its own instant, everywhere alike."""
    world, seen = shop.world, []
    world.earn(world.aisha, 30, mature_days=1, expire_days=2)
    for step in (1, DAY_US - 1, DAY_US):
        listed = found(shop, f"{CUSTOMERS}?search_term=1")["customers"][0]["points"]
        points = found(shop, f"{CUSTOMERS}/1")["customer"]["points"]
        assert listed == points["points"] == world.balance(world.aisha).available
        seen.append((listed, points["pending_points"]))
        world.time.forward(us=step)
    assert seen == [(0, 30), (0, 30), (30, 0)]
    assert found(shop, f"{CUSTOMERS}/1")["customer"]["points"]["total_negative_points"] == 30


def test_the_newest_come_first_and_every_one_once(shop: Shop) -> None:
    world = shop.world
    for number in range(100, 130):
        world.customer(shop.store, number)
        if number % 3 == 0:
            world.time.forward(seconds=1)
    world.customer(world.kuwait, 500)
    everyone = ids(shop, "?per_page=100")
    assert everyone[:4] == [129, 128, 127, 126]
    assert everyone == sorted(everyone, reverse=True)
    assert len(everyone) == 32
    pages = [ids(shop, f"?page={page}&per_page=10") for page in (1, 2, 3, 4, 5)]
    assert [len(page) for page in pages] == [10, 10, 10, 2, 0]
    assert [one for page in pages for one in page] == everyone
    assert ids(shop) == everyone[:15]


@pytest.mark.parametrize("path", [CUSTOMERS, ORDERS])
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=0", "page"), ("page=-1", "page"), ("page=x", "page"), ("page=1000001", "page"),
        ("per_page=0", "per_page"), ("per_page=101", "per_page"), ("per_page=1.5", "per_page"),
    ],
)  # fmt: skip
def test_a_page_that_is_none(house: House, path: str, query: str, field: str) -> None:
    answer = house.ask("GET", f"{path}?{query}", house.manager(house.world.riyadh))
    assert answer.status == 422
    assert answer.code == "ERROR_POPUP_OK"
    assert list(answer.json) == ["status", "error_code", "message", field]


def test_what_a_client_asks_beyond_is_ignored(shop: Shop) -> None:
    assert ids(shop, "?sort_by=name&payload_type=simple&page=1") == [2, 1]


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("1", [1]), ("2", [2]), ("aisha@shop.example", [1]), ("%20AISHA@shop.example%20", [1]),
        ("966501234567", [1]), ("%2B966%2050%20123%204567", [1]), ("00966501234567", [1]),
        ("badr@shop.example", [2]), ("clara@shop.example", []), ("966500000000", []), ("77", []),
        ("Aisha", []), ("%25", []), ("%20", [2, 1]),
    ],
)  # fmt: skip
def test_who_is_found_by_what(house: House, text: str, who: list[int]) -> None:
    """Clara of Kuwait has Aisha's address, and is never found here."""
    shop = Shop(house, house.world.riyadh)
    page = found(shop, f"{CUSTOMERS}?search_term={text}")
    assert [one["id"] for one in page["customers"]] == who
    assert [page[name] for name in COUNTS] == [len(who), len(who), len(who), 0]


def test_a_search_has_pages_too(house: House) -> None:
    assert ids(Shop(house, house.world.riyadh), "?search_term=1&page=2") == []


@pytest.mark.parametrize("name", ["77", "501", "0", "-1", "abc", "9" * 17, "1.0", "%D9%A1"])
def test_who_is_no_customer_of_the_store(shop: Shop, name: str) -> None:
    shop.world.customer(shop.world.kuwait, 501)
    answer = ask(shop, f"{CUSTOMERS}/{name}")
    assert (answer.status, answer.code) == (404, "ERROR_CUSTOMER_NOT_FOUND")


def test_a_customer_of_two_stores_is_two(shop: Shop) -> None:
    kuwait = Shop(shop.house, shop.world.kuwait)
    shop.world.adjust(shop.world.aisha, 5)
    assert found(shop, f"{CUSTOMERS}/1")["customer"]["name"] == "Aisha"
    assert found(kuwait, f"{CUSTOMERS}/1")["customer"]["name"] == "Clara"
    assert found(kuwait, f"{CUSTOMERS}/1")["customer"]["points"]["points"] == 0


# -- what a customer bought ------------------------------------------------------------------


def test_what_was_bought_counts_and_what_was_undone_costs_nothing(shop: Shop) -> None:
    shop.told("1001", plain(shop, seconds=300))
    shop.told("1002", plain(shop, seconds=200, shipping={"amount": "20", "tax": "0"}))
    shop.told("1003", plain(shop, seconds=100, status="cancelled"))
    shop.told("1004", plain(shop, 1, seconds=90, status="delivered"))
    one = found(shop, f"{CUSTOMERS}/1")["customer"]
    orders = {order["code"]: order for order in one["orders"]}
    assert one["order_counts"] == 4
    paid = sum(float(orders[key]["order_total"]) for key in ("1001", "1002", "1004"))
    assert (one["order_total_payments"], one["total_payments"]) == (f"{paid:.2f}", paid)
    assert one["orders_cost_average"] == round(paid / 3, 2)
    assert one["last_order_date"] == max(
        orders[key]["created_at"] for key in ("1001", "1002", "1004")
    )
    assert orders["1003"]["order_status"] == {"name": "Canceled", "code": "cancelled"}


def test_sums_are_of_more_orders_than_are_shown(shop: Shop, tmp_path: Path) -> None:
    total = 130
    bought(
        shop, tmp_path, *(f"{n},1,2025-01-01,{n}.50" for n in range(1, total)), "900,2,2025-01-02,3"
    )
    one = found(shop, f"{CUSTOMERS}/1")["customer"]
    listed = found(shop, f"{CUSTOMERS}?search_term=1")["customers"][0]
    paid = sum(n + 0.5 for n in range(1, total))
    assert (one["order_counts"], len(one["orders"])) == (129, 100)
    assert one["total_payments"] == paid
    assert one["order_total_payments"] == listed["order_total_payments"] == f"{paid:.2f}"
    assert one["orders_cost_average"] == paid / 129
    assert listed["last_order_date"] == "2025-01-01 00:00:00"


def test_a_customer_who_buys_without_end_is_summed_so_far(shop: Shop, tmp_path: Path) -> None:
    many = SUMMED_MAX + 20
    bought(shop, tmp_path, *(f"{n},1,2025-01-01,2" for n in range(1, many + 1)))
    listed = found(shop, f"{CUSTOMERS}?search_term=1")["customers"][0]
    assert (listed["order_counts"], listed["order_total_payments"]) == (
        many,
        f"{SUMMED_MAX * 2}.00",
    )


@pytest.mark.parametrize(
    ("currency", "told", "number"), [("JPY", "1234", 1234), ("KWD", "1.500", 1.5)]
)
def test_amounts_have_the_decimals_of_the_currency(
    alone: House, tmp_path: Path, currency: str, told: str, number: float
) -> None:
    shop = opened(alone, currency)
    bought(shop, tmp_path, f"7,5,2025-01-01,{told}")
    one = found(shop, f"{CUSTOMERS}/5")["customer"]
    assert (one["order_total_payments"], one["total_payments"]) == (told, number)
    assert one["orders"][0]["order_total_string"] == f"{told} {currency}"


# -- orders ------------------------------------------------------------------------------------


def test_an_order_by_the_names_that_zid_gives_its_parts(shop: Shop) -> None:
    assert shop.webhook(zid(shop)).status == 200
    view = found(shop, f"{ORDERS}/39018292/view")
    assert list(view) == ["status", "order", "message"]
    order = view["order"]
    assert (order["id"], order["invoice_number"], order["code"]) == (39018292, 39018292, "39018292")
    assert (order["store_id"], order["store_uuid"]) == (shop.store.store_id, shop.store.uuid)
    assert order["order_status"] == {"name": "New", "code": "new"}
    assert order["display_status"] == {"id": 1, "code": "new", "color": "#3498db", "name": "New"}
    assert order["customer"] == {
        "id": 1, "name": "Aisha", "email": "aisha@shop.example", "mobile": "966501234567",
    }  # fmt: skip
    assert (order["currency_code"], order["order_total"]) == ("SAR", "253.00")
    assert order["order_total_string"] == "253.00 SAR"
    assert (order["products_count"], len(order["products"])) == (2, 2)
    assert order["delivered_at"] is None
    assert found(shop, ORDERS)["orders"] == [order]
    assert found(shop, f"{CUSTOMERS}/1")["customer"]["orders"] == [order]


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize(
    ("sent", "code", "english"),
    [
        ("new", "new", "New"), ("preparing", "preparing", "Preparing"), ("ready", "ready", "Ready"),
        ("indelivery", "indelivery", "In delivery"), ("inDelivery", "indelivery", "In delivery"),
        ("delivered", "delivered", "Delivered"), ("canceled", "cancelled", "Canceled"),
        ("cancelled", "cancelled", "Canceled"), ("reversed", "reversed", "Reversed"),
    ],
)  # fmt: skip
def test_a_status_as_zid_spells_it(
    alone: House, language: str, sent: str, code: str, english: str
) -> None:
    shop = Shop(alone, alone.world.riyadh)
    assert shop.webhook(zid(shop, order_status=of_zid(sent))).status == 200
    order = found(shop, f"{ORDERS}/39018292/view", language)["order"]
    assert (order["order_status"]["code"], order["display_status"]["code"]) == (code, code)
    assert order["order_status"]["name"] == order["display_status"]["name"]
    assert order["order_status"]["name"].isascii() is (language == "en")
    assert language == "ar" or order["order_status"]["name"] == english


def test_what_an_order_came_to_in_points(shop: Shop) -> None:
    shopper = shop.somebody(100)
    method = shop.method(points=40, discount=4_00)
    assert shop.add(shopper, "cart-1", method).status == 200
    told = shop.told("1001", plain(shop, of=shopper, cart_session_id="cart-1", status="delivered"))
    order = found(shop, f"{ORDERS}/1001/view")["order"]
    assert order["loyalty"] == {
        "points_earned": told["points_earned"], "points_kept": told["points_kept"],
        "points_redeemed": told["points_redeemed"], "points_returned": told["points_returned"],
    }  # fmt: skip
    assert order["loyalty"]["points_redeemed"] == 40
    shop.world.time.forward(seconds=5)
    shop.told("1001", plain(shop, of=shopper, cart_session_id="cart-1", status="cancelled"))
    assert found(shop, f"{ORDERS}/1001/view")["order"]["loyalty"] == {
        "points_earned": told["points_earned"], "points_kept": 0,
        "points_redeemed": 40, "points_returned": 40,
    }  # fmt: skip


def test_a_number_that_is_no_number_is_the_code_alone(shop: Shop) -> None:
    shop.told("A-7", plain(shop))
    order = found(shop, f"{ORDERS}/A-7/view")["order"]
    assert (order["id"], order["invoice_number"], order["code"]) == (None, None, "A-7")


@pytest.mark.parametrize("name", ["1002", "7001", "%00", "a%20b", "9" * 80, "%25"])
def test_what_is_no_order_of_the_store(shop: Shop, name: str) -> None:
    kuwait = Shop(shop.house, shop.world.kuwait)
    kuwait.told("7001", plain(kuwait))
    shop.told("1001", plain(shop))
    answer = ask(shop, f"{ORDERS}/{name}/view")
    assert (answer.status, answer.code) == (404, "ERROR_ORDER_NOT_FOUND")
    assert found(kuwait, f"{ORDERS}/7001/view")["order"]["code"] == "7001"


def test_orders_of_one_and_of_all_in_pages(shop: Shop) -> None:
    for number in range(1001, 1008):
        shop.told(str(number), plain(shop, of=1 + number % 2))
        shop.world.time.forward(seconds=1)
    kuwait = Shop(shop.house, shop.world.kuwait)
    kuwait.told("5000", plain(kuwait))

    def page(query: str) -> tuple[list[int], int, int]:
        body = found(shop, f"{ORDERS}?{query}")
        assert list(body) == ["status", "orders", "grand_total", "total_order_count", "message"]
        return [one["id"] for one in body["orders"]], body["grand_total"], body["total_order_count"]

    assert page("") == ([1007, 1006, 1005, 1004, 1003, 1002, 1001], 7, 7)
    assert page("page=2&per_page=3") == ([1004, 1003, 1002], 7, 7)
    assert page("page=4&per_page=3") == ([], 7, 7)
    assert page("customer_id=2&per_page=2") == ([1007, 1005], 4, 4)
    assert page("customer_id=2&per_page=2&page=2") == ([1003, 1001], 4, 4)
    assert page("customer_id=77") == ([], 0, 0)


# -- who may -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "path", "status"),
    [
        ("customers.read", f"{CUSTOMERS}/1", 200),
        ("third_customers_read", f"{CUSTOMERS}/1", 200),
        ("customers.read_write", f"{CUSTOMERS}/1", 200),
        ("loyalty_program.read", f"{CUSTOMERS}/1", 200),
        ("loyalty_program.read_write", f"{CUSTOMERS}/1", 200),
        ("orders.read", f"{CUSTOMERS}/1", 403),
        ("customers.login", f"{CUSTOMERS}/1", 403),
        ("customers.read", CUSTOMERS, 200),
        ("loyalty_program.read", CUSTOMERS, 403),
        ("orders.read", ORDERS, 200),
        ("customers.read", ORDERS, 403),
        ("orders.read_write", f"{ORDERS}/1001/view", 404),
        ("loyalty_program.read", f"{ORDERS}/1001/view", 403),
        ("customers.login", PROFILE, 200),
        ("webhooks.read_write", PROFILE, 200),
    ],
)
def test_of_several_scopes_one_is_enough(house: House, scope: str, path: str, status: int) -> None:
    partner = house.world.install(house.world.riyadh, scope)
    headers = {
        "Authorization": f"Bearer {partner.authorization}",
        "X-Manager-Token": partner.access_token,
    }
    answer = house.ask("GET", path, headers)
    assert answer.status == status, answer.body
    assert status != 403 or answer.code == "ERROR_FORBIDDEN"


def test_whose_the_tokens_are(house: House) -> None:
    riyadh = house.world.riyadh
    body = found(Shop(house, riyadh), PROFILE)
    assert list(body) == ["status", "user", "message"]
    assert body["user"] == {
        "id": riyadh.store_id, "uuid": riyadh.uuid, "name": "Riyadh", "email": None, "mobile": None,
        "store": {
            "id": riyadh.store_id, "uuid": riyadh.uuid, "title": "Riyadh",
            "url": "https://riyadh.example/", "timezone": "Asia/Riyadh",
            "currency": {"code": "SAR"},
        },
    }  # fmt: skip
    kuwait = found(Shop(house, house.world.kuwait), PROFILE)["user"]["store"]
    assert (kuwait["url"], kuwait["currency"]) == (None, {"code": "KWD"})
