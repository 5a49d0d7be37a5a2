"""Carts that cannot be as they are wished: each is a named refusal in both languages, and the books
stay as they are to the row.

Source: design, ledger, sections 4 and 6; contract, zid-loyalty, sections 4.7 and 4.8.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from nuqta import refusals
from nuqta.engine import redemption
from nuqta.loyalty.redemption import Method
from nuqta.refusals import Refusal
from tests.http.server import Answer, open_house
from tests.orders.shop import CARTS, Shop, plain, points, rows
from tests.orders.test_bad_orders import said
from tests.world import Shopper

Sender: TypeAlias = Callable[[str], Answer]
VALID: Final = refusals.VALIDATION
NO_CARTS: Final = ("", "a b", "x" * 129, "caf\xe9", "a\tb")
NO_KEYS: Final = ("a b", "x" * 256, "\xe9")
NO_METHODS: Final[tuple[object, ...]] = (
    None, "", {}, {"id": ""}, {"id": None}, {"id": 5}, {"id": ["x"]}, 5, [], True,
)  # fmt: skip


def adding(shop: Shop, shopper: Shopper, cart: str, method: object, key: str = "") -> Sender:
    """How a method goes into a cart, in whichever language."""
    return lambda language: shop.add(shopper, cart, method, key, language)


def removing(shop: Shop, shopper: Shopper, cart: str, key: str = "") -> Sender:
    """How it leaves the cart."""
    return lambda language: shop.remove(shopper, cart, key, language)


def refuses(shop: Shop, send: Sender, refusal: Refusal, field: str = "") -> None:
    """What is sent is refused in both languages and changes no book."""
    before = rows(shop.world)
    for language in ("en", "ar"):
        said(send(language), refusal, language, field)
    assert rows(shop.world) == before, (refusal.code, field)


def test_a_cart_and_a_key_are_plain_text(shop: Shop) -> None:
    aisha, method = shop.world.aisha, shop.method()
    shop.world.adjust(aisha, 100)
    for cart in NO_CARTS:
        field = "CART-SESSION-ID"
        refuses(shop, adding(shop, aisha, cart, method), VALID, field)
        refuses(shop, removing(shop, aisha, cart), VALID, field)
    for key in NO_KEYS:
        field = "Idempotency-Key"
        refuses(shop, adding(shop, aisha, "cart", method, key), VALID, field)
        refuses(shop, removing(shop, aisha, "cart", key), VALID, field)
    assert points(shop.world, aisha) == {"available": 100}


def test_a_method_is_named_by_its_id(shop: Shop) -> None:
    for method in NO_METHODS:
        send = adding(shop, shop.world.aisha, "cart", method)
        refuses(shop, send, VALID, "point_redemption_method")


def test_a_body_that_cannot_be_read(shop: Shop) -> None:
    world = shop.world
    headers = shop.house.shopper(shop.store, world.login(world.aisha))
    headers["CART-SESSION-ID"] = "cart"
    for body, kind, refusal in (
        (b"{", "application/json", refusals.BAD_REQUEST),
        (b"[]", "application/json", refusals.BAD_REQUEST),
        (b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}", "application/json", refusals.BAD_REQUEST),
        (b"id,1", "text/csv", refusals.UNSUPPORTED_BODY),
        (b" " * 262_145, "application/json", refusals.BODY_TOO_LARGE),
    ):
        for what in ("add", "remove"):

            def send(to: str, sent: bytes = body, of: str = kind, path: str = what) -> Answer:
                more = {**headers, "Accept-Language": to, "Content-Type": of}
                return shop.house.ask("POST", CARTS.format(shop.store.store_id, path), more, sent)

            refuses(shop, send, refusal)
    assert shop.refused() == [], "a cart is no order: nothing is kept of it"


def test_a_method_that_is_not_offered_here(shop: Shop) -> None:
    """Unknown, another store's, switched off or deleted: one answer."""
    world, away = shop.world, Shop(shop.house, shop.world.kuwait)
    world.adjust(world.aisha, 100)
    off, gone, foreign = shop.method(), shop.method(), away.method()
    door, now, store_id = world.engine.door, world.time.wall, shop.store.store_id
    door.write_now(
        "off", lambda tx: redemption.switch_method(tx, store_id, off.method_id, False, now, "cli")
    )
    door.write_now(
        "gone", lambda tx: redemption.delete_method(tx, store_id, gone.method_id, now, "cli")
    )
    for method in (off, gone, foreign, "x", "x" * 10_000, {"id": off.external_id}):
        send = adding(shop, world.aisha, "cart", _id(method))
        refuses(shop, send, refusals.METHOD_NOT_FOUND)


