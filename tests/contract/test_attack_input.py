"""Hostile numbers, names and paths on Zid's endpoints: each is taken as what it says, or refused.

Source: contract, decisions, sections 2 and 4.
"""

import pytest

from nuqta.ledger.instants import POINTS_MAX
from tests.http.server import Answer, House

MANAGER = "/v1/managers/loyalty-program"
ADJUST = f"{MANAGER}/customers/adjust-customer-points"
METHODS = f"{MANAGER}/points-redemption"
FIXED = '"config": {"type": "fixed_rate_settings", "discount": %s, "points": 5}'


def sent(house: House, path: str, body: str) -> Answer:
    """A JSON body as it stands: not what a JSON library would make of it."""
    headers = {**house.manager(house.world.riyadh), "Content-Type": "application/json"}
    return house.ask("POST", path, headers, body.encode())


@pytest.mark.parametrize(
    "number",
    [
        "1e400", "1e9999999", "-1e9999999", "1e-9999999", "1.5", f"{POINTS_MAX}.5", "true", "[5]",
        "1" * 4_000, "0." + "0" * 60 + "1", "0.9999999999999999999999999999999999", '"1e3"',
        '"NaN"', '"１２"', '"5.0"', '""', "-0", "{}",
    ],
)  # fmt: skip
def test_what_is_no_whole_number_is_a_fault_of_its_field(alone: House, number: str) -> None:
    answer = sent(alone, ADJUST, f'{{"customerId": 1, "direction": "+", "points": {number}}}')
    assert (answer.status, answer.code) == (422, "ERROR_POPUP_OK")
    assert list(answer.json)[3:] == ["points"]
    answer = sent(alone, ADJUST, f'{{"customerId": {number}, "direction": "+", "points": 1}}')
    assert list(answer.json)[3:] == ["customerId"]
    assert alone.world.balance(alone.world.aisha).version == 0


@pytest.mark.parametrize("number", ["5", "5.0", "5e0", '"5"', '" 5 "', '"٥"', '"+5"'])
def test_a_whole_number_may_be_written_in_several_ways(alone: House, number: str) -> None:
    answer = sent(alone, ADJUST, f'{{"customerId": 1, "direction": "+", "points": {number}}}')
    assert answer.json["data"]["points"] == 5


@pytest.mark.parametrize(
    ("amount", "shown"), [('"٢٫٥"', None), ('"٢.٥"', 2.5), ('" 2.5 "', 2.5), ("1e9999999", None)]
)
def test_an_amount_takes_the_digits_that_a_whole_number_takes(
    alone: House, amount: str, shown: float | None
) -> None:
    answer = sent(alone, METHODS, f"{{{FIXED % amount}}}")
    if shown is None:
        assert list(answer.json)[3:] == ["config[discount]"]
    else:
        method = answer.json["points_redemption"]["redemptionRule"]
        assert method["reward"] == {"discount_value": shown}


@pytest.mark.parametrize("again", ["7", "5", "null"])
def test_a_field_that_is_sent_in_both_forms_at_once_is_sent_twice(alone: House, again: str) -> None:
    answer = sent(alone, METHODS, f'{{{FIXED % 1}, "config[points]": {again}}}')
    assert (answer.status, answer.code) == (400, "ERROR_BAD_REQUEST")
    mixed = '{"config": {"type": "fixed_rate_settings", "discount": 1}, "config[points]": 5}'
    assert sent(alone, METHODS, mixed).status == 200
    for odd in ('"config": "x"', '"config": [1]', '"config[": 1', '"]": {}, "[": 1', '"[]": 1'):
        assert sent(alone, METHODS, f"{{{odd}}}").status == 422


@pytest.mark.parametrize(
    "path",
    [f"/V1{MANAGER[3:]}/list-data", "/v1/Managers/store/customers", "/storefront/zid-js"],
)
def test_a_path_has_one_spelling(alone: House, path: str) -> None:
    """What a proxy in front says of `/v1/managers` shall hold for all that is answered there."""
    answer = alone.ask("GET", path, alone.manager(alone.world.riyadh))
    assert (answer.status, answer.code) == (404, "ERROR_NOT_FOUND")
