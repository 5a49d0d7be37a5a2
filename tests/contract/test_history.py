"""What happened to points, over the wire: each type of line, in both languages; adjusting by hand.

The same history is the wallet's, the details' and the history's alone; that it adds up whatever
happens is shown in tests/loyalty/test_history.py.
Source: contract, zid-loyalty, sections 4.1, 5.10, 5.14 and 5.15; decisions, section 4.
"""

from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import apsw
import pytest

from nuqta import refusals
from nuqta.ledger.instants import POINTS_MAX
from nuqta.loyalty.dates import format_instant
from nuqta.worker.sweep import sweep
from tests.http.server import Answer, House, open_house
from tests.orders.shop import Shop, plain, zid
from tests.world import Shopper

MANAGER: Final = "/v1/managers/loyalty-program"
ADJUST: Final = f"{MANAGER}/customers/adjust-customer-points"
KEYS: Final = [
    "date", "reason", "points", "direction", "type", "order_number", "order_code", "expiry_date",
    "point_status", "point_status_code", "collection_method",
]  # fmt: skip


@pytest.fixture
def shop(alone: House) -> Shop:
    """Riyadh; its orders of 200.00 without tax earn 230 points, which can be spent at once."""
    return Shop(alone, alone.world.riyadh)


def told(shop: Shop, of: Shopper, language: str = "en") -> list[dict[str, Any]]:
    """The customer's history; the same wherever it is shown, and as much as the balances say."""
    headers = {**shop.house.manager(shop.store), "Accept-Language": language}
    found = {
        path: shop.house.ask("GET", f"{MANAGER}/{path}", headers).json
        for path in (
            f"customers/details?customerId={of.customer_id}",
            f"points-history/{of.customer_id}",
            f"points-history/{of.customer_id}/",
        )
    }
    info, alone, slash = [
        one.get("loyalty_points_info", one) for one in found.values()
    ]  # fmt: skip
    wallet = shop.house.ask(
        "GET",
        f"/v1/customers/loyalty-program/{of.store_id}/wallet",
        {**shop.house.shopper(shop.store, shop.world.login(of)), "Accept-Language": language},
    ).json["wallet"]
    history: list[dict[str, Any]] = alone["history"]
    assert info["history"] == slash["history"] == wallet["history"] == history
    assert all(list(line) == KEYS for line in history)
    assert [line["date"] for line in history] == sorted(
        (line["date"] for line in history), reverse=True
    )
    balance = shop.world.balance(of)
    signed = [line["points"] if line["direction"] == "+" else -line["points"] for line in history]
    assert sum(signed) == balance.available + balance.pending + balance.held - balance.owed
    assert info["points_balance"] == info["available_poitns"] == balance.available
    assert info["pending_negative_points_balance"] == balance.owed
    for name in ("points_balance", "available_poitns", "available_points"):
        assert wallet[name] == balance.available
    assert wallet["used_poitns"] == wallet["used_points"] == info["used_poitns"] == balance.used
    assert wallet["pending_points_balance"] == info["pending_points_balance"] == balance.pending
    assert wallet["total_positive_points"] == info["total_positive_points"]
    return history


