"""Zid's order webhooks over HTTP: who may send them, and what they do to the books.

Source: contract, zid-loyalty, sections 8 and 9.1; design, ledger, section 5.
"""

import itertools
from pathlib import Path

import pytest

from nuqta.engine import customers
from nuqta.engine.access import credentials
from nuqta.engine.imports import import_orders
from nuqta.loyalty.customers import Customer
from nuqta.refusals import Refusal
from tests.http.server import Answer, matches_snapshot
from tests.orders.shop import (
    BOOKS,
    Body,
    Shop,
    account,
    basic,
    line,
    lots,
    plain,
    points,
    rows,
    status,
    zid,
)

NUMBER = "39018292"


def taken(answer: Answer) -> None:
    """Zid hears that all is well."""
    assert answer.status == 200, answer.body
    assert answer.json["status"] == "success"


def known(shop: Shop, customer_id: int) -> Customer:
    """A customer as the store knows one."""
    reader = shop.world.engine.vault.reader()
    found = customers.find(reader, shop.store.store_id, customer_id)
    assert found is not None, customer_id
    return found


# -- who may ---------------------------------------------------------------------------------------


def test_an_order_is_proved_by_the_stores_own_pair_alone(shop: Shop) -> None:
    """Whatever is wrong with a pair has one answer, whether or not the store is there."""
    world = shop.world
    without = world.customer(world.kuwait, 7)
    former, foreign = shop.pair(), Shop(shop.house, world.riyadh)
    gone = shop.pair()
    assert world.engine.door.write_now(
        "revoke", lambda tx: credentials.revoke(tx, world.riyadh.store_id)
    )
    pairs = {
        "replaced": (world.riyadh.store_id, former),
        "revoked": (world.riyadh.store_id, gone),
        "of a store without one": (world.kuwait.store_id, gone),
        "of no store": (4_503_599_627_370_496, gone),
        "of no UUID": ("7d0f3c1e-58a4-4c5e-9a53-0c8f6f0b7a11", gone),
    }
    right = foreign.pair()
    pairs["of another store"] = (world.kuwait.store_id, right)
    tries = [
        (why, store, basic(pair.username, pair.password)) for why, (store, pair) in pairs.items()
    ]
    tries += [
        (why, world.riyadh.store_id, sent)
        for why, sent in {
            "wrong password": basic(right.username, right.password + "x"),
            "no password": basic(right.username, ""),
            "password alone": basic("", right.password),
            "no pair": "Basic",
            "no base64": "Basic ???",
            "no text": "Basic /////w==",
            "bearer": f"Bearer {right.password}",
        }.items()
    ]
    before, seen = rows(world, (*BOOKS, "refused_orders")), set()
    for why, store, sent in tries:
        answer = shop.webhook(zid(shop), store=store, authorization=sent)
        assert (answer.status, answer.code) == (401, "ERROR_AUTHORIZATION_INVALID"), why
        assert answer["www-authenticate"].startswith("Basic "), why
        seen.add((answer.body, tuple(pair for pair in answer.headers if pair[0] != "x-request-id")))
    assert len(seen) == 1
    missing = shop.house.send("POST", f"/v1/webhooks/orders/{shop.store.store_id}", {}, zid(shop))
    assert (missing.status, missing.code) == (401, "ERROR_AUTHORIZATION_MISSING")
    assert rows(world, (*BOOKS, "refused_orders")) == before
    shop.credentials = right
    taken(shop.webhook(zid(shop)))
    assert points(world, without) == {}


def test_a_store_is_named_by_its_id_or_its_uuid(shop: Shop) -> None:
    for number, store in enumerate(
        (shop.store.store_id, shop.store.uuid, shop.store.uuid.upper()), start=1
    ):
        taken(shop.webhook(zid(shop, id=number), store=store))
        assert points(shop.world, shop.world.aisha) == {"available": 230 * number}


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_answer_is_zids(shop: Shop, language: str) -> None:
    answer = shop.webhook(zid(shop), language=language)
    taken(answer)
    assert matches_snapshot(f"order-{language}.json", answer.body.decode() + "\n")


# -- what it does ----------------------------------------------------------------------------------


def test_the_same_body_twice_changes_nothing_the_second_time(shop: Shop) -> None:
    body = zid(shop)
    taken(shop.webhook(body))
    before = rows(shop.world)
    for _ in range(3):
        taken(shop.webhook(body))
    taken(shop.webhook({"event": "order.create", "payload": body}))
    assert rows(shop.world) == before


def test_what_points_know_nothing_of_changes_nothing(shop: Shop) -> None:
    """A new note, another courier: the same event, whatever Zid adds to its object."""
    taken(shop.webhook(zid(shop)))
    before = rows(shop.world)
    taken(shop.webhook(zid(shop, order_url="https://shop.example/x", invented={"by": ["Zid"]})))
    assert rows(shop.world) == before


