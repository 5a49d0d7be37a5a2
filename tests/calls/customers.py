"""Good calls: customers and orders as managers look at them."""

from typing import Final

from nuqta.engine import customers
from nuqta.engine.orders import take_in
from nuqta.loyalty.order_fields import Decoded
from nuqta.loyalty.orders import placed_and_delivered
from tests.calls.every import Call, Maker
from tests.http.server import House

_CUSTOMERS: Final = "/v1/managers/store/customers"
_ORDERS: Final = "/v1/managers/store/orders"


def _view(house: House) -> Call:
    world, now = house.world, house.world.time.wall
    bought = placed_and_delivered("1001", 1, now, 10_000, world.riyadh.currency)
    world.engine.door.write_now(
        "order",
        lambda tx: take_in(
            tx, world.riyadh, [Decoded(bought)], now, "cli", events_max=10, facts_max=10_000
        ),
    )
    return Call(f"{_ORDERS}/1001/view")


def _of_somebody(rest: str) -> Maker:
    """About a customer whom no other call needs."""

    def call(house: House) -> Call:
        world, known = house.world, house.world.engine.vault.reader()
        if customers.find_ever(known, world.riyadh.store_id, 7) is None:
            world.customer(world.riyadh, 7, "Huda", "huda@shop.example")
        return Call(f"{_CUSTOMERS}/7/{rest}")

    return call


CALLS: Final[dict[str, Maker]] = {
    f"GET {_CUSTOMERS}": lambda house: Call(f"{_CUSTOMERS}?page=1&per_page=15"),
    f"GET {_CUSTOMERS}/{{id}}": lambda house: Call(f"{_CUSTOMERS}/1"),
    f"POST {_CUSTOMERS}/{{id}}/erase": _of_somebody("erase"),
    f"GET {_CUSTOMERS}/{{id}}/export": _of_somebody("export"),
    f"GET {_ORDERS}": lambda house: Call(f"{_ORDERS}?page=1&per_page=15"),
    f"GET {_ORDERS}/{{order_id}}/view": _view,
    "GET /v1/managers/account/profile": lambda house: Call("/v1/managers/account/profile"),
}
