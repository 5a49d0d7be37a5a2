"""Plain orders over HTTP: every field, and what the program and its rules make of an order.

Source: design, ledger, sections 3 and 5; contract, decisions, section 4.
"""

import pytest

from nuqta.engine import orders
from nuqta.ledger.instants import DAY_US, NEVER
from nuqta.loyalty.orders import OrderLine, decoded
from nuqta.loyalty.program import EARN_AT
from tests.http.server import House
from tests.orders.shop import (
    Body,
    Shop,
    line,
    lots,
    moment,
    opened,
    plain,
    points,
    rows,
)
from tests.orders.test_zid import known

SHIPPING = {"amount": "20", "tax": "3"}


def full(shop: Shop) -> Body:
    """An order that says everything that one may say."""
    return plain(
        shop,
        customer={
            "id": "77", "name": " هدى ", "email": "Huda@Example.com", "mobile": "0501112222",
            "country_code": "+966", "tags": ["vip", "vip ", 7], "level": "gold",
        },
        currency="sar",
        cart_session_id="cart-7",
        channel="POS",
        lines=[
            {"id": 1, "product": "dates", "quantity": "2", "unit_price": "75.000", "tax": 22.5,
             "discount": "10", "returned": 0},
            {"id": 2, "product": "dates", "quantity": 1, "unit_price": 50, "tax": "7.50"},
        ],
        shipping=SHIPPING,
        total="239.00",
        loyalty_redemption="4",
        redeemed_points="30",
        status="Delivered",
        updated_at=moment(shop.world, seconds=60),
        placed_at=moment(shop.world, days=2),
        created_at=moment(shop.world, days=3),
        delivered_at=moment(shop.world, days=1),
    )  # fmt: skip


def test_an_order_that_says_everything(shop: Shop) -> None:
    """162.50 + 57.50, less 4.00 by points, two points for each: 432; 10 of 40 held come back."""
    world = shop.world
    shop.rule("pos", points_rewarded=2)
    shop.program(maturity_from="delivered", maturity_days=5, expiry_days=100)
    huda = world.customer(shop.store, 77, "Huda")
    world.adjust(huda, 100)
    assert shop.add(huda, "cart-7", shop.method(points=40, discount=4_00)).status == 200
    assert shop.told("2026/00#7-طلب", full(shop)) == {
        "order_id": "2026/00#7-طلب",
        "customer_id": 77,
        "status": "delivered",
        "points_earned": 432,
        "points_kept": 432,
        "points_redeemed": 30,
        "points_returned": 0,
        "needs_attention": [],
        "is_replay": False,
    }
    assert points(world, huda) == {"pending": 432, "available": 70, "used": 30}
    found = known(shop, 77)
    assert (found.name, found.email, found.mobile, found.tags, found.level) == (
        "Huda", "huda@example.com", "966501112222", '["7","vip"]', "gold",
    )  # fmt: skip
    placed_at, delivered_at = world.time.wall - 2 * DAY_US, world.time.wall - DAY_US
    assert ("2026/00#7-طلب", 432, delivered_at + 5 * DAY_US, placed_at + 100 * DAY_US) in lots(
        world, huda
    )
    (event,) = orders.events_of(world.engine.vault.reader(), shop.order("2026/00#7-طلب"))
    facts = decoded(event.facts)
    assert facts.lines == (OrderLine("1", 2, 16_250, 14_000), OrderLine("2", 1, 5_750, 5_000))
    assert (facts.shipping, facts.shipping_net, facts.channel) == (2_300, 2_000, "pos")
    assert (facts.cart, facts.redemption, facts.redeemed_points) == ("cart-7", 400, 30)
    assert "huda" not in event.facts.casefold()
    assert event.origin == f"partner:{world.partner}"


def test_the_same_order_again_is_told_as_a_replay(shop: Shop) -> None:
    told = shop.told("1", plain(shop))
    before = rows(shop.world)
    again = {**plain(shop), "total": 230}  # a total is only checked: the facts are the same
    assert shop.told("1", again) == {**told, "is_replay": True}
    assert rows(shop.world) == before


