"""Good calls: points, and customers who log in and out."""

from typing import Final

from tests.calls.every import Call, Maker
from tests.http.server import House


def _in_store(rest: str, body: object = None) -> Maker:
    return lambda house: Call(f"/v1/stores/{house.world.riyadh.store_id}{rest}", body)


def _points(house: House) -> Call:
    return Call(f"/v1/customers/loyalty-program/{house.world.riyadh.store_id}/points")


def _code(house: House) -> Call:
    return Call(
        f"/v1/stores/{house.world.riyadh.store_id}/auth/login", {"email": house.world.aisha.email}
    )


def _verify(house: House) -> Call:
    body = {"email": house.world.aisha.email, "code": "123456"}
    return Call(f"/v1/stores/{house.world.riyadh.store_id}/auth/verify", body)


CALLS: Final[dict[str, Maker]] = {
    "GET /v1/customers/loyalty-program/{store}/points": _points,
    "POST /v1/managers/store/customers/{id}/login": (
        lambda house: Call("/v1/managers/store/customers/1/login")
    ),
    "DELETE /v1/managers/store/customers/{id}/login": (
        lambda house: Call("/v1/managers/store/customers/1/login")
    ),
    "POST /v1/stores/{store}/auth/login": _code,
    "POST /v1/stores/{store}/auth/verify": _verify,
    "POST /v1/stores/{store}/auth/logout": _in_store("/auth/logout"),
}
