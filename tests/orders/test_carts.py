"""Redemption in carts over HTTP: what a cart holds, for how long, and what it is refused.

Source: contract, zid-loyalty, sections 4.7 and 4.8; design, ledger, section 4.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from nuqta.engine import redemption
from tests.http.server import open_house
from tests.orders.shop import LIFE_S, Shop, done, plain, points, rows, without_earning

DONE: Final = {
    "en": ("Loyalty points applied successfully", "Loyalty points removed successfully"),
    "ar": ("تم تطبيق نقاط الولاء بنجاح", "تم إزالة نقاط الولاء بنجاح"),
}


def holds(shop: Shop) -> list[str]:
    """Every hold of Aisha's by number: its cart, points and ending, and the order that used it."""
    found = []
    aisha = shop.world.aisha
    sql = (
        "SELECT cart, points, ending, order_key FROM holds"
        " WHERE dkey = ? AND customer_id = ? ORDER BY hold"
    )
    with shop.world.engine.vault.snapshot() as tx:
        for cart, held, ending, order in tx.rows_of(sql, aisha.key):
            found.append(" ".join(filter(None, (cart, str(held), ending or "live", order))))
    return found


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_answers_are_zids(shop: Shop, language: str) -> None:
    aisha, method = shop.world.aisha, shop.method()
    shop.world.adjust(aisha, 100)
    added = shop.add(aisha, "cart", method, language=language)
    removed = shop.remove(aisha, "cart", language=language)
    for answer, sentence in zip((added, removed), DONE[language], strict=True):
        done(answer)
        assert answer.json == {"code": "SUCCESS_WITHOUT_PAYLOAD", "message": sentence}
        assert answer["content-language"] == language


TALES: Final = {
    "again is the same hold": (
        "add one A; add one A",
        {"available": 60, "held": 40}, ["one 40 live"],
    ),
    "another method replaces it": (
        "add one A; add one B",
        {"available": 75, "held": 25}, ["one 40 replaced", "one 25 live"],
    ),
    "and the first one comes back": (
        "add one A; add one B; add one A",
        {"available": 60, "held": 40}, ["one 40 replaced", "one 25 replaced", "one 40 live"],
    ),
    "all of it, replaced by less": (
        "add one all; add one B",
        {"available": 75, "held": 25}, ["one 100 replaced", "one 25 live"],
    ),
    "removed": ("add one A; remove one", {"available": 100}, ["one 40 released"]),
    "removed twice": ("add one A; remove one; remove one", {"available": 100}, ["one 40 released"]),
    "nothing to remove": ("remove one", {"available": 100}, []),
    "removed from another cart": (
        "add one A; remove two",
        {"available": 60, "held": 40}, ["one 40 live"],
    ),
    "two carts": (
        "add one A; add two B; remove one",
        {"available": 75, "held": 25}, ["one 40 released", "two 25 live"],
    ),
    "a moment before its end": (
        "add one A; wait 1799",
        {"available": 60, "held": 40}, ["one 40 live"],
    ),
    "at its end, booked by nobody": ("add one A; wait 1800", {"available": 100}, ["one 40 live"]),
    "removed after its end": (
        "add one A; wait 1800; remove one",
        {"available": 100}, ["one 40 lapsed"],
    ),
    "again after its end": (
        "add one A; wait 1800; add one A",
        {"available": 60, "held": 40}, ["one 40 lapsed", "one 40 live"],
    ),
    "adding again gives no longer life": (
        "add one A; wait 1700; add one A; wait 100; remove two",
        {"available": 100}, ["one 40 lapsed"],
    ),
    "captured by its order": (
        "add one A; add two B; order 7 one",
        {"available": 35, "held": 25, "used": 40}, ["one 40 captured 7", "two 25 live"],
    ),
    "captured once": (
        "add one A; order 7 one; order 7 one; order 8 one",
        {"available": 60, "used": 40}, ["one 40 captured 7"],
    ),
    "a cart that goes on after its order": (
        "add one A; order 7 one; add one B; order 8 one",
        {"available": 35, "used": 65}, ["one 40 captured 7", "one 25 captured 8"],
    ),
    "removed after its order": (
        "add one A; order 7 one; remove one",
        {"available": 60, "used": 40}, ["one 40 captured 7"],
    ),
    "ordered after it was removed": (
        "add one A; remove one; order 7 one",
        {"available": 100}, ["one 40 released"],
    ),
    "ordered after its end": (
        "add one A; wait 1800; order 7 one",
        {"available": 60, "used": 40}, ["one 40 lapsed 7"],
    ),
    "cancelled, and free for another cart": (
        "add one all; order 7 one; cancel 7 one; add two A",
        {"available": 60, "held": 40}, ["one 100 captured 7", "two 40 live"],
    ),
}  # fmt: skip
"""Moves with 100 points, of which A takes 40, B 25 and `all` 100; then the points and the holds."""


