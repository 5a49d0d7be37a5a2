"""Redemption in percent: worth what it gives the order, whose total its cart may not know."""

import pytest

from nuqta.loyalty.redemption import PERCENTAGE, Method
from tests.orders.shop import LIFE_S, Shop, done, plain, points, without_earning, zid


def tenth(shop: Shop, take: int = 30, **limits: int) -> Method:
    """10 percent for so many points."""
    return shop.method(points=take, discount=1_000, rule_type=PERCENTAGE, **limits)


def test_a_percentage_is_worth_what_its_order_says(shop: Shop) -> None:
    """The cart's worth is not known when it is filled; the order's own amount is taken."""
    world, aisha = shop.world, shop.world.aisha
    world.adjust(aisha, 100)
    done(shop.add(aisha, "cart", tenth(shop)))
    assert points(world, aisha) == {"available": 70, "held": 30}
    shop.told("1", plain(shop, cart_session_id="cart", loyalty_redemption="23"))
    assert points(world, aisha) == {"available": 70 + 207, "used": 30}
    assert shop.in_need() == {}


def test_a_percentage_is_worth_what_it_gives_the_order_s_products(shop: Shop) -> None:
    world, aisha = shop.world, shop.world.aisha
    world.adjust(aisha, 100)
    done(shop.add(aisha, "cart", tenth(shop)))
    shop.told("1", plain(shop, cart_session_id="cart"))
    assert points(world, aisha) == {"available": 70 + 207, "used": 30}
    assert shop.in_need() == {}


@pytest.mark.parametrize(
    ("said", "troubles"),
    [("23.00", {}), ("23.01", {}), ("50.00", {"1": ["discount_differs"]})],
)
def test_an_order_that_says_another_discount_is_listed(
    shop: Shop, said: str, troubles: dict[str, list[str]]
) -> None:
    shop.world.adjust(shop.world.aisha, 100)
    done(shop.add(shop.world.aisha, "cart", tenth(shop)))
    shop.told("1", plain(shop, cart_session_id="cart", loyalty_redemption=said))
    assert shop.in_need() == troubles


def test_a_basket_below_the_least_of_its_method(shop: Shop) -> None:
    world, aisha = shop.world, shop.world.aisha
    world.adjust(aisha, 100)
    method = tenth(shop, minimum_basket=50_000)
    refused = shop.add(aisha, "cart", method, cart_total="499.99")
    assert (refused.status, refused.code) == (422, "ERROR_BASKET_TOO_SMALL")
    done(shop.add(aisha, "cart", method, cart_total="500"))
    assert points(world, aisha) == {"available": 70, "held": 30}
    for odd in ("-1", "many", True, "1e999999"):
        refused = shop.add(aisha, "other", method, cart_total=odd)
        assert refused.status == 422, odd
        assert "cart_total" in refused.json, odd
    done(shop.add(aisha, "unasked", method))
    shop.told("1", plain(shop, cart_session_id="unasked"))
    assert shop.in_need() == {"1": ["basket_too_small"]}


def test_an_order_of_zids_finds_the_percentage_of_its_customer(shop: Shop) -> None:
    world, aisha = shop.world, shop.world.aisha
    world.adjust(aisha, 100)
    done(shop.add(aisha, "cart", tenth(shop)))
    assert shop.webhook(zid(shop, paid_by_points=20)).status == 200
    assert points(world, aisha) == {"available": 70 + 207, "used": 30}
    assert shop.in_need() == {}


def test_a_hold_of_just_that_discount_comes_before_a_percentage(shop: Shop) -> None:
    world, aisha = shop.world, shop.world.aisha
    world.adjust(aisha, 100)
    without_earning(shop)
    done(shop.add(aisha, "fixed", shop.method(points=40, discount=20_00)))
    done(shop.add(aisha, "tenth", tenth(shop)))
    assert shop.webhook(zid(shop, id=1, paid_by_points=20)).status == 200
    assert points(world, aisha) == {"available": 30, "held": 30, "used": 40}
    world.time.forward(seconds=LIFE_S + 1)  # a percentage that has ended is nobody's discount
    assert shop.webhook(zid(shop, id=2, paid_by_points=7)).status == 200
    assert points(world, aisha) == {"available": 60, "used": 40}
    assert shop.in_need() == {"2": ["redemption_unmatched"]}
