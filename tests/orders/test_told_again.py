"""What was done is never refused when it is told again; what was refused has left nothing at all.

Source: design, ledger, section 6 ("same key, same content: the same receipt"; "refused never turns
out to have happened").
"""

from collections.abc import Callable
from typing import TypeAlias

import pytest

from nuqta.engine import redemption
from nuqta.engine.stores import ProgramWish
from nuqta.ledger.instants import POINTS_MAX
from nuqta.loyalty.redemption import Method, MethodWish
from nuqta.storage.sqlite import Transaction
from tests.orders.shop import Shop, plain, points, rows

Change: TypeAlias = Callable[[Transaction, Shop, Method], object]


def switched_off(tx: Transaction, shop: Shop, method: Method) -> object:
    return redemption.switch_method(
        tx, shop.store.store_id, method.method_id, False, shop.world.time.wall, "cli"
    )


def deleted(tx: Transaction, shop: Shop, method: Method) -> object:
    return redemption.delete_method(
        tx, shop.store.store_id, method.method_id, shop.world.time.wall, "cli"
    )


def made_dearer(tx: Transaction, shop: Shop, method: Method) -> object:
    wish = MethodWish(method.rule_type, 77, method.discount + 1, method.currency)
    return redemption.change_method(
        tx, shop.store, method.method_id, wish, shop.world.time.wall, "cli"
    )


@pytest.mark.parametrize("change", [switched_off, deleted, made_dearer])
def test_a_key_is_answered_as_it_was_whatever_became_of_the_method(
    shop: Shop, change: Change
) -> None:
    """A client that lost its answer asks again: the points are held, and it must not hear no."""
    somebody, poor, method = shop.somebody(100), shop.somebody(10), shop.method(points=30)
    assert shop.add(somebody, "cart", method, key="lost").status == 200
    assert shop.add(poor, "cart", method, key="lost").code == "ERROR_NOT_ENOUGH_POINTS"
    done = shop.world.engine.door.write_now("change", lambda tx: change(tx, shop, method))
    assert isinstance(done, Method)
    before = rows(shop.world)
    assert shop.add(somebody, "cart", method, key="lost").status == 200
    assert shop.add(poor, "cart", method, key="lost").code == "ERROR_NOT_ENOUGH_POINTS"
    other = shop.add(somebody, "else", method, key="lost")
    assert (other.status, other.code) == (409, "ERROR_IDEMPOTENCY_CONFLICT")
    assert rows(shop.world) == before
    assert points(shop.world, somebody) == {"available": 70, "held": 30}


def test_a_key_is_answered_as_it_was_while_the_program_is_off(shop: Shop) -> None:
    somebody, method = shop.somebody(100), shop.method(points=30)
    assert shop.add(somebody, "cart", method, key="lost").status == 200
    shop.world.program(shop.store, ProgramWish(is_on=False))
    assert shop.add(somebody, "cart", method, key="new").code == "ERROR_PROGRAM_OFF"
    assert shop.add(somebody, "cart", method, key="lost").status == 200
    assert points(shop.world, somebody) == {"available": 70, "held": 30}


def test_an_order_that_the_books_refuse_leaves_not_even_its_customer(shop: Shop) -> None:
    """Neither a new customer nor what it tells of a known one: tags and level choose rules."""
    shop.rule(points_rewarded=POINTS_MAX)
    before = rows(shop.world)
    for customer in ({"id": 4_711, "name": "New"}, {"id": 1, "tags": ["vip"], "level": "gold"}):
        answer = shop.put("1", plain(shop, customer=customer))
        assert (answer.status, answer.code) == (422, "ERROR_POINTS_OUT_OF_RANGE")
    assert rows(shop.world) == before
    assert len(shop.refused()) == 2, "and what came is kept"
    shop.rule(points_rewarded=1)
    assert shop.told("1", plain(shop, of=2))["points_earned"] == 230, "the number is free"
