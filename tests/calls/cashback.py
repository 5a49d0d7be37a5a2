"""Good calls: cashback rules."""

from typing import Final

from nuqta.engine import stores
from tests.calls.every import Call, Maker
from tests.http.server import House

_COLLECTION: Final = "/v1/managers/loyalty-program/points-collection"


def rule_of(house: House) -> str:
    """The online rule that Riyadh began with."""
    reader = house.world.engine.vault.reader()
    rules = stores.rules_of(reader, house.world.riyadh.store_id)
    return next(rule.rule_id for rule in rules if rule.channel == "online")


def _update(house: House) -> Call:
    body = {"ruleId": rule_of(house), "config": {"money": 100, "points": 1}}
    return Call(f"{_COLLECTION}/update", body)


def _switch(house: House) -> Call:
    return Call(f"{_COLLECTION}/update-status", {"ruleId": rule_of(house), "activate": 1})


def _active(house: House) -> Call:
    store = house.world.riyadh.store_id
    return Call(f"/v1/customers/loyalty-program/{store}/point-cashback-rules")


CALLS: Final[dict[str, Maker]] = {
    "GET /v1/customers/loyalty-program/{store}/point-cashback-rules": _active,
    f"POST {_COLLECTION}/update": _update,
    f"PUT {_COLLECTION}/update-status": _switch,
}
