"""Cashback rules on the wire: what orders earn is changed, switched, and shown to the customer.

Source: contract, zid-loyalty, sections 4.6, 5.4, 5.5 and 5.11; decisions, section 4.
"""

import json
import uuid
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from nuqta.engine import stores
from nuqta.engine.stores import Store
from nuqta.ledger.instants import POINTS_MAX
from nuqta.loyalty.cashback import Rule
from nuqta.texts import say
from tests.contract.test_encodings import flat_json, form, multipart, nested_json
from tests.http.server import Answer, House
from tests.orders.shop import Shop, opened, plain, rows

COLLECTION = "/v1/managers/loyalty-program/points-collection"
RULES = ("cashback_rules",)
Way: TypeAlias = Callable[[dict[str, Any]], tuple[str, bytes]]
THEN, NOW = "2026-03-01T09:00:00.000000Z", "2026-03-01T10:00:00.000000Z"
UPDATED = "Points collection updated successfully"
NO_LEVEL = {"levelId": None, "levelName": None}
MOST = 10**15


def rule(house: House, channel: str = "online", store: Store | None = None) -> Rule:
    """The rule of that channel that a store began with, as it is in force."""
    store_id = (store or house.world.riyadh).store_id
    rules = stores.rules_of(house.world.engine.vault.reader(), store_id)
    return next(one for one in rules if one.channel == channel)


def shown(of: Rule, store: Store, **changes: Any) -> dict[str, Any]:
    """A rule as a store begins with it: ten keys, in their order."""
    is_online = of.channel == "online"
    found: dict[str, Any] = {
        "id": of.rule_id,
        "external_id": of.external_id,
        "store_id": store.uuid,
        "points_rewarded": 1,
        "amount_to_spend": 1,
        "available_to": {"tags": [], "level": NO_LEVEL} if is_online else None,
        "is_active": is_online,
        "created_at": THEN,
        "updated_at": THEN,
        "deleted_at": None,
    }
    return {**found, **changes}


def update(
    house: House,
    money: object = 100,
    points: object = 1,
    *,
    of: str = "",
    store: Store | None = None,
    language: str = "en",
) -> Answer:
    store = store or house.world.riyadh
    body = {
        "ruleId": of or rule(house, store=store).rule_id,
        "config": {"money": money, "points": points},
    }
    headers = {**house.manager(store), "Accept-Language": language}
    return house.send("POST", f"{COLLECTION}/update", headers, body)


def switch(
    house: House, is_on: object, *, of: str = "", store: Store | None = None, language: str = "en"
) -> Answer:
    store = store or house.world.riyadh
    headers = {**house.manager(store), "Accept-Language": language}
    body = {"ruleId": of or rule(house, store=store).rule_id, "activate": is_on}
    return house.send("PUT", f"{COLLECTION}/update-status", headers, body)


def offered(house: House, slash: str = "") -> Any:
    """What Aisha is shown."""
    world = house.world
    path = f"/v1/customers/loyalty-program/{world.riyadh.store_id}/point-cashback-rules{slash}"
    answer = house.ask("GET", path, house.shopper(world.riyadh, world.login(world.aisha)))
    assert answer.status == 200, answer.body
    return answer.json


# -- the answers, key by key -----------------------------------------------------------------------


def test_a_changed_rule_is_answered_with_every_rule(alone: House) -> None:
    world = alone.world
    world.time.forward(hours=1)
    online, pos = rule(alone), rule(alone, "pos")
    answer = update(alone, 100, 3)
    assert answer.status == 200
    changed = {"points_rewarded": 3, "amount_to_spend": 100, "updated_at": NOW}
    assert json.dumps(answer.json) == json.dumps({
        "status": "object",
        "data": {
            "status": True,
            "message": UPDATED,
            "is_cashback_enabled": True,
            "points_collection_methods_list": [
                shown(online, world.riyadh, **changed), shown(pos, world.riyadh),
            ],
        },
        "message": {
            "type": "object", "code": "MSG_POPUP_OK", "name": "Points collection",
            "description": UPDATED,
        },
    })  # fmt: skip


@pytest.mark.parametrize("is_on", [True, False])
def test_a_switched_rule_is_answered_with_every_rule(alone: House, is_on: bool) -> None:
    world = alone.world
    world.time.forward(hours=1)
    online, pos = rule(alone), rule(alone, "pos")
    of, before = (pos, online) if is_on else (online, pos)
    answer = switch(alone, int(is_on), of=of.rule_id)
    assert answer.status == 200
    text = f"Points collection method {'activated' if is_on else 'deactivated'} successfully"
    changed = {of.rule_id: {"is_active": is_on, "updated_at": NOW}, before.rule_id: {}}
    assert json.dumps(answer.json) == json.dumps({
        "status": "object",
        "activation": {
            "status": True,
            "message": text,
            "points_collection_methods_list": [
                shown(one, world.riyadh, **changed[one.rule_id]) for one in (online, pos)
            ],
        },
        "message": {
            "type": "object", "code": "MSG_POPUP_OK", "name": "Points collection",
            "description": text,
        },
    })  # fmt: skip


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_customer_is_shown_the_rules_that_are_on(alone: House, slash: str) -> None:
    world = alone.world
    online, pos = rule(alone), rule(alone, "pos")
    found = offered(alone, slash)
    assert json.dumps(found) == json.dumps({
        "status": "success",
        "point_cahsback_rules": [shown(online, world.riyadh)],
        "message": {"type": "success", "code": None, "name": None, "description": None},
    })  # fmt: skip
    switch(alone, 1, of=pos.rule_id)
    switch(alone, 0, of=online.rule_id)
    assert offered(alone)["point_cahsback_rules"] == [shown(pos, world.riyadh, is_active=True)]
    switch(alone, 0, of=pos.rule_id)
    assert offered(alone)["point_cahsback_rules"] == []


