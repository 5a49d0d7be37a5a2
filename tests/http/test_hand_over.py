"""The hand-over: a shop's own server signs a customer in, and ends every session of hers.

Also what a session is worth over time: how many there may be, and how its end moves with its use.
Source: contract, decisions, section 3.
"""

import re
from pathlib import Path

import pytest

from nuqta.loyalty.dates import parse_instant
from tests.http.server import Answer, House, open_house
from tests.world import Shopper


def path_to(customer: object) -> str:
    """The hand-over's path for a customer's id."""
    return f"/v1/managers/store/customers/{customer}/login"


def hand_over(house: House, shopper: Shopper) -> str:
    """Sign a customer in, over the wire: the token."""
    headers = house.manager(house.store_of(shopper))
    answer = house.ask("POST", path_to(shopper.customer_id), headers)
    assert answer.status == 200, answer.body
    return str(answer.json["customer_token"])


def status_of(house: House, shopper: Shopper, token: str) -> tuple[int, str]:
    """What the balance says to a token."""
    answer = house.balance(shopper, token)
    return answer.status, answer.code


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_session_opens_at_once_and_ends_at_once(house: House, slash: str) -> None:
    world, aisha = house.world, house.world.aisha
    headers = house.manager(world.riyadh)
    opened = house.ask("POST", path_to(aisha.customer_id) + slash, headers)
    assert opened.status == 200
    assert opened["cache-control"] == "no-store"
    found = opened.json
    assert list(found) == ["status", "customer_token", "expires_at", "customer", "message"]
    assert found["status"] == found["message"]["type"] == "object"
    assert found["message"]["code"] == "MSG_POPUP_OK"
    assert found["customer"] == {
        "id": 1, "name": "Aisha", "email": "aisha@shop.example", "mobile": "966501234567",
    }  # fmt: skip
    token = found["customer_token"]
    assert re.fullmatch(r"nqc_[0-9a-f]{8}_[0-9a-f]+_[0-9a-f]{64}", token)
    assert parse_instant(found["expires_at"], "UTC") > world.time.wall
    other = hand_over(house, aisha)
    assert other != token
    assert status_of(house, aisha, token) == status_of(house, aisha, other) == (200, "")
    ended = house.ask("DELETE", path_to(aisha.customer_id) + slash, headers)
    assert (ended.status, ended.json["status"]) == (200, "object")
    assert ended.json["ended"] >= 2
    for gone in (token, other):
        assert status_of(house, aisha, gone) == (401, "ERROR_SESSION_INVALID")
    again = house.ask("DELETE", path_to(aisha.customer_id), headers)
    assert (again.status, again.json["ended"]) == (200, 0)


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_the_words_are_in_the_callers_language(house: House, method: str) -> None:
    headers = house.manager(house.world.riyadh)
    texts = set()
    for language in ("en", "ar"):
        sent = {**headers, "Accept-Language": language}
        answer = house.ask(method, path_to(house.world.badr.customer_id), sent)
        assert answer["content-language"] == language
        message = answer.json["message"]
        assert list(message) == ["type", "code", "name", "description"]
        assert message["description"].isascii() is (language == "en")
        texts.add(message["name"])
    assert len(texts) == 2


def test_ending_one_customers_sessions_leaves_all_others(house: House) -> None:
    world = house.world
    tokens = [world.login(shopper) for shopper in (world.badr, world.clara)]
    gone = hand_over(house, world.aisha)
    headers = house.manager(world.riyadh)
    assert house.ask("DELETE", path_to(world.aisha.customer_id), headers).status == 200
    assert status_of(house, world.aisha, gone)[0] == 401
    assert status_of(house, world.badr, tokens[0])[0] == 200
    assert status_of(house, world.clara, tokens[1])[0] == 200, "of the same id in another store"


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize(
    "customer", [3, 0, -1, "01", "+1", 2**53, 2**63, 2**64, "text", "1.0", "1e0", "%31x", "nqc_1"]
)
def test_a_customer_whom_the_store_does_not_have(
    house: House, method: str, customer: object
) -> None:
    answer = house.ask(method, path_to(customer), house.manager(house.world.riyadh))
    assert (answer.status, answer.code) == (404, "ERROR_CUSTOMER_NOT_FOUND")


def test_a_customer_of_the_other_store_is_unknown_here(house: House) -> None:
    world = house.world
    theirs = world.customer(world.kuwait, 55_555)
    for method in ("POST", "DELETE"):
        answer = house.ask(method, path_to(theirs.customer_id), house.manager(world.riyadh))
        assert (answer.status, answer.code) == (404, "ERROR_CUSTOMER_NOT_FOUND")