def test_an_answer_is_in_the_callers_language(shop: Shop) -> None:
    for language, name in (("en", "Order"), ("ar", "الطلب")):
        answer = shop.put("1", plain(shop), language=language)
        assert answer.json["status"] == "object"
        message = answer.json["message"]
        assert (message["type"], message["code"]) == ("object", "MSG_POPUP_OK")
        assert message["name"] == name
        assert answer["content-language"] == language


# -- what the program makes of it ------------------------------------------------------------------

BASES: list[tuple[dict[str, int], int]] = [
    ({}, 230),
    ({"with_shipping": 1}, 253),
    ({"without_tax": 1}, 200),
    ({"with_shipping": 1, "without_tax": 1}, 220),
    ({"is_on": 0}, 0),
]


def test_what_points_are_earned_on(shop: Shop) -> None:
    for number, (changes, earned) in enumerate(BASES, start=1):
        shop.program(**{"is_on": 1, "with_shipping": 0, "without_tax": 0, **changes})
        told = shop.told(str(number), plain(shop, shipping=SHIPPING))
        assert told["points_earned"] == earned, changes
    shop.program(is_on=1)
    for number, (changes, earned) in enumerate(BASES, start=1):
        body = plain(shop, shipping=SHIPPING, status="preparing")
        assert shop.told(str(number), body)["points_kept"] == earned, changes
    assert points(shop.world, shop.world.aisha) == {"available": 230 + 253 + 200 + 220}


@pytest.mark.parametrize("earn_at", EARN_AT)
def test_an_order_earns_at_the_status_that_the_program_names(shop: Shop, earn_at: str) -> None:
    shop.program(earn_at=earn_at)
    for seconds, status in enumerate(("initial", *EARN_AT)):
        body = plain(shop, seconds=100 - seconds, status=status)
        is_there = status in EARN_AT[EARN_AT.index(earn_at) :]
        assert shop.told("1", body)["points_earned"] == 230 * is_there, status
        assert points(shop.world, shop.world.aisha) == ({"available": 230} if is_there else {})


def test_points_mature_so_many_days_after_the_order(shop: Shop) -> None:
    world = shop.world
    shop.program(maturity_days=3, expiry_days=10)
    shop.told("1", plain(shop, placed_at=moment(world, days=1)))
    placed_at = world.time.wall - DAY_US
    assert lots(world, world.aisha) == [("1", 230, placed_at + 3 * DAY_US, placed_at + 10 * DAY_US)]
    for days, wanted in ((0, "pending"), (2, "available"), (6, "available"), (1, "")):
        world.time.forward(days=days)
        assert points(world, world.aisha) == ({wanted: 230} if wanted else {}), days


def test_points_wait_for_the_delivery_where_the_program_says_so(shop: Shop) -> None:
    world = shop.world
    shop.program(maturity_from="delivered", maturity_days=3)
    shop.told("1", plain(shop))
    shop.told("2", plain(shop))
    assert lots(world, world.aisha) == [
        ("1", 230, NEVER, NEVER), ("2", 230, NEVER, NEVER),
    ]  # fmt: skip
    world.time.forward(days=30)
    assert points(world, world.aisha) == {"pending": 460}
    shop.told("1", plain(shop, status="delivered"))
    shop.told("2", plain(shop, status="delivered", delivered_at=moment(world, days=3)))
    assert points(world, world.aisha) == {"pending": 230, "available": 230}
    world.time.forward(days=3, us=-1)
    assert points(world, world.aisha) == {"pending": 230, "available": 230}
    world.time.forward(us=1)
    assert points(world, world.aisha) == {"available": 460}