def short(history: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    """Type, signed points, order and status of each line."""
    return [
        (line["type"], f"{line['direction']}{line['points']}", line["order_number"],
         line["order_code"], line["point_status_code"])
        for line in history
    ]  # fmt: skip


def adjust(shop: Shop, key: str = "", language: str = "en", **body: object) -> Answer:
    """One call of the manager's, about Aisha where it does not say."""
    headers = {**shop.house.manager(shop.store), "Accept-Language": language}
    if key:
        headers["Idempotency-Key"] = key
    sent = {"customerId": 1, "direction": "+", "points": 5, **body}
    return shop.house.send("POST", ADJUST, headers, sent)


# -- lines -----------------------------------------------------------------------------------------


def test_an_order_its_redemption_and_its_return(shop: Shop) -> None:
    world, aisha = shop.world, shop.world.aisha
    assert told(shop, aisha) == []
    for points, days in ((30, 10), (30, 20)):
        world.adjust(aisha, points, expires_at=world.time.wall + days * 86_400_000_000)
    shop.add(aisha, "cart-1", shop.method(points=40, discount=400))
    held = short(told(shop, aisha))
    assert held == [("ManualAccumulation", "+30", None, None, "active")] * 2  # not gone yet
    world.time.forward(hours=0, seconds=60)
    shop.told("1001", plain(shop, cart_session_id="cart-1"))
    world.time.forward(seconds=60)
    bought = short(told(shop, aisha))
    earned = bought[0] if bought[0][0] == "reward" else bought[1]
    assert set(bought[:2]) == {
        ("redemption", "-40", 1001, None, "used"),  # out of two lots, and one line
        ("reward", earned[1], 1001, None, "active"),
    }
    assert [line[4] for line in bought[2:]] == ["active", "used"]
    shop.told("1001", plain(shop, cart_session_id="cart-1", status="cancelled"))
    undone = short(told(shop, aisha))
    assert {line[:4] for line in undone[:2]} == {
        ("redemption_reversal", "+40", 1001, None),
        ("reward_reversal", f"-{str(earned[1])[1:]}", 1001, None),
    }
    assert undone[2:4].count(("reward", earned[1], 1001, None, "cancelled")) == 1
    assert world.balance(aisha).available == 60


def test_an_order_number_that_is_no_number_is_a_code(shop: Shop) -> None:
    for number in ("A-17", "007", "9" * 20):
        shop.told(number, plain(shop))
        line = told(shop, shop.world.aisha)[0]
        assert (line["order_number"], line["order_code"]) == (None, number)
        shop.world.time.forward(seconds=1)
    assert shop.webhook(zid(shop)).status == 200
    line = told(shop, shop.world.aisha)[0]
    assert (line["order_number"], line["order_code"]) == (39_018_292, None)


def test_what_time_has_brought_is_told_before_it_is_booked(shop: Shop) -> None:
    world, aisha = shop.world, shop.world.aisha
    begun = world.time.wall
    world.earn(aisha, 70, mature_days=5, expire_days=30, order="7")
    line = told(shop, aisha)[0]
    assert line == {
        "date": format_instant(begun), "reason": None, "points": 70, "direction": "+",
        "type": "reward", "order_number": 7, "order_code": None,
        "expiry_date": format_instant(begun + 30 * 86_400_000_000), "point_status": "Pending",
        "point_status_code": "pending", "collection_method": "Reward for a placed order",
    }  # fmt: skip
    world.time.forward(days=6)
    assert short(told(shop, aisha)) == [("reward", "+70", 7, None, "active")]
    world.time.forward(days=30)
    unbooked = told(shop, aisha)
    assert short(unbooked) == [
        ("expiry", "-70", None, None, "expired"), ("reward", "+70", 7, None, "expired"),
    ]  # fmt: skip
    assert unbooked[0]["date"] == unbooked[1]["expiry_date"]
    assert unbooked[0]["expiry_date"] is None
    assert sweep(world.engine)[0] > 0
    assert told(shop, aisha) == unbooked


def test_what_is_owed_is_told_as_taken(shop: Shop) -> None:
    world, aisha = shop.world, shop.world.aisha
    shop.told("1", plain(shop))
    earned = world.balance(aisha).available
    world.spend(aisha, earned)
    shop.told("1", plain(shop, seconds=-1, status="cancelled"))
    assert world.balance(aisha).owed == earned
    history = told(shop, aisha)
    assert [(line["type"], line["points"]) for line in history if line["direction"] == "-"] == [
        ("reward_reversal", earned), ("redemption", earned),
    ]  # fmt: skip
    world.adjust(aisha, earned + 1)
    assert short(told(shop, aisha))[0] == (
        "ManualAccumulation", f"+{earned + 1}", None, None, "active",
    )  # fmt: skip


def test_every_type_and_status_is_said_in_both_languages(shop: Shop) -> None:
    world, aisha = shop.world, shop.world.aisha
    world.earn(aisha, 10, mature_days=90, expire_days=91)
    world.earn(aisha, 10, expire_days=1)
    world.time.forward(days=2)
    for status in ("new", "cancelled"):
        shop.add(aisha, "cart", shop.method(points=5))
        world.adjust(aisha, 50)
        shop.told("1", plain(shop, status=status))
        world.adjust(aisha, -20)
        world.time.forward(seconds=1)
    world.spend(aisha, 1)
    english, arabic = (told(shop, aisha, language) for language in ("en", "ar"))
    assert len({line["collection_method"] for line in english}) == 6
    assert {line["point_status"].lower() for line in english} == {
        line["point_status_code"] for line in english
    }
    for here, there in zip(english, arabic, strict=True):
        for name in KEYS:
            is_said = name in ("point_status", "collection_method")
            assert (here[name] == there[name]) is not is_said
            if is_said:
                assert here[name].isascii()
                assert not there[name].isascii()


def test_one_answer_carries_the_latest_lines_only(tmp_path: Path) -> None:
    with open_house(tmp_path, history_lines=10) as house:
        world, shop = house.world, Shop(house, house.world.riyadh)
        for points in range(1, 14):
            world.adjust(world.aisha, points)
            world.time.forward(seconds=1)
        answer = house.ask("GET", f"{MANAGER}/points-history/1", house.manager(shop.store))
        assert [line["points"] for line in answer.json["history"]] == list(range(13, 3, -1))


def test_who_is_not_a_customer(shop: Shop) -> None:
    headers = shop.house.manager(shop.store)
    for path, code in (
        ("customers/details?customerId=987", refusals.CUSTOMER_NOT_FOUND),
        ("customers/details", refusals.VALIDATION),
        ("customers/details?customerId=one", refusals.VALIDATION),
        ("points-history/987", refusals.CUSTOMER_NOT_FOUND),
        ("points-history/one", refusals.CUSTOMER_NOT_FOUND),
    ):
        answer = shop.house.ask("GET", f"{MANAGER}/{path}", headers)
        assert (answer.status, answer.code) == (code.status, code.code), path


# -- adjusting -------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["+", "add", "-", "deduct", "subtract"])
@pytest.mark.parametrize("is_form", [True, False])
def test_every_word_for_a_direction_in_a_form_and_in_json(
    shop: Shop, word: str, is_form: bool
) -> None:
    world, aisha = shop.world, shop.world.aisha
    world.adjust(aisha, 100)
    sent = {"customerId": "1", "direction": word, "points": "7", "reason": "gift", "more": "x"}
    if is_form:
        headers = {
            **shop.house.manager(shop.store),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        answer = shop.house.ask("POST", ADJUST, headers, urlencode(sent).encode())
    else:
        answer = adjust(shop, **sent)
    is_more = word in ("+", "add")
    assert answer.json == {
        "status": "object",
        "data": {
            "date": format_instant(world.time.wall), "reason": "gift", "points": 7,
            "direction": "+" if is_more else "-",
            "type": "ManualAccumulation" if is_more else "ManualDeduction",
            "order_number": None, "expiry_date": None,
            "point_status": "Active" if is_more else "Used",
            "collection_method":
                "Manually added points" if is_more else "Manually deducted points",
        },
        "message": {
            "type": "object", "code": "MSG_POPUP_OK", "name": "Adjust customer points",
            "description": "Points updated successfully",
        },
    }  # fmt: skip
    assert list(answer.json["data"]) == [
        one for one in KEYS if one not in ("order_code", "point_status_code")
    ]
    assert world.balance(aisha).available == (107 if is_more else 93)


@pytest.mark.parametrize(
    ("changes", "refusal", "fields"),
    [
        ({"direction": "-", "points": 101}, refusals.NOT_ENOUGH_POINTS, []),
        ({"customerId": 987}, refusals.CUSTOMER_NOT_FOUND, []),
        ({"customerId": None}, refusals.VALIDATION, ["customerId"]),
        ({"points": 0}, refusals.VALIDATION, ["points"]),
        ({"points": -5}, refusals.VALIDATION, ["points"]),
        ({"points": "1.5"}, refusals.VALIDATION, ["points"]),
        ({"points": POINTS_MAX + 1}, refusals.VALIDATION, ["points"]),
        ({"direction": "up", "points": None}, refusals.VALIDATION, ["direction", "points"]),
        ({"reason": "x" * 501}, refusals.VALIDATION, ["reason"]),
    ],
)
def test_what_is_not_done(
    shop: Shop, changes: dict[str, Any], refusal: refusals.Refusal, fields: list[str]
) -> None:
    shop.world.adjust(shop.world.aisha, 100)
    answer = adjust(shop, **changes)
    assert (answer.status, answer.code) == (refusal.status, refusal.code)
    assert list(answer.json)[3:] == fields
    assert shop.world.balance(shop.world.aisha).available == 100


def test_the_most_points_that_one_command_may_move(shop: Shop) -> None:
    assert adjust(shop, points=POINTS_MAX).json["data"]["points"] == POINTS_MAX
    assert shop.world.balance(shop.world.aisha).available == POINTS_MAX


def test_a_deduction_out_of_several_lots_is_one_line(shop: Shop) -> None:
    for _ in range(3):
        shop.world.adjust(shop.world.aisha, 10)
    shop.world.time.forward(seconds=1)
    assert adjust(shop, direction="-", points=25).json["data"]["points"] == 25
    assert short(told(shop, shop.world.aisha))[0] == ("ManualDeduction", "-25", None, None, "used")


def test_without_a_key_an_adjustment_is_always_new(shop: Shop) -> None:
    for _ in range(2):
        assert adjust(shop).status == 200
    assert shop.world.balance(shop.world.aisha).available == 10


@pytest.mark.parametrize("direction", ["+", "-"])
def test_the_books_answer_a_repetition_when_the_kept_answer_is_forgotten(
    shop: Shop, direction: str
) -> None:
    """Whatever has become of the points since: here they are spent, and a lot has expired."""
    world, aisha = shop.world, shop.world.aisha
    world.adjust(aisha, 9, expires_at=world.time.wall + 1)
    world.adjust(aisha, 20)
    world.time.forward(days=1)  # so that its command books the expiry as well
    first = adjust(shop, "k", direction=direction, reason="gift")
    balance = world.balance(aisha).available
    world.time.forward(days=1)
    world.spend(aisha, balance)
    forgotten = world.engine.door.write_now(
        "forget", lambda tx: tx.rows_of("DELETE FROM replies RETURNING key", ())
    )
    assert len(forgotten) == 1
    again = adjust(shop, "k", direction=direction, reason="gift")
    assert "idempotent-replayed" not in again.names  # the books know it, not the kept answers
    assert (again.status, again.body) == (200, first.body)
    assert world.balance(aisha).available == 0
    other = adjust(shop, "k", direction=direction, reason="gift", points=6)
    assert (other.status, other.code) == (409, "ERROR_IDEMPOTENCY_CONFLICT")


def test_an_addition_that_repaid_a_debt_is_used(shop: Shop) -> None:
    world, aisha = shop.world, shop.world.aisha
    shop.told("1", plain(shop))
    world.spend(aisha, world.balance(aisha).available)
    shop.told("1", plain(shop, seconds=-1, status="cancelled"))
    assert adjust(shop).json["data"]["point_status"] == "Used"
    assert adjust(shop, points=POINTS_MAX).json["data"]["point_status"] == "Active"


def test_an_adjustment_reads_nothing_of_what_is_long_past(tmp_path: Path) -> None:
    """The one door would wait for it. A lot that is used up and damaged is seen by whoever reads
    the whole history, and by nobody else."""
    with open_house(tmp_path, is_whole=False) as house:
        shop, world = Shop(house, house.world.riyadh), house.world
        world.adjust(world.aisha, 10)
        world.spend(world.aisha, 10)
        db = apsw.Connection(str(world.engine.vault.path))
        db.execute("UPDATE lots SET granted = granted + 1")
        db.close()
        answer = house.ask("GET", f"{MANAGER}/points-history/1", house.manager(shop.store))
        assert answer.status == 503
        assert adjust(shop).status == 200