def test_the_store_is_the_manager_tokens(house: House) -> None:
    """Aisha and Clara have one id: whose session opens is a matter of the manager's token alone."""
    world = house.world
    assert status_of(house, world.clara, hand_over(house, world.clara)) == (200, "")
    mixed = {
        "Authorization": house.partner(world.riyadh)["Authorization"],
        "X-Manager-Token": world.tokens[world.kuwait.store_id].access_token,
    }
    answer = house.ask("POST", path_to(1), mixed)
    assert answer.json["customer"]["name"] == "Clara"


def test_a_body_with_fields_is_refused_and_opens_nothing(house: House) -> None:
    headers = house.manager(house.world.riyadh)
    answer = house.send("POST", path_to(2), headers, {"scope": "all"})
    assert (answer.status, answer.code) == (422, "ERROR_POPUP_OK")
    assert answer.json["scope"] == ["There is no such field."]


# -- sessions over time ----------------------------------------------------------------------------


def test_one_session_too_many_ends_the_oldest(tmp_path: Path) -> None:
    with open_house(tmp_path, sessions_per_customer=3) as house:
        aisha, badr = house.world.aisha, house.world.badr
        untouched = hand_over(house, badr)
        tokens = []
        for _ in range(5):
            house.world.time.forward(seconds=1)
            tokens.append(hand_over(house, aisha))
        assert [status_of(house, aisha, token)[0] for token in tokens] == [401, 401, 200, 200, 200]
        assert status_of(house, aisha, tokens[0])[1] == "ERROR_SESSION_INVALID"
        assert status_of(house, badr, untouched)[0] == 200


def ends_in(house: House, answer: Answer) -> int:
    """Hours until the announced end of a session."""
    at = parse_instant(answer.json["expires_at"], "UTC")
    return (at - house.world.time.wall) // 3_600_000_000


def test_an_idle_session_ends_exactly_at_its_idle_end(tmp_path: Path) -> None:
    with open_house(tmp_path, session_idle_hours=10, session_hours=25) as house:
        aisha, time = house.world.aisha, house.world.time
        opened = house.ask("POST", path_to(1), house.manager(house.world.riyadh))
        assert ends_in(house, opened) == 10
        token = opened.json["customer_token"]
        time.forward(hours=10)
        assert status_of(house, aisha, token) == (401, "ERROR_SESSION_EXPIRED")
        house.settle()
        assert status_of(house, aisha, token) == (401, "ERROR_SESSION_EXPIRED"), "no revival"


def test_use_moves_the_idle_end_and_never_past_the_absolute_end(tmp_path: Path) -> None:
    with open_house(tmp_path, session_idle_hours=10, session_hours=25) as house:
        aisha, time = house.world.aisha, house.world.time
        token = hand_over(house, aisha)
        for hours in (9, 9, 6):
            time.forward(hours=hours)
            assert status_of(house, aisha, token) == (200, "")
            house.settle()
        time.forward(hours=1, us=-1)
        assert status_of(house, aisha, token) == (200, "")
        house.settle()
        time.forward(us=1)
        assert status_of(house, aisha, token) == (401, "ERROR_SESSION_EXPIRED")


def test_use_is_noted_at_most_once_an_hour(tmp_path: Path) -> None:
    with open_house(tmp_path, session_idle_hours=10, session_hours=100) as house:
        aisha, time = house.world.aisha, house.world.time
        token = hand_over(house, aisha)

        def noted() -> list[int]:
            house.settle()
            reader = house.world.engine.vault.reader()
            return [row[0] for row in reader.rows_of("SELECT used_at FROM sessions", ())]

        first = noted()
        time.forward(hours=1)
        assert status_of(house, aisha, token)[0] == 200
        assert noted() == first
        at = time.forward(us=1)
        for _ in range(3):
            assert status_of(house, aisha, token)[0] == 200
        assert noted() == [at]
        time.forward(hours=1)
        assert status_of(house, aisha, token)[0] == 200
        assert noted() == [at]


def test_no_session_lives_longer_idle_than_at_all(tmp_path: Path) -> None:
    with open_house(tmp_path, session_idle_hours=50, session_hours=5) as house:
        opened = house.ask("POST", path_to(1), house.manager(house.world.riyadh))
        assert ends_in(house, opened) == 5
