"""Cashback rules: listing, adding and changing them."""

from typing import Any

import pytest

from tests.cli.terminal import Terminal

KEYS = [
    "id", "revision", "channel", "on", "points", "amount", "currency", "tags", "level",
    "level_name", "changed_at",
]  # fmt: skip
NOBODY_S = "00000000-0000-0000-0000-000000000000"


def listed(shop: Terminal) -> Any:
    return shop.value("cashback", "list", "--store", shop.store)


def add(shop: Terminal, *more: str) -> Any:
    line = ("cashback", "add", "--store", shop.store, "--points", "2", "--amount", "1.50")
    return shop.value(*line, *more)


def test_a_store_begins_with_a_rule_for_each_channel(shop: Terminal) -> None:
    online, pos = sorted(listed(shop), key=lambda rule: str(rule["channel"]))
    assert list(online) == KEYS
    assert (online["channel"], online["on"], online["points"]) == ("online", True, 1)
    assert (pos["channel"], pos["on"]) == ("pos", False)
    shown = shop.run("cashback", "list", "--store", shop.store).out
    assert "1 point for each 1.00 SAR spent online\n" in shown
    assert "1 point for each 1.00 SAR spent at a point of sale (off)\n" in shown


def test_a_rule_is_added(shop: Terminal) -> None:
    made = add(shop, "--tag", "vip", "--tag", "b2b", "--tag", "vip", "--level", "7",
               "--level-name", "Gold")  # fmt: skip
    assert list(made) == KEYS
    assert (made["revision"], made["channel"], made["on"]) == (1, "online", True)
    assert (made["points"], made["amount"], made["currency"]) == (2, "1.50", "SAR")
    assert (made["tags"], made["level"], made["level_name"]) == (["b2b", "vip"], "7", "Gold")
    assert made in listed(shop)
    off = add(shop, "--channel", "pos", "--off")
    assert (off["channel"], off["on"], off["tags"], off["level"]) == ("pos", False, [], None)
    shown = shop.run("cashback", "list", "--store", shop.store).out
    told = "2 points for each 1.50 SAR spent online, for customers tagged b2b or vip and of level"
    assert f"{told} Gold\n" in shown


def test_a_rule_is_changed_as_a_new_revision(shop: Terminal) -> None:
    made = add(shop, "--tag", "vip", "--level", "7", "--level-name", "Gold")
    line = ("cashback", "change", "--store", shop.store, "--rule", made["id"])
    changed = shop.value(*line, "--points", "3", "--amount", "4", "--off")
    assert changed == {
        **made, "revision": 2, "points": 3, "amount": "4.00", "on": False,
        "changed_at": changed["changed_at"],
    }  # fmt: skip
    assert shop.value(*line, "--off") == changed
    free = shop.value(*line, "--tag", "", "--level", "")
    assert (free["revision"], free["tags"], free["level"], free["level_name"]) == (
        3,
        [],
        None,
        None,
    )
    named = shop.value(*line, "--level", "8", "--level-name", "Silver", "--on", "--tag", "new")
    assert (named["level"], named["level_name"], named["tags"]) == ("8", "Silver", ["new"])
    assert [rule for rule in listed(shop) if rule["id"] == made["id"]] == [named]
    told = shop.run(*line[:-1], made["id"].upper(), "--points", "1").out
    assert told.startswith(
        "The rule now says: 1 point for each 4.00 SAR spent online, for customers"
    )


def test_a_store_has_so_many_rules(shop: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUQTA_CASHBACK_RULES", "3")
    add(shop)
    line = ("cashback", "add", "--store", shop.store, "--points", "2", "--amount", "1")
    assert "rules" in shop.no(1, *line)
    assert len(listed(shop)) == 3


def test_another_store_s_rule_is_not_there(shop: Terminal) -> None:
    other = str(shop.value("store", "create", "--name", "Second")["id"])
    (rule, *_) = listed(shop)
    line = ("cashback", "change", "--rule", rule["id"], "--points", "9")
    said = shop.no(1, *line, "--store", other)
    assert said == f"there is no cashback rule {rule['id']!r} in Second"
    assert rule in listed(shop)
    gone = ("cashback", "change", "--store", shop.store, "--rule", NOBODY_S, "--points", "9")
    shop.no(1, *gone)
    assert shop.no(1, "cashback", "list", "--store", "7") == "there is no store 7"
    shop.no(1, "cashback", "add", "--store", "7", "--points", "1", "--amount", "1")


@pytest.mark.parametrize(
    "more",
    [
        *(["--points", text] for text in ("0", "-1", "1.5", "", "x", "9" * 30)),
        *(["--amount", text] for text in ("0", "-1", "1.005", "", "x", "1e3", "٣")),
        ["--channel", "shop"], ["--channel", ""], ["--tag", "x" * 129], ["--tag", "a\nb"],
        ["--tag", " "], ["--level", "x" * 129], ["--level", "a\nb"], ["--level-name", "Gold"],
        ["--level", "1", "--level-name", "x" * 201],
        [word for number in range(101) for word in ("--tag", str(number))],
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_is_a_misuse(shop: Terminal, more: list[str]) -> None:
    before = listed(shop)
    line = ("cashback", "add", "--store", shop.store, "--points", "1", "--amount", "1")
    shop.no(2, *line, *more)
    if more[0] not in ("--channel", "--level-name"):
        rule = before[0]["id"]
        shop.no(2, "cashback", "change", "--store", shop.store, "--rule", rule, *more)
    assert listed(shop) == before


def test_a_change_of_nothing_is_a_misuse(shop: Terminal) -> None:
    rule = listed(shop)[0]["id"]
    line = ("cashback", "change", "--store", shop.store, "--rule", rule)
    assert "nothing to change" in shop.no(2, *line)
