"""Redemption methods on the wire: made, changed, switched, deleted, and shown to the customer.

Source: contract, zid-loyalty, sections 4.5 and 5.6-5.9; decisions, section 4.
"""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from nuqta.engine import redemption
from nuqta.engine.stores import Store
from nuqta.ledger.instants import POINTS_MAX
from nuqta.loyalty.redemption import FIXED, PERCENTAGE, Method
from nuqta.refusals import CURRENCY_MISMATCH, METHOD_NOT_FOUND, TOO_MANY_METHODS
from nuqta.texts import say
from tests.contract.test_encodings import flat_json, form, multipart, nested_json
from tests.http.server import Answer, House, open_house
from tests.orders.shop import Shop, done, opened, points, rows

METHODS = "/v1/managers/loyalty-program/points-redemption"
TABLE = ("redemption_methods",)
Way: TypeAlias = Callable[[dict[str, Any]], tuple[str, bytes]]
THEN, NOW = "2026-03-01T09:00:00.000000Z", "2026-03-01T10:00:00.000000Z"
ADDED = "Point redemption method added successfully"
UPDATED = "Point redemption method updated successfully"
DELETED = "Point redemption method deleted successfully"
ON = "Point redemption method activated successfully"
OFF = "Point redemption method deactivated successfully"
MOST = 10**15


def config(kind: str = FIXED, discount: object = 10, cost: object = 150) -> dict[str, object]:
    """What a method is to be, as it is sent."""
    return {"type": kind, "discount": discount, "points": cost}


def ask(
    house: House,
    path: str,
    body: object,
    *,
    method: str = "POST",
    store: Store | None = None,
    language: str = "en",
) -> Answer:
    """A manager's call, Riyadh's where no store is named."""
    headers = {**house.manager(store or house.world.riyadh), "Accept-Language": language}
    return house.send(method, f"{METHODS}{path}", headers, body)


def switch(house: House, of: str, is_on: object, language: str = "en") -> Answer:
    body = {"redemptionRuleUuid": of, "status": is_on}
    return ask(house, "/update-status", body, method="PUT", language=language)


def made(house: House, store: Store | None = None) -> Method:
    """A new method of the store's."""
    return Shop(house, store or house.world.riyadh).method(points=50, discount=5_00)


def kept(house: House, of: str, store: Store | None = None) -> Method:
    """A method as it is in force."""
    store_id = (store or house.world.riyadh).store_id
    found = redemption.method_of(house.world.engine.vault.reader(), store_id, of)
    assert isinstance(found, Method), found
    return found


def shown(of: Method, store: Store, **changes: Any) -> dict[str, Any]:
    """A method of 50 points for 5.00 as it was made: twelve keys, in their order."""
    found: dict[str, Any] = {
        "id": of.method_id,
        "external_id": of.external_id,
        "store_id": store.uuid,
        "name": "50",
        "points_to_redeem": 50,
        "rule_type": FIXED,
        "reward": {"discount_value": 5},
        "conditions": None,
        "is_active": True,
        "created_at": THEN,
        "updated_at": THEN,
        "deleted_at": None,
    }
    return {**found, **changes}


def told(text: str) -> dict[str, str]:
    """The message of a write."""
    return {
        "type": "object", "code": "MSG_POPUP_OK", "name": "Points redemption", "description": text,
    }  # fmt: skip


def offered(house: House, slash: str = "") -> Any:
    """What Aisha may choose from."""
    world = house.world
    path = f"/v1/customers/loyalty-program/{world.riyadh.store_id}/point-redemption-methods{slash}"
    answer = house.ask("GET", path, house.shopper(world.riyadh, world.login(world.aisha)))
    assert answer.status == 200, answer.body
    return answer.json


def ids_offered(house: House) -> list[str]:
    return [one["id"] for one in offered(house)["point_redemption_methods"]]