@pytest.mark.parametrize("tale", TALES)
def test_tales_of_carts(shop: Shop, tale: str) -> None:
    moves, left, held = TALES[tale]
    without_earning(shop)
    world = shop.world
    world.adjust(world.aisha, 100)
    methods = {
        "A": shop.method(40, 4_00), "B": shop.method(25, 2_50), "all": shop.method(100, 10_00),
    }  # fmt: skip
    for move in moves.split("; "):
        match move.split():
            case ["add", cart, name]:
                done(shop.add(world.aisha, cart, methods[name]))
            case ["remove", cart]:
                done(shop.remove(world.aisha, cart))
            case ["wait", seconds]:
                world.time.forward(seconds=int(seconds))
            case [what, number, cart]:
                status = "cancelled" if what == "cancel" else "new"
                shop.told(number, plain(shop, cart_session_id=cart, status=status))
    assert points(world, world.aisha) == left
    assert holds(shop) == held


def test_an_order_that_is_sent_again_uses_nothing_that_its_cart_held_since(shop: Shop) -> None:
    """And does not say that it does: the answer is what was decided when the event was new."""
    world, body = shop.world, plain(shop, cart_session_id="cart")
    world.adjust(world.aisha, 100)
    first = shop.told("1", body)
    done(shop.add(world.aisha, "cart", shop.method()))
    before = rows(world)
    assert shop.told("1", body) == {**first, "is_replay": True}
    assert first["points_redeemed"] == 0
    assert rows(world) == before


def test_a_cart_holds_as_long_as_the_program_says(shop: Shop) -> None:
    world, method = shop.world, shop.method()
    world.adjust(world.aisha, 100)
    shop.program(hold_minutes=1)
    done(shop.add(world.aisha, "short", method))
    shop.program(hold_minutes=10_080)
    world.time.forward(us=10)
    done(shop.add(world.aisha, "long", method))
    world.time.forward(seconds=60)
    assert points(world, world.aisha) == {"available": 60, "held": 40}
    assert holds(shop) == ["short 40 live", "long 40 live"], "it is booked by whoever comes next"
    world.time.forward(days=7, us=-60_000_001)
    assert points(world, world.aisha) == {"available": 60, "held": 40}
    world.time.forward(us=1)
    assert points(world, world.aisha) == {"available": 100}


def test_a_cart_is_its_customers_own(shop: Shop) -> None:
    """The same cart id of another customer is another cart: nothing there is seen or moved."""
    world, method = shop.world, shop.method()
    badr = world.badr
    for shopper in (world.aisha, badr):
        world.adjust(shopper, 100)
        done(shop.add(shopper, "cart", method))
    done(shop.remove(badr, "cart"))
    assert points(world, badr) == {"available": 100}
    assert points(world, world.aisha) == {"available": 60, "held": 40}
    done(shop.add(badr, "cart", method))
    without_earning(shop)
    shop.told("1", plain(shop, of=badr, cart_session_id="cart"))
    assert points(world, badr) == {"available": 60, "used": 40}
    assert points(world, world.aisha) == {"available": 60, "held": 40}


def test_a_method_is_named_as_the_client_likes(shop: Shop) -> None:
    """The whole object as Zid's client posts it back, its id alone, or the id itself: its points
    are the store's, whatever the client says of them."""
    world, method = shop.world, shop.method()
    world.adjust(world.aisha, 100)
    for number, sent in enumerate((
        {"id": method.method_id, "points_to_redeem": 1, "reward": {"discount_value": 99}, "x": []},
        {"id": method.method_id},
        method.method_id,
    )):  # fmt: skip
        done(shop.add(world.aisha, f"cart-{number}", sent))
        assert points(world, world.aisha) == {"available": 60, "held": 40}
        done(shop.remove(world.aisha, f"cart-{number}"))


# -- refusals --------------------------------------------------------------------------------------


