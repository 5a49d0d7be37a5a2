"""Good calls: redemption methods."""

from typing import Final

from tests.calls.every import Call, Maker
from tests.http.server import House
from tests.orders.shop import Shop

_METHODS: Final = "/v1/managers/loyalty-program/points-redemption"
_CONFIG: Final = {"type": "fixed_rate_settings", "discount": 10, "points": 150}


def method_of(house: House) -> str:
    """A new method of Riyadh's."""
    return Shop(house, house.world.riyadh).method(points=50).method_id


def _active(house: House) -> Call:
    store = house.world.riyadh.store_id
    return Call(f"/v1/customers/loyalty-program/{store}/point-redemption-methods")


def _update(house: House) -> Call:
    return Call(f"{_METHODS}/update", {"ruleId": method_of(house), "config": _CONFIG})


def _switch(house: House) -> Call:
    body = {"redemptionRuleUuid": method_of(house), "status": 0}
    return Call(f"{_METHODS}/update-status", body)


CALLS: Final[dict[str, Maker]] = {
    "GET /v1/customers/loyalty-program/{store}/point-redemption-methods": _active,
    f"POST {_METHODS}": lambda house: Call(_METHODS, {"config": _CONFIG}),
    f"POST {_METHODS}/update": _update,
    f"POST {_METHODS}/delete": (
        lambda house: Call(f"{_METHODS}/delete", {"ruleId": method_of(house)})
    ),
    f"PUT {_METHODS}/update-status": _switch,
}