# -- the answers, key by key -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "sent", "discount"),
    [(FIXED, 10, 10), (FIXED, "2.5", 2.5), (PERCENTAGE, 15, 15), (PERCENTAGE, "12.25", 12.25)],
)
def test_a_new_method(alone: House, kind: str, sent: object, discount: object) -> None:
    store = alone.world.riyadh
    answer = ask(alone, "", {"config": config(kind, sent)})
    assert answer.status == 200, answer.body
    (method,) = redemption.methods_of(alone.world.engine.vault.reader(), store.store_id)
    assert json.dumps(answer.json) == json.dumps({
        "status": "object",
        "points_redemption": {
            "status": True,
            "message": ADDED,
            "redemptionRule": {
                "store_id": store.uuid,
                "external_id": method.external_id,
                "name": "150",
                "points_to_redeem": 150,
                "rule_type": kind,
                "reward": {"discount_value": discount},
                "is_active": True,
                "id": method.method_id,
                "updated_at": THEN,
                "created_at": THEN,
            },
        },
        "message": told(ADDED),
    })  # fmt: skip


def test_a_changed_method(alone: House) -> None:
    store, method = alone.world.riyadh, made(alone)
    alone.world.time.forward(hours=1)
    body = {"ruleId": method.method_id, "config": config(PERCENTAGE, 5, 70)}
    answer = ask(alone, "/update", body)
    assert answer.status == 200, answer.body
    assert json.dumps(answer.json) == json.dumps({
        "status": "object",
        "points_redemption": {"status": True, "message": UPDATED},
        "message": told(UPDATED),
    })  # fmt: skip
    assert offered(alone)["point_redemption_methods"] == [
        shown(
            method, store, name="70", points_to_redeem=70, rule_type=PERCENTAGE, updated_at=NOW,
        )
    ]  # fmt: skip


def test_a_deleted_method(alone: House) -> None:
    method = made(alone)
    answer = ask(alone, "/delete", {"ruleId": method.method_id})
    assert answer.status == 200, answer.body
    assert json.dumps(answer.json) == json.dumps({
        "status": "object",
        "points_redemption": {"status": True, "message": DELETED},
        "message": told(DELETED),
    })  # fmt: skip
    assert ids_offered(alone) == []


@pytest.mark.parametrize("is_on", [False, True])
def test_a_switched_method(alone: House, is_on: bool) -> None:
    store, method = alone.world.riyadh, made(alone)
    if is_on:
        switch(alone, method.method_id, 0)
    alone.world.time.forward(hours=1)
    answer = switch(alone, method.method_id, int(is_on))
    assert answer.status == 200, answer.body
    assert json.dumps(answer.json) == json.dumps({
        "status": "object",
        "redemption_rule": shown(method, store, is_active=is_on, updated_at=NOW),
        "message": told(ON if is_on else OFF),
    })  # fmt: skip
    assert ids_offered(alone) == [method.method_id] * is_on


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_customer_is_shown_the_methods_that_are_on(alone: House, slash: str) -> None:
    shop, store = Shop(alone, alone.world.riyadh), alone.world.riyadh
    off, gone, cheap = shop.method(points=10), shop.method(points=20), made(alone)
    dear = shop.method(
        points=90, discount=12_50, rule_type=PERCENTAGE,
        minimum_basket=100_00, maximum_discount=25_50,
    )  # fmt: skip
    made(alone, alone.world.kuwait)
    switch(alone, off.method_id, 0)
    ask(alone, "/delete", {"ruleId": gone.method_id})
    found = offered(alone, slash)
    conditions = {"minimum_basket": 100, "maximum_discount": 25.5}
    assert json.dumps(found) == json.dumps({
        "status": "success",
        "point_redemption_methods": [
            shown(cheap, store),
            shown(
                dear, store, name="90", points_to_redeem=90, rule_type=PERCENTAGE,
                reward={"discount_value": 12.5}, conditions=conditions,
            ),
        ],
        "message": {"type": "success", "code": None, "name": None, "description": None},
    })  # fmt: skip


# -- every way to send it --------------------------------------------------------------------------


