"""Good calls: the program, and its info page."""

from typing import Final

from tests.calls.every import Call, Maker

_MANAGER: Final = "/v1/managers/loyalty-program"
_INFO: Final = "/v1/managers/store/loyalty-program-info"
_PUBLIC: Final = ("/v2/catalog/customers/loyalty-program", "/v1/customers/loyalty-program")


def _about(prefix: str, rest: str) -> Maker:
    return lambda house: Call(f"{prefix}/{house.world.riyadh.store_id}/{rest}")


CALLS: Final[dict[str, Maker]] = {
    f"POST {_MANAGER}/activation": lambda house: Call(f"{_MANAGER}/activation", {"activate": 1}),
    f"GET {_MANAGER}/loyalty-status": lambda house: Call(f"{_MANAGER}/loyalty-status"),
    f"POST {_MANAGER}/points-expiration": (
        lambda house: Call(f"{_MANAGER}/points-expiration", {"days": "365"})
    ),
    f"GET {_MANAGER}/list-data": lambda house: Call(f"{_MANAGER}/list-data"),
    "GET /v1/stores/{store}/loyalty-program-info": _about("/v1/stores", "loyalty-program-info"),
    f"GET {_INFO}": lambda house: Call(_INFO),
    f"PUT {_INFO}": lambda house: Call(_INFO, {"title_en": "Points", "content_en": "<p>1</p>"}),
    **{
        f"GET {prefix}/{{store}}/get-points-per-order-total/{{amount}}": (
            _about(prefix, "get-points-per-order-total/1000")
        )
        for prefix in _PUBLIC
    },
    **{
        f"GET {prefix}/{{store}}/loyalty-status": _about(prefix, "loyalty-status")
        for prefix in _PUBLIC
    },
}