def life(shop: Shop) -> list[Body]:
    """The webhooks of one order, by the time at which Zid sent them."""
    return [
        zid(shop, seconds=500),
        zid(shop, seconds=400, created_at=None, order_status=status("preparing")),
        zid(shop, seconds=300, order_status=status("inDelivery")),
        zid(shop, seconds=200, order_status=status("delivered"), payment_status="paid"),
        zid(shop, seconds=100, order_status=status("reversed"), payment_status="refunded"),
    ]


def test_webhooks_come_in_any_order(shop: Shop) -> None:
    """A refund before the creation, a delivery after it: the books end alike."""
    told = life(shop)
    for number, order in enumerate(list(itertools.permutations(range(5)))[::7]):
        somebody = shop.somebody()
        for place in (*order, order[0], order[-1]):
            body = {**told[place], "id": number + 1, "customer": {"id": somebody.customer_id}}
            taken(shop.webhook(body))
        assert points(shop.world, somebody) == {}, order
        sums = account(shop.world, somebody)
        assert (sums.issued, sums.cancelled) == (230, 230), order
        assert shop.order(str(number + 1)).rule_revision == 1
    assert shop.in_need() == {}


def test_cancelled_then_delivered(shop: Shop) -> None:
    """What was told last by the order's own clock is how it is; an award comes back, unrenewed."""
    told = [
        zid(shop, seconds=300),
        zid(shop, seconds=200, order_status=status("cancelled")),
        zid(shop, seconds=100, order_status=status("delivered")),
    ]
    for number, order in enumerate(itertools.permutations(told)):
        somebody = shop.somebody()
        for body in order:
            taken(
                shop.webhook({**body, "id": number + 1, "customer": {"id": somebody.customer_id}})
            )
        assert points(shop.world, somebody) == {"available": 230}
        assert len(lots(shop.world, somebody)) == 1


def test_an_order_that_was_only_ever_cancelled_earns_nothing(shop: Shop) -> None:
    taken(shop.webhook(zid(shop, order_status=status("Canceled"))))
    assert shop.world.balance(shop.world.aisha).version == 0
    taken(shop.webhook(zid(shop, seconds=100)))
    assert points(shop.world, shop.world.aisha) == {}
    balance = account(shop.world, shop.world.aisha)
    assert (balance.issued, balance.cancelled) == (230, 230)


def test_an_order_that_is_not_placed_yet_earns_when_it_is(shop: Shop) -> None:
    taken(shop.webhook(zid(shop, seconds=100, order_status=status("initial"))))
    assert points(shop.world, shop.world.aisha) == {}
    taken(shop.webhook(zid(shop)))
    assert points(shop.world, shop.world.aisha) == {"available": 230}


def test_numbers_with_fourteen_decimals_are_rounded_by_line(shop: Shop) -> None:
    """0.995 and 0.995 are 1.00 and 1.00, not 1.99."""
    products = zid(shop)["products"]
    amounts = ("0.99500000000000", "100.00499999999999")
    for product, amount in zip(products, amounts, strict=True):
        product |= {"discounted_total": amount, "discounted_tax_amount": "0.00000000000000"}
    taken(shop.webhook(zid(shop, products=products, order_total=None)))
    assert points(shop.world, shop.world.aisha) == {"available": 101}


def test_a_sale_at_the_till_earns_by_its_own_rule(shop: Shop) -> None:
    taken(shop.webhook(zid(shop, id=1, source="Zid POS", source_code="zid_pos")))
    assert points(shop.world, shop.world.aisha) == {}, "that rule is off at first"
    shop.rule("pos", points_rewarded=2)
    taken(shop.webhook(zid(shop, id=2, source="Zid POS", source_code="zid_pos")))
    assert points(shop.world, shop.world.aisha) == {"available": 460}


# -- the customer ----------------------------------------------------------------------------------


def test_a_customer_of_whom_nobody_knew_is_made(shop: Shop) -> None:
    customer = {
        "id": 31_337, "name": " نورة ", "email": "Noura@Example.com", "mobile": "+966 55 000 1111",
    }  # fmt: skip
    taken(shop.webhook(zid(shop, customer=customer)))
    noura = known(shop, 31_337)
    assert (noura.name, noura.email, noura.mobile) == ("نورة", "noura@example.com", "966550001111")
    assert points(shop.world, shop.shopper(31_337)) == {"available": 230}
    assert points(shop.world, shop.world.aisha) == {}
    token = shop.world.login(shop.shopper(31_337))
    answer = shop.house.balance(shop.shopper(31_337), token)
    assert answer.json["points"]["available_poitns"] == 230


def test_an_address_that_is_another_customers_is_left_out(shop: Shop) -> None:
    customer = {
        "id": 9, "name": "Not Aisha", "email": "AISHA@shop.example", "mobile": "966559999999",
    }  # fmt: skip
    taken(shop.webhook(zid(shop, customer=customer)))
    found = known(shop, 9)
    assert (found.name, found.email, found.mobile) == ("Not Aisha", "", "966559999999")
    assert known(shop, 1).email == "aisha@shop.example"
    assert points(shop.world, shop.shopper(9)) == {"available": 230}