@pytest.mark.parametrize("way", [nested_json, flat_json, form, multipart])
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_method_lives_in_every_way(alone: House, way: Way, slash: str) -> None:
    store = alone.world.riyadh

    def send(verb: str, path: str, body: dict[str, Any]) -> Any:
        kind, data = way({**body, "more": "ignored"})
        headers = {**alone.manager(store), "Content-Type": kind}
        answer = alone.ask(verb, f"{METHODS}{path}{slash}", headers, data)
        assert answer.status == 200, answer.body
        return answer.json

    wish = {**config(FIXED, 2.5, 30), "currency": "SAR"}
    of = send("POST", "", {"config": wish})["points_redemption"]["redemptionRule"]["id"]
    assert (kept(alone, of).discount, kept(alone, of).points_to_redeem) == (250, 30)
    send("POST", "/update", {"ruleId": of, "config": config(PERCENTAGE, 7.25, 40)})
    assert (kept(alone, of).discount, kept(alone, of).points_to_redeem) == (725, 40)
    for is_on in (0, 1, False, True):
        send("PUT", "/update-status", {"redemptionRuleUuid": of, "status": is_on})
        assert kept(alone, of).is_active == is_on
    send("POST", "/delete", {"ruleId": of})
    assert ids_offered(alone) == []