@pytest.mark.parametrize(
    ("owed", "after"),
    [("owe", {"owed": 150, "used": 200}), ("forgive", {"available": 50, "used": 200})],
)
def test_who_bears_points_that_were_spent_before_the_return(
    shop: Shop, owed: str, after: dict[str, int]
) -> None:
    """230 earned and 50 besides, 200 spent: 30 are left of the order's own. A policy that changes
    later is none of this order's."""
    world = shop.world
    world.adjust(world.aisha, 50)
    shop.program(owed=owed, expiry_days=1)
    shop.told("1", plain(shop, seconds=9))
    world.spend(world.aisha, 200)
    shop.program(owed="forgive" if owed == "owe" else "owe")
    assert shop.told("1", plain(shop, status="cancelled"))["points_kept"] == 0
    assert points(world, world.aisha) == after
    shop.told("2", plain(shop))
    gained = points(world, world.aisha)
    assert gained == {"available": 280 if owed == "forgive" else 80, "used": 200}


GRACE = [(30, 10), (10, 10), (3, 3), (0, 0)]


@pytest.mark.parametrize(("grace_days", "days"), GRACE)
def test_order_and_cancel_freshens_no_expiry(shop: Shop, grace_days: int, days: int) -> None:
    """40 points with ten days to live pay for an order, which is cancelled when they are dead."""
    world, method = shop.world, shop.method(points=40, discount=4_00)
    shop.program(grace_days=grace_days)
    world.adjust(world.aisha, 40, expires_at=world.time.wall + 10 * DAY_US)
    assert shop.add(world.aisha, "cart", method).status == 200
    shop.told("1", plain(shop, seconds=1, cart_session_id="cart"))
    assert points(world, world.aisha) == {"available": 226, "used": 40}
    world.time.forward(days=11)
    shop.told("1", plain(shop, status="cancelled", cart_session_id="cart"))
    assert points(world, world.aisha) == ({"available": 40} if days else {})
    if days:
        world.time.forward(days=days, us=-2)
        assert points(world, world.aisha) == {"available": 40}
    world.time.forward(us=2)
    assert points(world, world.aisha) == {}


# -- what the rules make of it ---------------------------------------------------------------------


def test_the_best_rule_of_those_that_ask_for_nothing_else(shop: Shop) -> None:
    """By channel, by tags, by level: 1, 2, 3 and 5 points for each riyal."""
    shop.rule(rule_id="vip", points_rewarded=3, tags='["vip","staff"]')
    shop.rule(rule_id="gold", points_rewarded=2, level="gold")
    shop.rule(rule_id="both", points_rewarded=5, tags='["vip"]', level="gold")
    shop.rule(rule_id="off", points_rewarded=9, is_active=0)
    shop.rule("pos", points_rewarded=4)
    cases: list[tuple[Body, str, int]] = [
        ({}, "online", 1),
        ({"tags": ["other"]}, "online", 1),
        ({"tags": ["staff"]}, "online", 3),
        ({"level": "gold"}, "online", 2),
        ({"level": "silver", "tags": ["vip"]}, "online", 3),
        ({"level": "gold", "tags": ["staff", "x"]}, "online", 3),
        ({"level": "gold", "tags": ["vip"]}, "online", 5),
        ({"level": "gold", "tags": ["vip"]}, "pos", 4),
        ({"level": "Gold", "tags": ["VIP"]}, "online", 1),
    ]
    for number, (who, channel, times) in enumerate(cases, start=1):
        customer = {"id": 500 + number, **who}
        told = shop.told(str(number), plain(shop, customer=customer, channel=channel))
        assert told["points_earned"] == 230 * times, (who, channel)


def test_tags_are_as_last_told(shop: Shop) -> None:
    shop.rule(rule_id="vip", points_rewarded=3, tags='["vip"]')
    tags: list[list[str] | None] = [["vip"], None, [], None]
    for number, (told, times) in enumerate(zip(tags, (3, 3, 1, 1), strict=True), start=1):
        customer = {"id": 9} if told is None else {"id": 9, "tags": told}
        answer = shop.told(str(number), plain(shop, customer=customer))
        assert answer["points_earned"] == 230 * times, number


