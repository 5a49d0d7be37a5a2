"""Good calls: points, and customers who log in and out."""

from typing import Final

from nuqta.engine.access import sessions
from nuqta.engine.access.sessions import Address
from tests.calls.every import Call, Maker
from tests.http.server import House


def _in_store(rest: str, body: object = None) -> Maker:
    return lambda house: Call(f"/v1/stores/{house.world.riyadh.store_id}{rest}", body)


def _points(house: House) -> Call:
    world = house.world
    world.adjust(world.aisha, 150)
    world.spend(world.aisha, 30)
    return Call(f"/v1/customers/loyalty-program/{house.world.riyadh.store_id}/points")


def _end_all(house: House) -> Call:
    house.world.login(house.world.aisha)
    return Call("/v1/managers/store/customers/1/login")


def _code(house: House) -> Call:
    return Call(
        f"/v1/stores/{house.world.riyadh.store_id}/auth/login", {"email": house.world.aisha.email}
    )


def _verify(house: House) -> Call:
    world, code = house.world, "123456"
    address = Address("email", world.aisha.email)
    world.engine.door.write_now(
        "code",
        lambda tx: sessions.put_code(
            tx, world.engine.keyring, world.engine.settings, world.riyadh.store_id, address, code,
            world.time.wall,
        ),
    )  # fmt: skip
    body = {"email": world.aisha.email, "code": code}
    return Call(f"/v1/stores/{house.world.riyadh.store_id}/auth/verify", body)


CALLS: Final[dict[str, Maker]] = {
    "GET /v1/customers/loyalty-program/{store}/points": _points,
    "POST /v1/managers/store/customers/{id}/login": (
        lambda house: Call("/v1/managers/store/customers/1/login")
    ),
    "DELETE /v1/managers/store/customers/{id}/login": _end_all,
    "POST /v1/stores/{store}/auth/login": _code,
    "POST /v1/stores/{store}/auth/verify": _verify,
    "POST /v1/stores/{store}/auth/logout": _in_store("/auth/logout"),
}