def switched_off(shop: Shop) -> object:
    method, world = shop.method(), shop.world
    world.engine.door.write_now(
        "off",
        lambda tx: redemption.switch_method(
            tx, shop.store.store_id, method.method_id, False, world.time.wall, "cli"
        ),
    )
    return method


def deleted(shop: Shop) -> object:
    method, world = shop.method(), shop.world
    world.engine.door.write_now(
        "delete",
        lambda tx: redemption.delete_method(
            tx, shop.store.store_id, method.method_id, world.time.wall, "cli"
        ),
    )
    return method


def of_another_store(shop: Shop) -> object:
    return Shop(shop.house, shop.world.kuwait).method()


def unknown(shop: Shop) -> object:
    return {"id": "b1e3ca5d-2a89-4993-89bf-0f31a4b70b00"}


def too_dear(shop: Shop) -> object:
    return shop.method(points=101)


def too_dear_beside_another(shop: Shop) -> object:
    done(shop.add(shop.world.aisha, "other", shop.method(points=61)))
    return shop.method(points=40)


def too_dear_in_its_place(shop: Shop) -> object:
    """What was applied stays applied."""
    done(shop.add(shop.world.aisha, "cart", shop.method(points=60)))
    return shop.method(points=101)


def while_off(shop: Shop) -> object:
    shop.program(is_on=0)
    return shop.method()


def while_owing(shop: Shop) -> object:
    world, aisha = shop.world, shop.world.aisha
    shop.told("1", plain(shop))
    world.spend(aisha, 330)
    shop.told("1", plain(shop, status="cancelled"))
    assert points(world, aisha) == {"owed": 230, "used": 330}
    return shop.method()


def in_too_many_carts(shop: Shop) -> object:
    for number in range(3):
        done(shop.add(shop.world.aisha, f"cart-{number}", shop.method(points=1)))
    return shop.method(points=1)


REFUSED: Final[dict[Callable[[Shop], object], tuple[int, str]]] = {
    switched_off: (404, "ERROR_METHOD_NOT_FOUND"),
    deleted: (404, "ERROR_METHOD_NOT_FOUND"),
    of_another_store: (404, "ERROR_METHOD_NOT_FOUND"),
    unknown: (404, "ERROR_METHOD_NOT_FOUND"),
    too_dear: (422, "ERROR_NOT_ENOUGH_POINTS"),
    too_dear_beside_another: (422, "ERROR_NOT_ENOUGH_POINTS"),
    too_dear_in_its_place: (422, "ERROR_NOT_ENOUGH_POINTS"),
    while_off: (422, "ERROR_PROGRAM_OFF"),
    while_owing: (422, "ERROR_POINTS_OWED"),
    in_too_many_carts: (422, "ERROR_TOO_MANY_HOLDS"),
}


@pytest.mark.parametrize("arranged", REFUSED, ids=lambda arranged: arranged.__name__)
def test_a_cart_that_is_refused_changes_nothing(
    tmp_path: Path, arranged: Callable[[Shop], object]
) -> None:
    status, code = REFUSED[arranged]
    with open_house(tmp_path, holds_per_customer=3) as house:
        shop = Shop(house, house.world.riyadh)
        aisha = shop.world.aisha
        shop.world.adjust(aisha, 100)
        method = arranged(shop)
        shop.remove(aisha, "none")  # log in before the books are compared
        before, said = rows(shop.world), set[str]()
        for language in ("en", "ar"):
            answer = shop.add(aisha, "cart", method, language=language)
            assert (answer.status, answer.code) == (status, code)
            said.add(answer.json["message"]["description"])
        assert len(said) == 2
        assert rows(shop.world) == before


def test_a_cart_may_change_its_method_where_no_further_cart_fits(tmp_path: Path) -> None:
    with open_house(tmp_path, holds_per_customer=2) as house:
        shop = Shop(house, house.world.riyadh)
        aisha, methods = shop.world.aisha, [shop.method(points=count) for count in (1, 2, 3)]
        shop.world.adjust(aisha, 100)
        for cart in ("one", "two"):
            done(shop.add(aisha, cart, methods[0]))
        for method in methods:
            done(shop.add(aisha, "two", method))
        assert shop.add(aisha, "three", methods[0]).code == "ERROR_TOO_MANY_HOLDS"
        shop.world.time.forward(seconds=LIFE_S)
        done(shop.add(aisha, "three", methods[0]))