def test_what_is_known_of_a_customer_stays_and_what_was_missing_is_filled_in(shop: Shop) -> None:
    customer = {"id": 2, "name": "B.", "email": "other@shop.example", "mobile": "966558888888"}
    taken(shop.webhook(zid(shop, customer=customer)))
    badr = known(shop, 2)
    assert (badr.name, badr.email, badr.mobile) == ("Badr", "badr@shop.example", "966558888888")


def test_a_name_that_cannot_be_is_no_reason_to_lose_an_order(shop: Shop) -> None:
    customer = {"id": 5, "name": "x" * 300, "email": "none", "mobile": "12"}
    taken(shop.webhook(zid(shop, customer=customer)))
    assert known(shop, 5).name == ""
    assert points(shop.world, shop.shopper(5)) == {"available": 230}


# -- points that paid ------------------------------------------------------------------------------


def test_a_redemption_is_matched_to_the_live_hold_by_its_discount(shop: Shop) -> None:
    """4.00 off before tax: 225.40 remains to earn on, and the hold of another discount stays."""
    world = shop.world
    world.adjust(world.aisha, 100)
    assert shop.add(world.aisha, "other", shop.method(points=30, discount=3_00)).status == 200
    assert shop.add(world.aisha, "cart", shop.method(points=40, discount=4_00)).status == 200
    taken(shop.webhook(zid(shop, paid_by_points=4)))
    assert points(world, world.aisha) == {"available": 30 + 225, "held": 30, "used": 40}
    assert shop.in_need() == {}
    taken(shop.webhook(zid(shop, paid_by_points=4, order_status=status("cancelled"))))
    assert points(world, world.aisha) == {"available": 70, "held": 30}


def test_a_hold_that_has_ended_is_spent_now_and_listed(shop: Shop) -> None:
    world = shop.world
    world.adjust(world.aisha, 100)
    assert shop.add(world.aisha, "cart", shop.method(points=40, discount=4_00)).status == 200
    world.time.forward(hours=1)
    assert points(world, world.aisha) == {"available": 100}
    taken(shop.webhook(zid(shop, paid_by_points=4)))
    assert points(world, world.aisha) == {"available": 60 + 225, "used": 40}
    assert shop.in_need() == {NUMBER: ["hold_ended"]}


def test_a_redemption_that_nobody_knows_takes_nothing_and_is_listed(shop: Shop) -> None:
    world = shop.world
    world.adjust(world.aisha, 100)
    assert shop.add(world.aisha, "cart", shop.method(points=30, discount=3_00)).status == 200
    taken(shop.webhook(zid(shop, paid_by_points=4)))
    assert points(world, world.aisha) == {"available": 70 + 225, "held": 30}
    assert shop.in_need() == {NUMBER: ["redemption_unmatched"]}


PAID_BACK: dict[tuple[str, str], list[str]] = {
    ("delivered", "refunded"): ["payment_undone"],
    ("new", "voided"): ["payment_undone"],
    ("partially_reversed", "paid"): ["partly_returned"],
    ("partially_reversed", "refunded"): ["partly_returned", "payment_undone"],
    ("reverse_in_progress", "paid"): [],
    ("reversed", "refunded"): [],
    ("cancelled", "voided"): [],
}


def test_what_zid_does_not_tell_wholly_is_listed_for_a_person(shop: Shop) -> None:
    wanted = {}
    for number, ((code, payment), why) in enumerate(PAID_BACK.items(), start=1):
        somebody = shop.somebody()
        changes: Body = {"id": number, "customer": {"id": somebody.customer_id}}
        taken(shop.webhook(zid(shop, seconds=100, **changes)))
        changes |= {"order_status": status(code), "payment_status": payment}
        taken(shop.webhook(zid(shop, **changes)))
        kept = {} if code in ("reversed", "cancelled") else {"available": 230}
        assert points(shop.world, somebody) == kept, (code, payment)
        if why:
            wanted[str(number)] = why
    assert shop.in_need() == wanted


# -- one order, however it comes -------------------------------------------------------------------

WAYS = ("webhook", "plain", "import")


def test_one_order_counts_once_whichever_way_it_comes(shop: Shop, tmp_path: Path) -> None:
    world, file = shop.world, tmp_path / "orders.csv"
    for number, ways in enumerate(itertools.permutations(WAYS), start=1):
        somebody = shop.somebody()
        customer = {"id": somebody.customer_id}
        file.write_text(
            "order_number,customer_id,placed_on,total\n"
            f"{number},{somebody.customer_id},2026-02-28,230.00\n"
        )
        for way in ways:
            if way == "webhook":
                taken(shop.webhook(zid(shop, seconds=60, id=number, customer=customer)))
            elif way == "plain":
                lines = [line("all", 1, "230", "0")]
                shop.told(str(number), plain(shop, of=somebody, seconds=60, lines=lines))
            else:
                result = import_orders(world.engine, file, shop.store)
                assert not isinstance(result, Refusal)
                is_first = way == ways[0]
                assert (result.new, len(result.refused)) == ((1, 0) if is_first else (0, 1))
            assert points(world, somebody) == {"available": 230}, ways
        assert len(lots(world, somebody)) == 1, ways
