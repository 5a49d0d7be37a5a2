"""Zid's own Python client against a running server with real orders: every loyalty call it has.

`zid-client` validates each answer by its models; a key of the wrong kind is an error there.
"""

from collections.abc import Iterator

import pytest
from zid import ZidClient
from zid.exceptions import ZidNotFoundError, ZidValidationError
from zid.models.loyalty import LoyaltyTransaction, LoyaltyTransactionSimple

from nuqta.engine.imports import Result, import_orders
from nuqta.loyalty.redemption import FIXED, PERCENTAGE
from tests.http.server import House, open_house
from tests.orders.shop import Shop
from tests.tidy import ROOT

SAMPLE = ROOT / "src" / "nuqta" / "data" / "cdnow_sample.csv"
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Riyadh with the sample's real orders, at one point for each riyal."""
    with open_house(tmp_path_factory.mktemp("real")) as house:
        shop = Shop(house, house.world.riyadh)
        result = import_orders(house.world.engine, SAMPLE, shop.store)
        assert isinstance(result, Result)
        assert result.new > 500
        assert not result.refused
        yield shop


def client_of(house: House, language: str = "en") -> ZidClient:
    """Zid's client for Riyadh."""
    tokens = house.world.tokens[house.world.riyadh.store_id]
    return ZidClient(
        tokens.authorization,
        store_token=tokens.access_token,
        store_id=house.world.riyadh.store_id,
        base_url=f"http://127.0.0.1:{house.port}",
        language=language,
        auto_refresh=False,
    )


@pytest.fixture
def client(shop: Shop) -> Iterator[ZidClient]:
    """Zid's client, in English."""
    with client_of(shop.house) as one:
        yield one


def best_customer(shop: Shop) -> int:
    """Who has most points."""
    rows = shop.world.engine.vault.reader().rows_of(
        "SELECT customer_id FROM accounts ORDER BY available DESC LIMIT 1", ()
    )
    return int(rows[0][0])


def test_status_and_activation(client: ZidClient) -> None:
    for is_active in (False, True):
        answer = client.loyalty.activate(active=is_active)
        assert answer["loyalty_program"]["activated"] is is_active
        assert client.loyalty.get_status() is is_active


def test_expiration(client: ZidClient) -> None:
    for days in (5, 365):
        assert client.loyalty.set_points_expiration(days=days)["points_expiry_period"] == days
        assert client.loyalty.get_program().expiration_period == days


def test_the_program_with_its_sums(shop: Shop, client: ZidClient) -> None:
    program = client.loyalty.get_program()
    assert program.is_active is True
    assert [rule.is_active for rule in program.cashback_rules or []].count(True) == 1
    balances = shop.world.engine.vault.reader().rows_of(
        "SELECT sum(issued + adjusted_in - cancelled), sum(redeemed), sum(pending),"
        " sum(available + pending + held > 0) FROM accounts WHERE dkey / 64 = ?",
        (shop.store.store_id,),
    )
    assert balances[0] == (
        program.total_earned_points, program.total_redeemed_points,
        program.total_pending_points, program.total_customers_with_points,
    )  # fmt: skip
    assert (program.total_earned_points or 0) > 10_000


def test_the_info_page(client: ZidClient) -> None:
    info = client.loyalty.get_info()
    assert (info.title_en, info.content_ar) == (None, None)


def test_cashback_rules(client: ZidClient) -> None:
    rule = (client.loyalty.get_program().cashback_rules or [])[0]
    answer = client.loyalty.update_cashback_rule(rule_id=rule.id, money=2, points=3)
    (changed,) = [
        one for one in answer["data"]["points_collection_methods_list"] if one["id"] == rule.id
    ]
    assert (changed["amount_to_spend"], changed["points_rewarded"]) == (2, 3)
    with pytest.raises(ZidNotFoundError):
        client.loyalty.update_cashback_rule(rule_id=NOBODY, money=2, points=3)
    with pytest.raises(ZidValidationError) as wrong:
        client.loyalty.update_cashback_rule(rule_id=rule.id, money=0, points=3)
    assert wrong.value.error_code == "ERROR_POPUP_OK"


def test_the_life_of_a_redemption_rule(client: ZidClient) -> None:
    made = client.loyalty.create_redemption_rule(rule_type=FIXED, discount=5, points=50)
    assert made.name == "50"
    assert made.reward is not None
    assert made.reward.discount_value == 5
    client.loyalty.update_redemption_rule(
        rule_id=made.id, rule_type=PERCENTAGE, discount=10, points=70
    )
    rules = client.loyalty.get_program().redemption_rules or []
    (changed,) = [rule for rule in rules if rule.id == made.id]
    assert (changed.rule_type, changed.points_to_redeem) == (PERCENTAGE, 70)
    answer = client.loyalty.delete_redemption_rule(rule_id=made.id)
    assert answer["points_redemption"]["status"] is True
    with pytest.raises(ZidNotFoundError):
        client.loyalty.delete_redemption_rule(rule_id=made.id)


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_customers_points_and_history(shop: Shop, language: str) -> None:
    customer = best_customer(shop)
    with client_of(shop.house, language) as client:
        before = client.loyalty.get_customer_summary(customer_id=customer)
        added = client.loyalty.adjust_customer_points(
            customer_id=customer, direction="+", points=7, reason="gift"
        )
        client.loyalty.adjust_customer_points(customer_id=customer, direction="-", points=3)
        after = client.loyalty.get_customer_summary(customer_id=customer)
        history = client.loyalty.get_customer_history(customer_id=customer)
    assert isinstance(added, LoyaltyTransactionSimple)
    assert (added.points, added.direction, added.reason) == (7, "+", "gift")
    assert (after.points_balance or 0) == (before.points_balance or 0) + 4
    assert all(isinstance(line, LoyaltyTransaction) for line in history)
    signed = [line.points if line.direction == "+" else -line.points for line in history]
    assert sum(signed) == (after.points_balance or 0) + (after.pending_points_balance or 0)
    assert [line.type for line in history[:2]] == ["ManualDeduction", "ManualAccumulation"]
    assert history[-1].type == "reward"
    assert history[-1].collection_method.isascii() is (language == "en")


def test_who_is_not_a_customer(client: ZidClient) -> None:
    with pytest.raises(ZidNotFoundError):
        client.loyalty.get_customer_summary(customer_id=987_654_321)
    with pytest.raises(ZidNotFoundError):
        client.loyalty.get_customer_history(customer_id=987_654_321)


def test_control_every_call_of_the_clients_loyalty_part_is_made_here() -> None:
    calls = {name for name in vars(type(client_type().loyalty)) if not name.startswith("_")}
    calls.discard("token_header")
    text = (ROOT / "tests" / "contract" / "views" / "test_zid_client_loyalty.py").read_text()
    missing = [name for name in sorted(calls) if f".loyalty.{name}(" not in text]
    assert missing == []


def client_type() -> ZidClient:
    """A client that calls nobody."""
    return ZidClient("token", base_url="http://127.0.0.1:1")
