"""The program: switched, how long points live, what an order would earn, and its totals.

Source: contract, zid-loyalty, sections 4.3, 4.4, 5.1-5.3 and 5.11; decisions, section 4.
"""

from pathlib import Path
from typing import Any

import pytest

from nuqta.engine.stores import ProgramWish, Store
from nuqta.ledger.instants import POINTS_MAX
from nuqta.loyalty.program import DAYS_MAX
from tests.http.server import Answer, House, open_house
from tests.orders.shop import Shop, plain

MANAGERS = "/v1/managers/loyalty-program"
PREFIXES = ("/v2/catalog/customers/loyalty-program", "/v1/customers/loyalty-program")
NOTHING = {"code": None, "name": None, "description": None}


def post(house: House, path: str, body: object, language: str = "en") -> Answer:
    headers = {**house.manager(house.world.riyadh), "Accept-Language": language}
    return house.send("POST", f"{MANAGERS}/{path}", headers, body)


def get(house: House, path: str, store: Store | None = None) -> Any:
    answer = house.ask("GET", f"{MANAGERS}/{path}", house.manager(store or house.world.riyadh))
    assert answer.status == 200, answer.body
    return answer.json


def public(house: House, rest: str, store: object = None, prefix: str = PREFIXES[0]) -> Answer:
    """What anybody asks, without a credential."""
    name = house.world.riyadh.store_id if store is None else store
    return house.ask("GET", f"{prefix}/{name}/{rest}")


def points(house: House, amount: str, store: Store | None = None) -> Any:
    answer = public(house, f"get-points-per-order-total/{amount}", store and store.store_id)
    assert answer.status == 200, answer.body
    return answer.json["points"]


def program_revisions(house: House) -> int:
    rows = house.world.engine.vault.reader().rows_of("SELECT count(*) FROM programs", ())
    return int(rows[0][0])


# -- on and off ------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_program_is_switched_and_everybody_sees_it(alone: House, prefix: str) -> None:
    for is_on in (False, True):
        assert post(alone, "activation", {"activate": is_on}).status == 200
        manager = get(alone, "loyalty-status")
        assert manager == {
            "status": "object", "loyalty_status": is_on, "message": {"type": "object", **NOTHING}
        }  # fmt: skip
        anybody = public(alone, "loyalty-status", prefix=prefix).json
        assert anybody == {
            "status": "success", "loyalty_status": is_on, "message": {"type": "success", **NOTHING}
        }  # fmt: skip
        assert get(alone, "list-data")["is_active"] is is_on
        assert get(alone, "loyalty-status", alone.world.kuwait)["loyalty_status"] is True


def test_what_switching_answers(alone: House) -> None:
    said = post(alone, "activation", {"activate": "1"}).json
    text = "Loyalty Program activation successfully"
    assert list(said) == ["status", "loyalty_program", "message"]
    assert said["loyalty_program"] == {"status": True, "activated": True, "message": text}
    assert said["message"] == {
        "type": "object", "code": "MSG_POPUP_OK", "name": "Loyalty program", "description": text
    }  # fmt: skip
    off = post(alone, "activation", {"activate": "0"}, "ar").json["loyalty_program"]
    assert off == {"status": True, "activated": False, "message": "تم إيقاف برنامج الولاء بنجاح"}


@pytest.mark.parametrize(
    ("value", "is_on"),
    [(1, True), ("1", True), (True, True), ("true", True), ("١", True), (0, False), ("0", False),
     ("false", False)],
)  # fmt: skip
def test_a_flag_is_sent_in_many_ways(alone: House, value: object, is_on: bool) -> None:
    for before in (0, 1):
        post(alone, "activation", {"activate": before})
        post(alone, "activation", {"activate": value, "more": "ignored"})
        assert get(alone, "loyalty-status")["loyalty_status"] is is_on


@pytest.mark.parametrize("body", [{}, {"activate": None}, {"activate": "yes"}, {"activate": 2},
                                  {"activate": []}, {"active": 1}])  # fmt: skip
def test_what_is_no_flag_switches_nothing(alone: House, body: object) -> None:
    answer = post(alone, "activation", body)
    assert (answer.status, answer.code) == (422, "ERROR_POPUP_OK")
    assert list(answer.json)[3:] == ["activate"]
    assert program_revisions(alone) == 2


def test_switching_to_what_it_is_books_nothing(alone: House) -> None:
    post(alone, "activation", {"activate": 1})
    assert program_revisions(alone) == 2
    post(alone, "activation", {"activate": 0})
    post(alone, "activation", {"activate": 0})
    assert program_revisions(alone) == 3


# -- how long points live --------------------------------------------------------------------------


