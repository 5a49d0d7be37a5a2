"""Redemption methods: listing, adding, changing, switching and deleting them."""

from typing import Any

import pytest

from tests.cli.terminal import Terminal

KEYS = [
    "id", "revision", "type", "on", "points", "discount", "currency", "minimum_basket",
    "maximum_discount", "changed_at",
]  # fmt: skip
NOBODY_S = "00000000-0000-0000-0000-000000000000"
PERCENT = ("--type", "percentage")


def listed(shop: Terminal) -> Any:
    return shop.value("redemption", "list", "--store", shop.store)


def add(shop: Terminal, *more: str) -> Any:
    line = ("redemption", "add", "--store", shop.store, "--points", "100")
    return shop.value(*line, *more)


def change(shop: Terminal, method: Any, *more: str) -> Any:
    line = ("redemption", "change", "--store", shop.store, "--method", method["id"])
    return shop.value(*line, *more)


def test_a_fixed_discount(shop: Terminal) -> None:
    assert listed(shop) == []
    shown = shop.run("redemption", "list", "--store", shop.store).out
    assert "`nuqta redemption add` makes one" in shown
    made = add(shop, "--discount", "10", "--minimum-basket", "50.5")
    assert list(made) == KEYS
    assert (made["revision"], made["type"], made["on"], made["points"]) == (1, "fixed", True, 100)
    assert (made["discount"], made["currency"]) == ("10.00", "SAR")
    assert (made["minimum_basket"], made["maximum_discount"]) == ("50.50", None)
    assert listed(shop) == [made]
    shown = shop.run("redemption", "list", "--store", shop.store).out
    assert "100 points for 10.00 SAR off, from a basket of 50.50 SAR on\n" in shown


@pytest.mark.parametrize(
    ("discount", "shown"),
    [("12.5", "12.5"), ("100", "100"), ("0.01", "0.01"), ("10.00", "10"), ("33.33", "33.33")],
)
def test_a_percentage(shop: Terminal, discount: str, shown: str) -> None:
    made = add(shop, *PERCENT, "--discount", discount, "--maximum-discount", "40")
    assert (made["type"], made["discount"], made["maximum_discount"]) == (
        "percentage", shown, "40.00",
    )  # fmt: skip
    told = shop.run("redemption", "list", "--store", shop.store).out
    assert f"100 points for {shown} % off, at most 40.00 SAR\n" in told


def test_a_method_is_changed_as_a_new_revision(shop: Terminal) -> None:
    made = add(shop, "--discount", "10")
    changed = change(shop, made, "--points", "1", "--minimum-basket", "20")
    assert changed == {
        **made, "revision": 2, "points": 1, "minimum_basket": "20.00",
        "changed_at": changed["changed_at"],
    }  # fmt: skip
    assert change(shop, made, "--points", "1") == changed
    share = change(shop, made, *PERCENT, "--discount", "5", "--maximum-discount", "8")
    assert (share["type"], share["discount"], share["maximum_discount"]) == (
        "percentage", "5", "8.00",
    )  # fmt: skip
    assert share["minimum_basket"] == "20.00"
    free = change(shop, made, "--minimum-basket", "0", "--maximum-discount", "0")
    assert (free["minimum_basket"], free["maximum_discount"]) == (None, None)
    fixed = change(shop, share, "--type", "fixed", "--discount", "3")
    assert (fixed["type"], fixed["discount"], fixed["revision"]) == ("fixed", "3.00", 5)
    assert listed(shop) == [fixed]


def test_a_method_is_switched_and_deleted(shop: Terminal) -> None:
    made = add(shop, "--discount", "10")
    named = ("--store", shop.store, "--method", made["id"])
    assert shop.value("redemption", "off", *named)["on"] is False
    assert "off (off)" in shop.run("redemption", "list", "--store", shop.store).out
    assert shop.value("redemption", "on", *named)["on"] is True
    assert shop.value("redemption", "delete", *named)["on"] is False
    assert listed(shop) == []
    said = f"there is no redemption method {made['id']!r} in Dates and Coffee"
    for verb in ("on", "off", "delete"):
        assert shop.no(1, "redemption", verb, *named) == said
    assert shop.no(1, "redemption", "change", *named, "--points", "1") == said


def test_a_store_has_so_many_methods(shop: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUQTA_METHODS_PER_STORE", "1")
    add(shop, "--discount", "10")
    line = ("redemption", "add", "--store", shop.store, "--points", "1", "--discount", "1")
    assert "method" in shop.no(1, *line)
    assert len(listed(shop)) == 1


def test_another_store_s_method_is_not_there(shop: Terminal) -> None:
    made = add(shop, "--discount", "10")
    other = str(shop.value("store", "create", "--name", "Second")["id"])
    said = f"there is no redemption method {made['id']!r} in Second"
    for verb, *more in (["change", "--points", "1"], ["on"], ["off"], ["delete"]):
        line = ("redemption", verb, *more, "--store", other, "--method", made["id"])
        assert shop.no(1, *line) == said
    assert listed(shop) == [made]
    shop.no(1, "redemption", "off", "--store", shop.store, "--method", NOBODY_S)
    assert shop.no(1, "redemption", "list", "--store", "7") == "there is no store 7"


BAD = [
    *(["--points", text] for text in ("0", "-1", "1.5", "", "x", "9" * 30)),
    *(["--discount", text] for text in ("0", "-1", "1.005", "", "x", "1e3", "٣")),
    *([*PERCENT, "--discount", text] for text in ("0", "100.01", "1.005", "-5", "", "x", "1e1")),
    ["--type", "free"], ["--minimum-basket", "-1"], ["--minimum-basket", "x"],
    ["--minimum-basket", "0.001"], ["--maximum-discount", "5"],
    [*PERCENT, "--discount", "5", "--maximum-discount", "-1"],
]  # fmt: skip


@pytest.mark.parametrize("more", BAD)
def test_a_method_that_cannot_be_is_a_misuse(shop: Terminal, more: list[str]) -> None:
    made = add(shop, "--discount", "10")
    named = ("--store", shop.store)
    shop.no(2, "redemption", "add", *named, "--points", "1", "--discount", "1", *more)
    shop.no(2, "redemption", "change", *named, "--method", made["id"], *more)
    assert listed(shop) == [made]


def test_a_change_needs_what_it_says(shop: Terminal) -> None:
    made = add(shop, "--discount", "10")
    line = ("redemption", "change", "--store", shop.store, "--method", made["id"])
    assert "nothing to change" in shop.no(2, *line)
    assert "another type needs its --discount" in shop.no(2, *line, *PERCENT)


def test_what_a_basket_gets(shop: Terminal) -> None:
    made = add(shop, *PERCENT, "--discount", "15", "--minimum-basket", "100",
               "--maximum-discount", "20")  # fmt: skip
    line = ("redemption", "quote", "--store", shop.store, "--method", made["id"], "--basket")
    told = shop.value(*line, "110.01")
    assert told == {"points": 100, "discount": "16.50", "currency": "SAR"}
    assert shop.value(*line, "1000")["discount"] == "20.00"
    assert "100 points give 20.00 SAR off 1000.00 SAR." in shop.run(*line, "1000").out
    assert "basket" in shop.no(1, *line, "99.99").lower()
    for odd in ("-1", "x", "1.005"):
        shop.no(2, *line, odd)
    assert "no redemption method" in shop.no(1, *line[:5], NOBODY_S, *line[6:], "1000")
