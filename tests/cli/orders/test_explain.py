"""Why points moved, as a merchant reads it and as a script does."""

import re
from typing import Any

import pytest

from nuqta.ledger.transfers import MOVES
from tests.cli.orders.tales import TALES
from tests.cli.terminal import Terminal

KEYS = [
    "version", "move", "from", "to", "points", "effective_at", "recorded_at", "origin", "key",
    "reason", "partner", "order", "event", "rule", "counted", "lot", "hold", "undoes", "sentence",
]  # fmt: skip
Told = dict[str, Terminal]


def explained(shop: Terminal, customer: str, *more: str) -> Any:
    line = ("points", "explain", "--store", shop.store, "--customer", customer)
    return shop.value(*line, "--most", "100", *more)


def said(shop: Terminal, customer: str, version: int) -> str:
    """The sentence of one version, with ids of rules and methods as ID."""
    (one,) = explained(shop, customer, "--version", str(version), "--most", "1")
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", one["sentence"])


def test_every_movement_has_its_words(told: Told) -> None:
    seen = set()
    for tale in TALES:
        for customer in "1", "2":
            for one in explained(told[tale.__name__], customer):
                assert list(one) == KEYS
                assert one["sentence"].endswith(".")
                assert "  " not in one["sentence"]
                seen.add((one["from"], one["to"]))
    assert seen == frozenset().union(*MOVES.values())


LIFE = {
    1: "Order R-1001 earned 250 points: 250.00 SAR counted (products with tax, no shipping), at 1"
    " point for each 1.00 SAR spent online (rule ID, revision 1). They can be spent from"
    " 2024-01-15 12:01 on and expire on 2024-12-31 12:01. Bought: 2 x mug, 200.00 SAR; 1 x tea,"
    " 50.00 SAR. The shop's order webhook told of it on 2024-01-01 12:01.",
    2: "250 points can be spent: the points that order R-1001 earned had waited as long as the"
    " program says, good until 2024-12-31 12:01.",
    3: "100 points were set aside by partner Partner for cart c1, for a discount of 10.00 SAR"
    " (method ID), until 2024-01-16 12:33. From the points that order R-1001 earned, good until"
    " 2024-12-31 12:01.",
    4: "Order R-1002 was paid with 100 points that its cart c1 had set aside on 2024-01-16 12:03,"
    " for a discount of 10.00 SAR. From the points that order R-1001 earned, good until"
    " 2024-12-31 12:01. The shop's order webhook told of it on 2024-01-16 12:04.",
    6: "100 points that order R-1001 had earned (version 1) were taken back, because a part of"
    " order R-1001 came back (1 of 2 x mug). The shop's order webhook told of it on"
    " 2024-01-16 12:05.",
    7: "90 points that order R-1002 had earned (version 5) were taken back, because order R-1002"
    " was returned on 2024-01-16 12:06. The shop's order webhook told of it on 2024-01-16 12:06.",
    8: "100 points with which order R-1002 was paid (version 4) came back, because order R-1002"
    " was returned on 2024-01-16 12:06. They are again among the points that order R-1001 earned,"
    " good until 2024-12-31 12:01. The shop's order webhook told of it on 2024-01-16 12:06.",
}


@pytest.mark.parametrize("version", LIFE)
def test_the_life_of_a_point(told: Told, version: int) -> None:
    assert said(told["life_of_a_point"], "1", version) == LIFE[version]


@pytest.mark.parametrize(
    ("tale", "version", "words"),
    [
        ("debts_and_carts", 3, "another redemption had taken its place in the cart"),
        ("debts_and_carts", 5, "the redemption had been taken out of the cart"),
        ("debts_and_carts", 7, "no order had come by 2024-01-01 12:35"),
        ("debts_and_carts", 8, "Cart c2 no longer held them when the order came"),
        ("debts_and_carts", 12, "order B-3 took only 40 of the 100 that were set aside"),
        ("debts_and_carts", 15, "From the points that order B-2 earned"),
        ("debts_and_carts", 17, "with the reason “A gift for Eid”. They never expire."),
        ("debts_and_carts", 20, "160 points came back to the points that order B-1 earned"),
        ("debts_and_carts", 21, "20 points were deducted by hand at the terminal, with the reason"),
        ("debts_and_carts", 22, "140 points expired unspent"),
        ("spent_and_gone", 4, "100 points are owed, because order S-1 was cancelled"),
        ("spent_and_gone", 5, "Order S-1 stands after all"),
        ("spent_and_gone", 6, "earned 20 points more, because it came to more than before: 120.00"),
        ("spent_and_gone", 10, "100 points went to what was owed"),
        ("spent_and_gone", 15, "the customer had too few left"),
        ("spent_and_gone", 19, "They had been owed, so they came back as new points"),
        ("the_shop_bears_it", 4, "The shop bears 100 points, because order F-1 was cancelled"),
        ("the_shop_bears_it", 12, "so they go back to the shop"),
        ("the_shop_bears_it", 18, "The customer loses nothing by it"),
        ("the_shop_bears_it", 20, "Their own time was over, so they came back as new points"),
        ("after_their_end", 6, "100 points that had come back (version 4) and had expired since"),
        ("by_parts", 4, "for cart c1, part of 100 points for a discount of 10.00 SAR (method ID)"),
        ("by_parts", 7, "2024-01-01 12:04, part of 100 points for a discount of 10.00 SAR."),
        ("by_parts", 8, "part of 100 points for a discount whose amount its order says"),
        ("by_parts", 11, "part of 100 points for a discount of 5.00 SAR."),
        ("spent_and_gone", 10, "by hand on 2024-01-01 12:08, which never expire."),
        ("the_shop_bears_it", 25, "expired unspent before they could be spent"),
        (
            "news_too_late",
            8,
            "100 points that had come back (version 4) and had expired since pay for it again",
        ),
        ("news_too_late", 14, "the points that had come back (version 12) are no longer there"),
        (
            "news_too_late",
            15,
            "50 points that had expired before any could be spent went to what was owed",
        ),
    ],
)
def test_a_complaint_is_answered(told: Told, tale: str, version: int, words: str) -> None:
    assert words in said(told[tale], "2", version)


