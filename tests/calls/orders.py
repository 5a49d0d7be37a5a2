"""Good calls: orders that come in, and the cart before them."""

from typing import Final

from tests.calls.every import Call, Maker
from tests.http.server import House
from tests.orders.shop import Shop, plain, zid

_CART: Final = "/v1/stores/{store}/carts/loyalty-redemption-method"


def _from_zid(house: House) -> Call:
    shop = Shop(house, house.world.riyadh)
    return Call(f"/v1/webhooks/orders/{house.world.riyadh.store_id}", zid(shop))


def _plain(house: House) -> Call:
    return Call("/v1/managers/store/orders/1001/loyalty", plain(Shop(house, house.world.riyadh)))


def _add(house: House) -> Call:
    world = house.world
    world.adjust(world.aisha, 40)
    method = Shop(house, world.riyadh).method(points=40)
    return Call(
        f"{_CART}/add".replace("{store}", str(world.riyadh.store_id)),
        {"point_redemption_method": {"id": method.method_id}},
        {"CART-SESSION-ID": "cart"},
    )


def _remove(house: House) -> Call:
    path = f"{_CART}/remove".replace("{store}", str(house.world.riyadh.store_id))
    return Call(path, None, {"CART-SESSION-ID": "cart"})


CALLS: Final[dict[str, Maker]] = {
    "POST /v1/webhooks/orders/{store}": _from_zid,
    "PUT /v1/managers/store/orders/{order_id}/loyalty": _plain,
    f"POST {_CART}/add": _add,
    f"POST {_CART}/remove": _remove,
}