def _id(method: object) -> object:
    return method if isinstance(method, Method | dict) else {"id": method}


def test_points_that_are_not_there(shop: Shop) -> None:
    world, method = shop.world, shop.method(points=40)
    aisha = world.aisha
    world.adjust(aisha, 39)
    short = refusals.NOT_ENOUGH_POINTS
    refuses(shop, adding(shop, aisha, "cart", method), short)
    shop.told("1", plain(shop, seconds=9))
    world.spend(aisha, 269)
    refuses(shop, adding(shop, aisha, "cart", method), short)
    shop.told("1", plain(shop, status="cancelled"))
    assert points(world, aisha) == {"owed": 230, "used": 269}
    refuses(shop, adding(shop, aisha, "cart", method), refusals.POINTS_OWED)
    world.adjust(aisha, 230)
    refuses(shop, adding(shop, aisha, "cart", method), short)
    world.adjust(aisha, 40)
    assert shop.add(aisha, "cart", method).status == 200
    refuses(shop, adding(shop, aisha, "other", method), short)


def test_a_program_that_is_off_takes_nothing_but_gives_back(shop: Shop) -> None:
    world, method = shop.world, shop.method(points=40)
    world.adjust(world.aisha, 100)
    assert shop.add(world.aisha, "cart", method).status == 200
    shop.program(is_on=0)
    for cart in ("cart", "other"):
        refuses(shop, adding(shop, world.aisha, cart, method), refusals.PROGRAM_OFF)
    assert shop.remove(world.aisha, "cart").status == 200
    assert points(world, world.aisha) == {"available": 100}


def test_no_more_carts_than_a_customer_may_have(tmp_path: Path) -> None:
    with open_house(tmp_path, holds_per_customer=2) as house:
        shop, world = Shop(house, house.world.riyadh), house.world
        first, second = shop.method(points=10), shop.method(points=20)
        world.adjust(world.aisha, 100)
        for cart in ("one", "two"):
            assert shop.add(world.aisha, cart, first).status == 200
        refuses(shop, adding(shop, world.aisha, "three", first), refusals.TOO_MANY_HOLDS)
        assert shop.add(world.aisha, "two", second).status == 200, "what takes a place leaves one"
        assert shop.remove(world.aisha, "one").status == 200
        assert shop.add(world.aisha, "three", first).status == 200
        assert points(world, world.aisha) == {"available": 70, "held": 30}


def test_a_key_means_one_wish_for_ever(shop: Shop) -> None:
    """Another cart or method under it is a conflict; its hold, once ended, is not made again."""
    world = shop.world
    aisha, first, second = world.aisha, shop.method(points=10), shop.method(points=20)
    world.adjust(aisha, 100)
    assert shop.add(aisha, "cart", first, "key").status == 200
    conflict = refusals.KEY_CONFLICT
    refuses(shop, adding(shop, aisha, "cart", second, "key"), conflict)
    refuses(shop, adding(shop, aisha, "other", first, "key"), conflict)
    refuses(shop, removing(shop, aisha, "cart", "key"), conflict)
    assert shop.add(aisha, "cart", first, "key").status == 200
    assert points(world, aisha) == {"available": 90, "held": 10}
    assert shop.remove(aisha, "cart").status == 200
    assert shop.add(aisha, "cart", first, "key").status == 200
    assert points(world, aisha) == {"available": 100}


def test_a_refusal_is_remembered_under_its_key_alone(shop: Shop) -> None:
    world, method = shop.world, shop.method(points=40)
    for key in ("key", ""):
        assert shop.add(world.aisha, "cart", method, key).code == "ERROR_NOT_ENOUGH_POINTS"
    world.adjust(world.aisha, 100)
    again = refusals.NOT_ENOUGH_POINTS
    refuses(shop, adding(shop, world.aisha, "cart", method, "key"), again)
    assert shop.add(world.aisha, "cart", method).status == 200