def test_a_debt_that_is_open_again_is_told_with_its_reason(told: Told) -> None:
    shop = told["who_repaid"]
    over = "50 points are owed again: it turned out that the points that order W-4 earned had come"
    assert said(shop, "1", 6).startswith(over)
    back = "45 points that had gone to what was owed (version 10) came back to the points that were"
    assert said(shop, "2", 12).startswith(back)
    assert "points that order W-3 earned repay it first." in said(shop, "2", 12)


def test_time_and_what_waits_for_a_delivery_are_told_as_they_are(told: Told) -> None:
    shop = told["after_their_end"]
    late = "100 points that had expired before any could be spent went to what was owed"
    assert said(shop, "1", 8).startswith(late)
    assert "They can be spent 2 days after the delivery and expire on" in said(shop, "1", 9)
    expired = next(one for one in explained(told["by_parts"], "1") if one["move"] == "expire")
    assert expired["event"]["origin"].startswith("partner:"), "while an order of it was taken in"
    assert expired["sentence"].endswith("order H-6 earned were good until 2024-01-02 12:08.")


def test_a_script_finds_every_id(told: Told) -> None:
    shop = told["life_of_a_point"]
    by_version = {one["version"]: one for one in explained(shop, "1")}
    earned, held, cancelled = by_version[1], by_version[3], by_version[6]
    assert earned["order"]["order"] == "R-1001"
    assert earned["order"]["lines"][0] == {
        "line": "mug", "quantity": 2, "amount": "200.00", "returned": 0,
    }  # fmt: skip
    assert earned["rule"]["revision"] == 1
    assert (earned["counted"]["base"], earned["counted"]["points"]) == ("250.00", 250)
    assert earned["event"]["origin"] == "source"
    assert (held["hold"]["hold"], held["hold"]["cart"], held["partner"]) == (3, "c1", "Partner")
    assert (held["lot"]["lot"], held["lot"]["order"]) == (1, "R-1001")
    assert cancelled["undoes"] == {"version": 1, "move": "earn", "points": 250}
    assert cancelled["order"]["lines"][0]["returned"] == 1
    assert earned["event"]["digest"] != cancelled["event"]["digest"]


def test_the_latest_come_first_up_to_a_version(told: Told) -> None:
    shop = told["life_of_a_point"]
    assert [one["version"] for one in explained(shop, "1")] == list(range(8, 0, -1))
    up_to = explained(shop, "1", "--version", "5", "--most", "2")
    assert [one["version"] for one in up_to] == [5, 4]
    line = ("points", "explain", "--store", shop.store, "--customer")
    shown = shop.run(*line, "1").out
    assert "Version 2, 2024-01-15 12:01 (booked 2024-01-16 12:02)" in shown
    assert explained(shop, "2") == []
    assert shop.run(*line, "2").out == "No points of Badr have moved yet.\n"


def test_what_was_told_of_orders_is_not_needed(shop: Terminal) -> None:
    """A transfer without any order is explained by its reason and its maker."""
    shop.value(*shop.adjust("+", "1"))
    assert said(shop, "1", 1) == (
        "1 point was added by hand at the terminal, with the reason “a test”. They never expire."
    )


def test_who_or_what_is_not_there_is_refused(told: Told) -> None:
    shop = told["life_of_a_point"]
    line = ("points", "explain", "--store", shop.store, "--customer")
    assert shop.no(1, *line, "404") == "there is no customer 404 in Riyadh"
    assert "last version is 8" in shop.no(1, *line, "1", "--version", "9")
    shop.no(1, "points", "explain", "--store", "7", "--customer", "1")
    kuwait = next(one for one in shop.value("store", "list") if one["name"] == "Kuwait")
    assert shop.value("points", "explain", "--store", str(kuwait["id"]), "--customer", "1") == []


@pytest.mark.parametrize(
    "more",
    [
        ["--customer", "x"], ["--version", "0"], ["--version", "-1"], ["--version", "x"],
        ["--most", "0"], ["--most", "10001"], ["--most", ""], ["--most", "٣"],
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_is_a_misuse(told: Told, more: list[str]) -> None:
    shop = told["life_of_a_point"]
    shop.no(2, "points", "explain", "--store", shop.store, "--customer", "1", *more)