def test_points_are_floored_once_over_the_whole_order(shop: Shop) -> None:
    shop.rule(points_rewarded=3, amount_to_spend=7_00)
    assert shop.told("1", plain(shop))["points_earned"] == 23_000 * 3 // 700
    shop.rule(points_rewarded=1, amount_to_spend=230_01)
    assert shop.told("2", plain(shop))["points_earned"] == 0


def test_a_rule_that_changes_changes_no_award(shop: Shop) -> None:
    """Returns and edits are reckoned by the program and the rule under which an order earned."""
    world = shop.world
    shop.told("1", plain(shop, seconds=90))
    shop.told("0", plain(shop, seconds=90, status="initial"))
    shop.rule(points_rewarded=10)
    shop.program(without_tax=1)
    rule = shop.rule(points_rewarded=20, amount_to_spend=2_00)
    shop.told("2", plain(shop, seconds=80))
    assert points(world, world.aisha) == {"available": 230 + 2_000}
    assert shop.told("1", plain(shop, 1, seconds=70))["points_kept"] == 143
    more = [line("a", 4, "75", "45"), line("b", 1, "50", "7.50")]
    assert shop.told("1", plain(shop, seconds=60, lines=more))["points_earned"] == 402
    shop.rule(is_active=0)
    shop.program(is_on=0)
    assert shop.told("2", plain(shop, 0, 1, seconds=50))["points_kept"] == 1_500
    assert shop.told("1", plain(shop, seconds=10))["points_kept"] == 143
    shop.program(is_on=1)
    assert shop.told("0", plain(shop))["points_earned"] == 0, "no rule was on when it was placed"
    shop.rule(points_rewarded=1, amount_to_spend=1_00)
    assert shop.told("0", plain(shop, status="delivered"))["points_earned"] == 0
    revisions = {number: shop.order(number) for number in ("0", "1", "2")}
    assert {key: (order.rule_id, order.rule_revision) for key, order in revisions.items()} == {
        "0": ("", 0), "1": (rule.rule_id, 1), "2": (rule.rule_id, rule.revision),
    }  # fmt: skip


# -- currencies ------------------------------------------------------------------------------------

CURRENCIES = [
    ("JPY", "33.5", "0", 67),
    ("JPY", "33.2", "0.1", 67),
    ("JPY", "33", "0.49", 66),
    ("SAR", "0.0025", "0", 1),
    ("SAR", "33.335", "10.001", 7_667),
    ("KWD", "1.0005", "0", 2_001),
    ("KWD", "1.00024", "0", 2_000),
    ("BHD", "1.000", "0.1505", 2_151),
]


def test_every_currency_has_its_own_minor_unit(house: House) -> None:
    """A point for each minor unit of a line of two: it is rounded half up, once."""
    shops: dict[str, Shop] = {}
    for number, (currency, price, tax, earned) in enumerate(CURRENCIES, start=1):
        shop = shops.get(currency) or opened(house, currency)
        if currency not in shops:
            shops[currency] = shop
            assert shop.rule().amount_to_spend == {"JPY": 1, "SAR": 100}.get(currency, 1_000)
            shop.rule(amount_to_spend=1)
        told = shop.told(str(number), plain(shop, lines=[line("a", 2, price, tax)]))
        assert told["points_earned"] == earned, (currency, price, tax)
        assert shop.told(str(number), plain(shop, status="returned"))["points_kept"] == 0


def test_orders_of_two_stores_are_two_orders(house: House) -> None:
    """The same number, the same customer's id, another currency: nothing is shared."""
    shops = [opened(house, currency) for currency in ("JPY", "KWD", "SAR")]
    for shop in shops:
        shop.told("1", plain(shop, of=7))
    shops[1].told("1", plain(shops[1], of=7, status="cancelled"))
    found = [points(house.world, shop.shopper(7)) for shop in shops]
    assert found == [{"available": 231}, {}, {"available": 230}]