@pytest.mark.parametrize(
    ("currency", "sent", "minor", "shown_as"),
    [
        ("SAR", "0.01", 1, "0.01"),
        ("SAR", 5.50, 550, "5.5"),
        ("SAR", "1.000000000000", 100, "1"),
        ("SAR", MOST // 100, MOST, str(MOST // 100)),
        ("KWD", "0.125", 125, "0.125"),
        ("JPY", "100", 100, "100"),
    ],
)
def test_an_amount_is_exact(
    alone: House, currency: str, sent: object, minor: int, shown_as: str
) -> None:
    world = alone.world
    known = {"SAR": world.riyadh, "KWD": world.kuwait}
    store = known[currency] if currency in known else opened(alone, currency).store
    answer = ask(alone, "", {"config": config(FIXED, sent, POINTS_MAX)}, store=store)
    assert answer.status == 200, answer.body
    assert f'"reward":{{"discount_value":{shown_as}}}'.encode() in answer.body
    of = answer.json["points_redemption"]["redemptionRule"]["id"]
    assert (kept(alone, of, store).discount, kept(alone, of, store).currency) == (minor, currency)


@pytest.mark.parametrize(
    ("sent", "basis_points"), [("0.01", 1), (100, 10_000), ("33.33", 3_333), ("5.0", 500)]
)
def test_a_percentage_is_exact(alone: House, sent: object, basis_points: int) -> None:
    answer = ask(alone, "", {"config": config(PERCENTAGE, sent)})
    assert answer.status == 200, answer.body
    of = answer.json["points_redemption"]["redemptionRule"]["id"]
    assert kept(alone, of).discount == basis_points


# -- what it means ---------------------------------------------------------------------------------


def test_a_change_keeps_what_zid_has_no_words_for(alone: House) -> None:
    """The smallest basket stays; the largest discount as well, as long as there is a percentage."""
    method = Shop(alone, alone.world.riyadh).method(
        discount=10_00, rule_type=PERCENTAGE, minimum_basket=50_00, maximum_discount=20_00
    )
    of = method.method_id
    for kind, most in ((PERCENTAGE, 20_00), (FIXED, 0), (PERCENTAGE, 0)):
        body = {"ruleId": of, "config": config(kind, 5, 60)}
        assert ask(alone, "/update", body).status == 200
        assert (kept(alone, of).minimum_basket, kept(alone, of).maximum_discount) == (50_00, most)


def test_a_cart_keeps_what_it_was_given(alone: House) -> None:
    world, method = alone.world, made(alone)
    shop = Shop(alone, world.riyadh)
    world.adjust(world.aisha, 200)
    done(shop.add(world.aisha, "cart", method))
    ask(alone, "/update", {"ruleId": method.method_id, "config": config(FIXED, 1, 90)})
    assert points(world, world.aisha) == {"available": 150, "held": 50}
    ask(alone, "/delete", {"ruleId": method.method_id})
    assert points(world, world.aisha) == {"available": 150, "held": 50}
    refused = shop.add(world.aisha, "other", method)
    assert (refused.status, refused.code) == (404, METHOD_NOT_FOUND.code)
    done(shop.remove(world.aisha, "cart"))
    assert points(world, world.aisha) == {"available": 200}


def test_what_is_deleted_is_not_there_and_its_past_is(alone: House) -> None:
    of = made(alone).method_id
    ask(alone, "/delete", {"ruleId": of})
    before = rows(alone.world, TABLE)
    for answer in (
        ask(alone, "/delete", {"ruleId": of}),
        ask(alone, "/update", {"ruleId": of, "config": config()}),
        switch(alone, of, 1),
    ):
        assert (answer.status, answer.code) == (404, METHOD_NOT_FOUND.code)
    assert rows(alone.world, TABLE) == before
    assert len(before["redemption_methods"]) == 2, "its first revision, and that it is deleted"


def test_what_stays_as_it_is_makes_no_revision(alone: House) -> None:
    of = made(alone).method_id
    before = rows(alone.world, TABLE)
    alone.world.time.forward(hours=1)
    assert ask(alone, "/update", {"ruleId": of, "config": config(FIXED, 5, 50)}).status == 200
    assert switch(alone, of, 1).status == 200
    assert rows(alone.world, TABLE) == before


def test_a_store_has_so_many_methods_on_or_off(tmp_path: Path) -> None:
    with open_house(tmp_path, methods_per_store=2) as house:
        first = ask(house, "", {"config": config()}).json["points_redemption"]["redemptionRule"]
        ask(house, "", {"config": config()})
        switch(house, first["id"], 0)
        before = rows(house.world, TABLE)
        for language in ("en", "ar"):
            answer = ask(house, "", {"config": config()}, language=language)
            assert (answer.status, answer.code) == (422, "ERROR_TOO_MANY_METHODS")
            assert answer.json["message"]["name"] == say(TOO_MANY_METHODS.name, language)
        assert rows(house.world, TABLE) == before
        kuwait = house.world.kuwait
        assert ask(house, "", {"config": config()}, store=kuwait).status == 200
        ask(house, "/delete", {"ruleId": first["id"]})
        assert ask(house, "", {"config": config()}).status == 200


# -- what is refused -------------------------------------------------------------------------------

_SAR = "Send an amount above 0 and up to 10000000000000, with at most this many decimals: 2."
_PERCENT = "Send a percentage above 0 and up to 100, with two decimals at most."
_DECIMAL = "Send a plain decimal number, 0 or more."
_WHOLE = f"Send a whole number from 1 to {POINTS_MAX}."
_TYPE = f"Send one of these: {FIXED}, {PERCENTAGE}."
_CURRENCY = "Send a currency of ISO 4217, such as SAR."
_MISSING = "This field is required."
_NOTHING = {f"config[{name}]": [_MISSING] for name in ("type", "discount", "points")}


@pytest.mark.parametrize("path", ["", "/update"])
@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (config(FIXED, 0), {"config[discount]": [_SAR]}),
        (config(FIXED, "0.001"), {"config[discount]": [_SAR]}),
        (config(FIXED, "10000000000000.01"), {"config[discount]": [_SAR]}),
        (config(FIXED, -1), {"config[discount]": [_DECIMAL]}),
        (config(FIXED, "NaN"), {"config[discount]": [_DECIMAL]}),
        (config(FIXED, {"amount": 1}), {"config[discount]": [_DECIMAL]}),
        (config(PERCENTAGE, 0), {"config[discount]": [_PERCENT]}),
        (config(PERCENTAGE, "0.001"), {"config[discount]": [_PERCENT]}),
        (config(PERCENTAGE, "100.01"), {"config[discount]": [_PERCENT]}),
        (config(PERCENTAGE, 10**17), {"config[discount]": [_PERCENT]}),
        (config(FIXED, 1, 0), {"config[points]": [_WHOLE]}),
        (config(FIXED, 1, POINTS_MAX + 1), {"config[points]": [_WHOLE]}),
        (config(FIXED, 1, "1.5"), {"config[points]": [_WHOLE]}),
        (config(FIXED, 1, None), {"config[points]": [_MISSING]}),
        (config("fixed"), {"config[type]": [_TYPE]}),
        (config(""), {"config[type]": [_TYPE]}),
        (config("free", 0, 0), {"config[type]": [_TYPE], "config[points]": [_WHOLE]}),
        ({**config(), "currency": "sar"}, {"config[currency]": [_CURRENCY]}),
        ({**config(), "currency": "ABC"}, {"config[currency]": [_CURRENCY]}),
        ({}, _NOTHING),
        ("fixed", _NOTHING),
        (None, _NOTHING),
    ],
)
def test_a_bad_config_has_sentences_and_changes_nothing(
    house: House, path: str, sent: object, expected: dict[str, list[str]]
) -> None:
    body = {"ruleId": made(house).method_id, "config": sent}
    before = rows(house.world, TABLE)
    answer = ask(house, path, body)
    assert (answer.status, answer.code) == (422, "ERROR_POPUP_OK"), answer.body
    assert {name: answer.json[name] for name in list(answer.json)[3:]} == expected
    assert rows(house.world, TABLE) == before


