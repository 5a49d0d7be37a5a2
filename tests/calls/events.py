"""Good calls: events, and the webhooks that are told of them."""

from typing import Final

from nuqta.engine.outbox import events, webhooks
from tests.calls.every import Call, Maker
from tests.http.server import House

_WEBHOOKS: Final = "/v1/managers/loyalty-program/webhooks"


def webhook(house: House) -> int:
    """A webhook of Riyadh, to ask about."""
    world = house.world
    made = world.engine.door.write_now(
        "webhook",
        lambda tx: webhooks.add(
            tx, world.riyadh.store_id, "https://shop.example/", "", world.time.wall, "cli",
            most=1_000,
        ),
    )  # fmt: skip
    assert isinstance(made, webhooks.Webhook)
    return made.webhook_id


def _read(house: House) -> Call:
    world = house.world
    world.earn(world.aisha, 30, order="2001", expire_days=365)
    store_id = world.riyadh.store_id
    world.engine.door.write_now("place", lambda tx: events.place_all(tx, store_id))
    return Call("/v1/managers/loyalty-program/events?limit=1")


def _list(house: House) -> Call:
    webhook(house)
    return Call(_WEBHOOKS)


def _of_one(rest: str = "") -> Maker:
    return lambda house: Call(f"{_WEBHOOKS}/{webhook(house)}{rest}")


CALLS: Final[dict[str, Maker]] = {
    "GET /v1/managers/loyalty-program/events": _read,
    f"GET {_WEBHOOKS}": _list,
    f"POST {_WEBHOOKS}": lambda house: Call(_WEBHOOKS, {"url": "https://shop.example/events"}),
    f"DELETE {_WEBHOOKS}/{{id}}": _of_one(),
    f"POST {_WEBHOOKS}/{{id}}/resume": _of_one("/resume"),
    f"POST {_WEBHOOKS}/{{id}}/replay": _of_one("/replay"),
}