def test_whom_a_rule_is_for_is_shown(alone: House) -> None:
    shop = Shop(alone, alone.world.riyadh)
    shop.rule(tags='["vip","gold"]', level="7", level_name="Silver")
    shop.rule("pos", tags='["staff"]')
    online, pos = offered(alone)["point_cahsback_rules"]
    assert json.dumps(online["available_to"]) == json.dumps(
        {"tags": ["gold", "vip"], "level": {"levelId": "7", "levelName": "Silver"}}
    )
    assert pos["available_to"] == {"tags": ["staff"], "level": NO_LEVEL}


@pytest.mark.parametrize("way", [nested_json, flat_json, form, multipart])
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_change_in_every_way(alone: House, way: Way, slash: str) -> None:
    store, of = alone.world.riyadh, rule(alone).rule_id
    body = {"ruleId": of, "config": {"money": 2.5, "points": 4}, "more": "ignored"}
    kind, data = way(body)
    headers = {**alone.manager(store), "Content-Type": kind}
    answer = alone.ask("POST", f"{COLLECTION}/update{slash}", headers, data)
    assert answer.status == 200, answer.body
    assert (rule(alone).amount_to_spend, rule(alone).points_rewarded) == (250, 4)


@pytest.mark.parametrize("way", [nested_json, flat_json, form, multipart])
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_switch_in_every_way(alone: House, way: Way, slash: str) -> None:
    store, of = alone.world.riyadh, rule(alone).rule_id
    for is_on in (0, 1, False, True):
        body = {"ruleId": of, "activate": is_on}
        kind, data = way(body)
        path = f"{COLLECTION}/update-status{slash}"
        answer = alone.ask("PUT", path, {**alone.manager(store), "Content-Type": kind}, data)
        assert answer.status == 200, answer.body
        assert rule(alone).is_active == is_on


# -- what it means ---------------------------------------------------------------------------------


def test_cashback_is_enabled_while_any_rule_is_on(alone: House) -> None:
    online, pos = rule(alone), rule(alone, "pos")
    for on, expected in (((), False), ((pos,), True), ((online, pos), True), ((online,), True)):
        for one in (online, pos):
            switch(alone, int(one in on), of=one.rule_id)
        assert update(alone).json["data"]["is_cashback_enabled"] is expected


def test_orders_earn_by_the_rule_that_is_in_force(alone: House) -> None:
    shop = Shop(alone, alone.world.riyadh)

    def earned(order: str, status: str = "new") -> Any:
        alone.world.time.forward(seconds=1)
        return shop.told(order, plain(shop, status=status))["points_earned"]

    assert earned("1") == 230
    update(alone, 10, 1)
    assert earned("2") == 23
    assert earned("1", status="preparing") == 230, "an award stays as it was made"
    switch(alone, 0)
    assert earned("3") == 0


def test_what_stays_as_it_is_makes_no_revision(alone: House) -> None:
    before = rows(alone.world, RULES)
    alone.world.time.forward(hours=1)
    assert update(alone, 1, 1).status == 200
    assert switch(alone, 1).status == 200
    assert rows(alone.world, RULES) == before