@pytest.mark.parametrize("language", ["en", "ar"])
def test_another_currency_than_the_stores(house: House, language: str) -> None:
    body = {"ruleId": made(house).method_id, "config": {**config(), "currency": "KWD"}}
    before = rows(house.world, TABLE)
    for path in ("", "/update"):
        answer = ask(house, path, body, language=language)
        assert (answer.status, answer.code) == (422, CURRENCY_MISMATCH.code)
    assert rows(house.world, TABLE) == before


@pytest.mark.parametrize("is_on", [2, "on", "", None, [], 0.5])
def test_a_switch_is_on_or_off(house: House, is_on: object) -> None:
    """The field is called as the envelope's own `status` is, and so is named `body.status`."""
    answer = switch(house, made(house).method_id, is_on)
    assert (answer.status, answer.code) == (422, "ERROR_POPUP_OK"), answer.body
    assert list(answer.json) == ["status", "error_code", "message", "body.status"]


def test_each_call_names_a_method_in_its_own_way(house: House) -> None:
    """The switch says redemptionRuleUuid, as Zid's does; the other two say ruleId."""
    of = made(house).method_id
    for answer, name in (
        (ask(house, "/delete", {"redemptionRuleUuid": of}), "ruleId"),
        (ask(house, "/update", {"id": of, "config": config()}), "ruleId"),
        (
            ask(house, "/update-status", {"ruleId": of, "status": 1}, method="PUT"),
            "redemptionRuleUuid",
        ),
    ):
        assert (answer.status, answer.code) == (422, "ERROR_POPUP_OK")
        assert answer.json[name] == [_MISSING]


def test_an_unknown_method_and_another_stores_are_alike(house: House) -> None:
    world = house.world
    theirs = made(house, world.kuwait).method_id
    before = rows(world, TABLE)
    calls: dict[str, Callable[[str], Answer]] = {
        "update": lambda of: ask(house, "/update", {"ruleId": of, "config": config()}),
        "a foreign currency": lambda of: ask(
            house, "/update", {"ruleId": of, "config": {**config(), "currency": "KWD"}}
        ),
        "delete": lambda of: ask(house, "/delete", {"ruleId": of}),
        "switch": lambda of: switch(house, of, 0),
    }
    for name, call in calls.items():
        answers = [call(of) for of in (theirs, str(uuid.uuid4()), "1", "nonsense' OR 1=1 --")]
        for answer in answers:
            assert (answer.status, answer.code) == (404, METHOD_NOT_FOUND.code), name
            assert answer.body == answers[0].body
    assert rows(world, TABLE) == before


def test_it_is_said_in_arabic(alone: House) -> None:
    of = made(alone).method_id
    wish = {"config": config()}
    for answer, text in (
        (ask(alone, "", wish, language="ar"), ADDED),
        (ask(alone, "/update", {"ruleId": of, **wish}, language="ar"), UPDATED),
        (switch(alone, of, 0, "ar"), OFF),
        (switch(alone, of, 1, "ar"), ON),
        (ask(alone, "/delete", {"ruleId": of}, language="ar"), DELETED),
    ):
        assert answer["content-language"] == "ar"
        assert answer.json["message"]["description"] == say(text, "ar") != text
        assert answer.json["message"]["name"] == say("Points redemption", "ar")
        inner = answer.json.get("points_redemption")
        assert inner is None or inner["message"] == say(text, "ar")
    wrong = ask(alone, "", {"config": config(PERCENTAGE, 101)}, language="ar")
    assert wrong.json["config[discount]"] == [say(_PERCENT, "ar")]