# -- keys ------------------------------------------------------------------------------------------


def test_a_key_is_answered_once_and_alike_for_ever(shop: Shop) -> None:
    world, aisha = shop.world, shop.world.aisha
    first, second = shop.method(), shop.method(points=25)
    world.adjust(aisha, 100)
    answer = shop.add(aisha, "cart", first, key="k")
    done(answer)
    before = rows(world)
    assert shop.add(aisha, "cart", first, key="k").body == answer.body
    for again in (
        shop.add(aisha, "cart", second, key="k"),
        shop.add(aisha, "other", first, key="k"),
        shop.remove(aisha, "cart", key="k"),
    ):
        assert (again.status, again.code) == (409, "ERROR_IDEMPOTENCY_CONFLICT")
    assert rows(world) == before
    world.adjust(world.badr, 40)
    done(shop.add(world.badr, "other", first, key="k"))  # another customer's key is another key


def test_a_removal_that_is_sent_again_takes_nothing_out_of_what_came_since(shop: Shop) -> None:
    world, aisha, method = shop.world, shop.world.aisha, shop.method()
    world.adjust(aisha, 100)
    done(shop.add(aisha, "cart", method))
    done(shop.remove(aisha, "cart", key="out"))
    done(shop.add(aisha, "cart", method))
    before = rows(world)
    done(shop.remove(aisha, "cart", key="out"))
    assert rows(world) == before
    assert points(world, aisha) == {"available": 60, "held": 40}
    done(shop.remove(aisha, "cart"))
    assert points(world, aisha) == {"available": 100}


def removed(shop: Shop) -> None:
    done(shop.remove(shop.world.aisha, "cart"))


def lapsed(shop: Shop) -> None:
    """And nothing has booked it yet."""
    shop.world.time.forward(seconds=LIFE_S)


def replaced(shop: Shop) -> None:
    done(shop.add(shop.world.aisha, "cart", shop.method(points=25)))


def ordered(shop: Shop) -> None:
    shop.told("1", plain(shop, cart_session_id="cart"))


@pytest.mark.parametrize("ended", [removed, lapsed, replaced, ordered])
def test_a_key_whose_hold_has_ended_is_answered_as_then_and_holds_nothing_anew(
    shop: Shop, ended: Callable[[Shop], None]
) -> None:
    world, aisha, method = shop.world, shop.world.aisha, shop.method()
    world.adjust(aisha, 100)
    done(shop.add(aisha, "cart", method, key="k"))
    ended(shop)
    before = rows(world)
    done(shop.add(aisha, "cart", method, key="k"))
    assert rows(world) == before
    done(shop.add(aisha, "cart", method, key="another"))


def test_a_key_is_answered_as_then_whatever_the_method_is_now(shop: Shop) -> None:
    world, aisha, method = shop.world, shop.world.aisha, shop.method()
    world.adjust(aisha, 100)
    done(shop.add(aisha, "cart", method, key="k"))
    world.engine.door.write_now(
        "delete",
        lambda tx: redemption.delete_method(
            tx, shop.store.store_id, method.method_id, world.time.wall, "cli"
        ),
    )
    before = rows(world)
    done(shop.add(aisha, "cart", method, key="k"))
    assert rows(world) == before
    assert shop.add(aisha, "cart", method, key="new").code == "ERROR_METHOD_NOT_FOUND"


def test_a_refusal_under_a_key_is_remembered(shop: Shop) -> None:
    world, aisha, method = shop.world, shop.world.aisha, shop.method()
    assert shop.add(aisha, "cart", method, key="k").code == "ERROR_NOT_ENOUGH_POINTS"
    world.adjust(aisha, 100)
    before = rows(world)
    assert shop.add(aisha, "cart", method, key="k").code == "ERROR_NOT_ENOUGH_POINTS"
    assert rows(world) == before
    done(shop.add(aisha, "cart", method, key="another"))


def test_a_refusal_before_the_door_leaves_the_key_free(shop: Shop) -> None:
    world, aisha, method = shop.world, shop.world.aisha, shop.method()
    world.adjust(aisha, 100)
    shop.program(is_on=0)
    assert shop.add(aisha, "cart", method, key="k").code == "ERROR_PROGRAM_OFF"
    shop.program(is_on=1)
    done(shop.add(aisha, "cart", method, key="k"))
