"""Zid's own Python client against a running server with real orders: customers, orders, profile.

`zid-client` validates each answer by its models; a key of the wrong kind is an error there.
"""

import csv
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from zid import ZidClient
from zid.exceptions import ZidNotFoundError
from zid.models.customer import Customer, CustomerList, CustomerPoints
from zid.models.order import Order

from nuqta.engine.imports import Result, import_orders
from tests.contract.views.test_zid_client_loyalty import SAMPLE, client_of
from tests.http.server import open_house
from tests.orders.shop import Shop

AGAIN = 1_000_000
"""What is added to numbers and customers of the sample, to have its orders twice."""


def sample_again(folder: Path) -> Path:
    """The sample's real orders under other numbers and of other customers."""
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    again = folder / "again.csv"
    with again.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for row in rows:
            for name in ("order_number", "customer_id"):
                row[name] = str(int(row[name]) + AGAIN)
            writer.writerow(row)
    return again


def told() -> dict[int, list[Decimal]]:
    """What each customer of both files paid, as the sample says."""
    found: dict[int, list[Decimal]] = {}
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for customer in (int(row["customer_id"]), int(row["customer_id"]) + AGAIN):
                found.setdefault(customer, []).append(Decimal(row["total"]))
    return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Riyadh with the sample's real orders twice: more than 200 customers who bought something."""
    folder = tmp_path_factory.mktemp("real")
    with open_house(folder) as house:
        shop = Shop(house, house.world.riyadh)
        for file in (SAMPLE, sample_again(folder)):
            result = import_orders(house.world.engine, file, shop.store)
            assert isinstance(result, Result)
            assert not result.refused
            house.world.time.forward(seconds=1)
        yield shop


@pytest.fixture
def client(shop: Shop) -> Iterator[ZidClient]:
    """Zid's client, in English."""
    with client_of(shop.house) as one:
        yield one


def pages(part: Any, per_page: int, **query: Any) -> Iterator[Any]:
    """Everything of a list. The client's iterator ends with a page, because Zid's lists of
    customers and orders say nothing of the next; whoever wants all asks by number."""
    page = 1
    while found := part.list(page=page, per_page=per_page, **query).to_list():
        yield from found
        page += 1


@pytest.mark.parametrize("per_page", [15, 100])
def test_every_customer_in_pages(shop: Shop, client: ZidClient, per_page: int) -> None:
    found = list(pages(client.customers, per_page))
    assert all(isinstance(one, Customer) for one in found)
    paid = told()
    assert len(paid) >= 200
    assert Counter(one.id for one in found) == Counter([*paid, 1, 2])
    created = [one.created_at for one in found]
    assert created == sorted(created, reverse=True)
    for one in found:
        totals = paid.get(one.id, [])
        assert one.order_counts == len(totals)
        assert Decimal(one.order_total_payments) == sum(totals)
        assert isinstance(one.points, int)
    points = {one.id: one.points for one in found}
    rows = shop.world.engine.vault.reader().rows_of(
        "SELECT customer_id, available FROM accounts WHERE dkey / 64 = ?", (shop.store.store_id,)
    )
    assert points == dict(rows)


def test_the_counters_of_the_list(shop: Shop) -> None:
    answer = shop.house.ask("GET", "/v1/managers/store/customers", shop.house.manager(shop.store))
    page = CustomerList.model_validate(answer.json)
    assert (page.grand_total, page.active_customers_count) == (len(told()) + 2, len(told()) + 2)
    assert (page.total_customers_count, page.inactive_customers_count) == (page.grand_total, 0)


def test_each_customer_alone(client: ZidClient) -> None:
    for customer, totals in list(told().items())[::10]:
        one = client.customers.get(customer)
        assert isinstance(one.points, CustomerPoints)
        assert one.points.customer_id == customer
        assert one.points.total_positive_points == one.points.points > 0
        assert len(one.orders or []) == one.order_counts == len(totals)
        assert one.total_payments == float(sum(totals))
        assert [Order.model_validate(order) for order in one.orders or []]


def test_one_who_bought_nothing_has_zeros(client: ZidClient) -> None:
    one = client.customers.get(2)
    assert isinstance(one.points, CustomerPoints)
    assert (one.points.points, one.order_counts, one.orders) == (0, 0, [])


def test_search(client: ZidClient) -> None:
    assert [one.id for one in client.customers.list(search_term="badr@shop.example")] == [2]


def test_who_and_what_is_unknown(client: ZidClient) -> None:
    with pytest.raises(ZidNotFoundError) as wrong:
        client.customers.get(987_654_321)
    assert wrong.value.error_code == "ERROR_CUSTOMER_NOT_FOUND"
    with pytest.raises(ZidNotFoundError) as wrong:
        client.orders.get(987_654_321)
    assert wrong.value.error_code == "ERROR_ORDER_NOT_FOUND"


@pytest.mark.parametrize(
    "payload", [None, "default", "simple", "tiny", "pos", "print", "print_summary"]
)
def test_orders_by_every_model_that_the_client_has(client: ZidClient, payload: Any) -> None:
    found = client.orders.list(payload_type=payload, per_page=100).to_list()
    assert len(found) == 100
    assert all(one.id == one.invoice_number for one in found)


def test_every_order_in_pages(client: ZidClient) -> None:
    found = [one.id for one in pages(client.orders, 100)]
    assert len(found) == len(set(found)) == sum(len(totals) for totals in told().values())


def test_the_orders_of_one_and_an_order_alone(client: ZidClient) -> None:
    customer, totals = max(told().items(), key=lambda item: len(item[1]))
    found = list(pages(client.orders, 7, customer_id=customer))
    assert len(found) == len(totals)
    assert sum(Decimal(str(one.order_total)) for one in found) == sum(totals)
    for listed in found:
        one = client.orders.get(listed.id)
        assert one.customer is not None
        assert one.customer.id == customer
        assert one.order_status is not None
        assert one.order_status.code == "delivered"
        assert one.raw["loyalty"]["points_earned"] == one.raw["loyalty"]["points_kept"] > 0
        assert one.products_count == len(one.products or []) == 1


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_status_in_the_clients_language(shop: Shop, language: str) -> None:
    with client_of(shop.house, language) as client:
        order = client.orders.list(per_page=1).first()
    assert order is not None
    assert order.order_status is not None
    assert order.order_status.name.isascii() is (language == "en")


def test_the_profile(shop: Shop, client: ZidClient) -> None:
    profile = client.stores.get_profile()
    assert profile.user is not None
    store = profile.user.store
    assert store is not None
    assert (store.id, store.uuid, store.title) == (
        shop.store.store_id, shop.store.uuid, shop.store.name,
    )  # fmt: skip
    assert store.currency is not None
    assert store.currency.code == "SAR"