def test_points_earned_from_then_on_live_so_long(alone: House) -> None:
    shop, world = Shop(alone, alone.world.riyadh), alone.world
    shop.put("1", plain(shop))
    said = post(alone, "points-expiration", {"days": "5"}).json
    assert said == {
        "status": "object", "points_expiry_period": 5,
        "message": {
            "type": "object", "code": "MSG_POPUP_OK", "name": "Points expiration",
            "description": "Points expiration updated successfully",
        },
    }  # fmt: skip
    shop.put("2", plain(shop))
    assert world.balance(world.aisha).available == 460
    world.time.forward(days=5)
    assert world.balance(world.aisha).available == 230
    for never in (0, None, "0"):
        post(alone, "points-expiration", {"days": 5})
        assert post(alone, "points-expiration", {"days": never}).json["points_expiry_period"] == 0
        assert get(alone, "list-data")["expiration_peroid"] == 0
    shop.put("3", plain(shop))
    world.time.forward(days=4_000)
    assert world.balance(world.aisha).available == 460


@pytest.mark.parametrize("days", [-1, "-1", DAYS_MAX + 1, "x", "", 1.5, "1.5", True, [], "9" * 30])
def test_days_that_are_none(alone: House, days: object) -> None:
    for body in ({"days": days}, {}):
        answer = post(alone, "points-expiration", body)
        assert (answer.status, answer.code) == (422, "ERROR_POPUP_OK")
        assert list(answer.json)[3:] == ["days"]
    assert program_revisions(alone) == 2
    assert post(alone, "points-expiration", {"days": DAYS_MAX}).status == 200


def test_points_that_could_never_be_spent_are_refused(alone: House) -> None:
    alone.world.program(alone.world.riyadh, ProgramWish(maturity_days=7))
    for days in (1, 7):
        answer = post(alone, "points-expiration", {"days": days})
        assert (answer.status, answer.code) == (422, "ERROR_MATURITY_PAST_EXPIRY")
    assert get(alone, "list-data")["expiration_peroid"] == 0
    assert post(alone, "points-expiration", {"days": 8}).status == 200


# -- what an order would earn ----------------------------------------------------------------------


@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_an_order_earns_is_a_whole_number(alone: House, prefix: str) -> None:
    Shop(alone, alone.world.riyadh).rule(points_rewarded=1, amount_to_spend=2_00)
    for name in (alone.world.riyadh.store_id, alone.world.riyadh.uuid):
        # As the published samples are written: names without values.
        answer = public(alone, "get-points-per-order-total/250.75?STORE_ID&AMOUNT", name, prefix)
        assert answer.json == {
            "status": "success", "points": 125, "message": {"type": "success", **NOTHING}
        }  # fmt: skip


def test_an_order_earns_what_was_told_before(alone: House) -> None:
    shop, world = Shop(alone, alone.world.riyadh), alone.world
    shop.rule(points_rewarded=3, amount_to_spend=7_00)
    before = points(alone, "230")
    shop.put("1", plain(shop))
    assert world.balance(world.aisha).available == before == 98


@pytest.mark.parametrize("query", ["STORE_ID", "STORE_ID=&x=1", "&", "a&&b", "=", ""])
def test_a_query_that_means_nothing_is_ignored(house: House, query: str) -> None:
    path = "/v1/managers/loyalty-program/loyalty-status"
    answer = house.ask("GET", f"{path}?{query}", house.manager(house.world.riyadh))
    assert answer.status == 200


def test_amounts_are_in_the_stores_currency(alone: House) -> None:
    """A point for 1.000 dinar of three decimals, and for 1.00 riyal of two."""
    kuwait = alone.world.kuwait
    Shop(alone, kuwait).rule(points_rewarded=1_000, amount_to_spend=1_000)
    assert points(alone, "1.234", kuwait) == 1_234
    assert points(alone, "1.2345", kuwait) == 1_235
    assert points(alone, "0.999") == 1
    assert points(alone, "0.99") == points(alone, "0") == 0
    assert points(alone, "%D9%A1%D9%A2") == 12


@pytest.mark.parametrize(
    "amount", ["x", "-1", "+1", "1e3", "1,5", "1.", ".5", "NaN", "Infinity", "0x1", "%20", "1%2F2",
               "1_000", "9" * 19, "9" * 18],
)  # fmt: skip
def test_an_amount_that_is_none(house: House, amount: str) -> None:
    answer = public(house, f"get-points-per-order-total/{amount}")
    if answer.code == "ERROR_NOT_FOUND":
        assert "%2F" in amount, "a slash makes another address"
        return
    assert (answer.status, answer.code) == (422, "ERROR_POPUP_OK")
    assert list(answer.json)[3:] == ["amount"]