@pytest.mark.parametrize(
    ("currency", "sent", "minor", "told"),
    [
        ("SAR", 100, 100_00, "100"),
        ("SAR", "0.01", 1, "0.01"),
        ("SAR", "2.50", 250, "2.5"),
        ("SAR", 250.75, 250_75, "250.75"),
        ("SAR", "1.000000000000", 100, "1"),
        ("SAR", MOST // 100, MOST, str(MOST // 100)),
        ("KWD", "0.125", 125, "0.125"),
        ("KWD", 1, 1_000, "1"),
        ("JPY", 100, 100, "100"),
    ],
)
def test_an_amount_is_exact(
    alone: House, currency: str, sent: object, minor: int, told: str
) -> None:
    world = alone.world
    known = {"SAR": world.riyadh, "KWD": world.kuwait}
    store = known[currency] if currency in known else opened(alone, currency).store
    answer = update(alone, sent, POINTS_MAX, store=store)
    assert answer.status == 200, answer.body
    assert rule(alone, store=store).amount_to_spend == minor
    assert f'"points_rewarded":{POINTS_MAX},"amount_to_spend":{told},'.encode() in answer.body


# -- what is refused -------------------------------------------------------------------------------

_SAR = "Send an amount above 0 and up to 10000000000000, with at most this many decimals: 2."
_DECIMAL = "Send a plain decimal number, 0 or more."
_WHOLE = f"Send a whole number from 1 to {POINTS_MAX}."
_MISSING = "This field is required."


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"money": 0, "points": 1}, {"config[money]": [_SAR]}),
        ({"money": "0.001", "points": 1}, {"config[money]": [_SAR]}),
        ({"money": "10000000000000.01", "points": 1}, {"config[money]": [_SAR]}),
        ({"money": -1, "points": 1}, {"config[money]": [_DECIMAL]}),
        ({"money": "1e999", "points": 1}, {"config[money]": [_DECIMAL]}),
        ({"money": "", "points": 1}, {"config[money]": [_DECIMAL]}),
        ({"money": True, "points": 1}, {"config[money]": [_DECIMAL]}),
        ({"money": [1], "points": 1}, {"config[money]": [_DECIMAL]}),
        ({"money": 1, "points": 0}, {"config[points]": [_WHOLE]}),
        ({"money": 1, "points": POINTS_MAX + 1}, {"config[points]": [_WHOLE]}),
        ({"money": 1, "points": 1.5}, {"config[points]": [_WHOLE]}),
        ({"money": 1, "points": True}, {"config[points]": [_WHOLE]}),
        ({"money": 0, "points": -1}, {"config[money]": [_SAR], "config[points]": [_WHOLE]}),
        ({"money": 1}, {"config[points]": [_MISSING]}),
        ({"money": None, "points": 1}, {"config[money]": [_MISSING]}),
        ("money", {"config[money]": [_MISSING], "config[points]": [_MISSING]}),
        ([], {"config[money]": [_MISSING], "config[points]": [_MISSING]}),
    ],
)
def test_a_bad_config_has_sentences_and_changes_nothing(
    house: House, config: object, expected: dict[str, list[str]]
) -> None:
    before = rows(house.world, RULES)
    body = {"ruleId": rule(house).rule_id, "config": config}
    answer = house.send("POST", f"{COLLECTION}/update", house.manager(house.world.riyadh), body)
    assert (answer.status, answer.code) == (422, "ERROR_POPUP_OK")
    assert {name: answer.json[name] for name in list(answer.json)[3:]} == expected
    assert rows(house.world, RULES) == before


@pytest.mark.parametrize("is_on", [2, -1, "yes", "", None, [], 0.5])
def test_a_switch_is_on_or_off(house: House, is_on: object) -> None:
    before = rows(house.world, RULES)
    answer = switch(house, is_on)
    assert (answer.status, answer.code) == (422, "ERROR_POPUP_OK"), answer.body
    assert list(answer.json)[3:] == ["activate"]
    assert rows(house.world, RULES) == before


@pytest.mark.parametrize("of", [None, "x" * 65, "a\x00b", True, {"id": 1}])
def test_a_rule_is_named_by_a_text(house: House, of: object) -> None:
    world = house.world
    for method, path, rest in (
        ("POST", "update", {"config": {"money": 1, "points": 1}}),
        ("PUT", "update-status", {"activate": 1}),
    ):
        body = {"ruleId": of, **rest}
        answer = house.send(method, f"{COLLECTION}/{path}", house.manager(world.riyadh), body)
        assert (answer.status, answer.code) == (422, "ERROR_POPUP_OK"), answer.body
        assert list(answer.json)[3:] == ["ruleId"]


def test_an_unknown_rule_and_another_stores_are_alike(house: House) -> None:
    world = house.world
    before = rows(world, RULES)
    theirs = rule(house, store=world.kuwait).rule_id
    calls: dict[str, Callable[[str], Answer]] = {
        "update": lambda of: update(house, 7, 7, of=of),
        "switch": lambda of: switch(house, 0, of=of),
    }
    for name, call in calls.items():
        answers = [call(of) for of in (theirs, str(uuid.uuid4()), "1", "nonsense' OR 1=1 --")]
        for answer in answers:
            assert (answer.status, answer.code) == (404, "ERROR_RULE_NOT_FOUND"), name
            assert answer.body == answers[0].body
    assert rows(world, RULES) == before


def test_it_is_said_in_arabic(alone: House) -> None:
    for answer, text, key in (
        (update(alone, 5, language="ar"), UPDATED, "data"),
        (
            switch(alone, 0, language="ar"),
            "Points collection method deactivated successfully", "activation",
        ),
        (
            switch(alone, 1, language="ar"),
            "Points collection method activated successfully", "activation",
        ),
    ):  # fmt: skip
        assert answer["content-language"] == "ar"
        assert answer.json[key]["message"] == say(text, "ar") != text
        assert answer.json["message"]["description"] == say(text, "ar")
        assert answer.json["message"]["name"] == say("Points collection", "ar")
    wrong = update(alone, "0.001", language="ar").json["config[money]"]
    assert "10000000000000" in wrong[0]
    assert not wrong[0].isascii()
