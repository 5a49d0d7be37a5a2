"""Good calls: what a shop's own pages call."""

from typing import Final

from nuqta.engine.stores import domains_of
from tests.calls.every import Call, Maker
from tests.http.server import House
from tests.orders.shop import Shop

_PATH: Final = "/api/v1/cart/loyalty"
_SESSION: Final = "/api/v1/auth/session"


def host_of(house: House) -> dict[str, str]:
    """Riyadh's own domain, as a browser names it."""
    reader = house.world.engine.vault.reader()
    return {"Host": next(iter(domains_of(reader, house.world.riyadh.store_id)), "kuwait.example")}


def _at(path: str) -> Maker:
    return lambda house: Call(path, None, host_of(house))


def _apply(house: House) -> Call:
    world = house.world
    world.adjust(world.aisha, 40)
    method = Shop(house, world.riyadh).method(points=40)
    return Call(f"{_PATH}/redemptions", {"method_ids": [method.method_id]}, host_of(house))


CALLS: Final[dict[str, Maker]] = {
    f"GET {_PATH}/balance": _at(f"{_PATH}/balance"),
    f"GET {_PATH}/calculate": _at(f"{_PATH}/calculate?cart_total=250.75"),
    f"GET {_PATH}/redemption-options": _at(f"{_PATH}/redemption-options"),
    f"POST {_PATH}/redemptions": _apply,
    f"DELETE {_PATH}/redemptions": _at(f"{_PATH}/redemptions"),
    f"GET {_PATH}/wallet": _at(f"{_PATH}/wallet?page=1&page_size=24"),
    f"POST {_SESSION}": _at(_SESSION),
    f"DELETE {_SESSION}": _at(_SESSION),
    "GET /storefront/zid.js": _at("/storefront/zid.js"),
}