def test_the_best_rule_that_is_for_everybody(alone: House) -> None:
    shop = Shop(alone, alone.world.riyadh)
    shop.rule(points_rewarded=1, amount_to_spend=10_00)
    shop.rule("pos", points_rewarded=50)
    assert points(alone, "1000") == 100
    special: list[dict[str, Any]] = [
        {"tags": '["vip"]'}, {"level": "gold", "level_name": "Gold"}, {"is_active": 0},
    ]  # fmt: skip
    for number, changes in enumerate(special):
        shop.rule(rule_id=f"special-{number}", points_rewarded=9, **changes)
    assert points(alone, "1000") == 100
    shop.rule(rule_id="better", points_rewarded=2, amount_to_spend=10_00)
    assert points(alone, "1000") == 200


def test_a_program_that_is_off_or_has_no_rule_earns_nothing(alone: House) -> None:
    shop = Shop(alone, alone.world.riyadh)
    assert points(alone, "1000") == 1_000
    post(alone, "activation", {"activate": 0})
    assert points(alone, "1000") == 0
    post(alone, "activation", {"activate": 1})
    shop.rule(is_active=0)
    assert points(alone, "1000") == 0


def test_points_are_never_more_than_an_order_may_earn(alone: House) -> None:
    Shop(alone, alone.world.riyadh).rule(points_rewarded=POINTS_MAX, amount_to_spend=1)
    assert points(alone, "9999999999999.99") == POINTS_MAX


# -- who asks --------------------------------------------------------------------------------------


def test_a_credential_is_neither_needed_nor_looked_at(house: House) -> None:
    store = house.world.riyadh.store_id
    for headers in ({}, {"Authorization": "Bearer x"}, {"X-Manager-Token": "x"}):
        answer = house.ask("GET", f"{PREFIXES[1]}/{store}/loyalty-status/", headers)
        assert (answer.status, answer.json["loyalty_status"]) == (200, True)
    for unknown in ("1", "x", "0", "-1", "00000000-0000-0000-0000-000000000000"):
        answer = public(house, "loyalty-status", unknown)
        assert (answer.status, answer.code) == (404, "ERROR_STORE_NOT_FOUND")


def test_an_address_has_a_pace_of_its_own(tmp_path: Path) -> None:
    with open_house(tmp_path, rate_limit=60, rate_limit_address=2) as house:
        asked = [public(house, "loyalty-status") for _ in range(2)]
        asked += [public(house, "get-points-per-order-total/1", house.world.kuwait.store_id)]
        assert [answer.status for answer in asked] == [200, 200, 429]
        assert asked[2].code == "ERROR_TOO_MANY_REQUESTS"
        assert int(asked[2]["retry-after"]) >= 1
        assert get(house, "loyalty-status")["loyalty_status"] is True


def test_no_limit_turns_that_of_addresses_off_too(tmp_path: Path) -> None:
    with open_house(tmp_path, rate_limit=0, rate_limit_address=1) as house:
        assert {public(house, "loyalty-status").status for _ in range(5)} == {200}


# -- all of it at once -----------------------------------------------------------------------------


def test_all_of_the_program_at_once(alone: House) -> None:
    shop, world = Shop(alone, alone.world.riyadh), alone.world
    world.program(world.riyadh, ProgramWish(expiry_days=30))
    shop.method(points=40, discount=4_00)
    world.earn(world.aisha, 100, mature_days=3, expire_days=10)
    world.adjust(world.badr, 60)
    world.spend(world.badr, 60)
    world.earn(world.clara, 1_000)
    found = get(alone, "list-data")
    assert list(found) == [
        "status", "cashback_rules", "redemption_rules", "total_earned_points",
        "total_redemed_points", "total_pending_points", "total_customers_with_points",
        "expiration_peroid", "is_active", "message",
    ]  # fmt: skip
    assert found["status"] == "object"
    assert [rule["is_active"] for rule in found["cashback_rules"]].count(True) == 1
    assert {rule["store_id"] for rule in found["cashback_rules"]} == {world.riyadh.uuid}
    assert [len(rule) for rule in found["cashback_rules"]] == [10, 10]
    assert [(len(one), one["name"]) for one in found["redemption_rules"]] == [(12, "40")]
    assert sums(found) == (160, 60, 100, 1)
    assert (found["expiration_peroid"], found["is_active"]) == (30, True)
    assert found["message"] == {"type": "object", **NOTHING}
    world.time.forward(days=3)
    assert sums(get(alone, "list-data")) == (160, 60, 0, 1)
    world.time.forward(days=7)
    assert sums(get(alone, "list-data")) == (160, 60, 0, 0)


def sums(found: Any) -> tuple[int, ...]:
    """The four totals."""
    names = ("earned_points", "redemed_points", "pending_points", "customers_with_points")
    return tuple(found[f"total_{name}"] for name in names)
