"""Good calls: what happened to points."""

from typing import Final

from tests.calls.every import Call, Maker
from tests.http.server import House

_MANAGER: Final = "/v1/managers/loyalty-program"
_ADJUST: Final = f"{_MANAGER}/customers/adjust-customer-points"


def _wallet(house: House) -> Call:
    return Call(f"/v1/customers/loyalty-program/{house.world.riyadh.store_id}/wallet")


CALLS: Final[dict[str, Maker]] = {
    "GET /v1/customers/loyalty-program/{store}/wallet": _wallet,
    f"GET {_MANAGER}/customers/details": (
        lambda house: Call(f"{_MANAGER}/customers/details?customerId=1")
    ),
    f"GET {_MANAGER}/points-history/{{customer_id}}": (
        lambda house: Call(f"{_MANAGER}/points-history/1")
    ),
    f"POST {_ADJUST}": (
        lambda house: Call(
            _ADJUST, {"customerId": "1", "direction": "+", "points": "5", "reason": "gift"}
        )
    ),
}
