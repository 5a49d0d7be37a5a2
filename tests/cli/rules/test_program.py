"""What a program says of orders, carts and returns."""

import pytest

from tests.cli.terminal import Terminal


def test_the_ways_in_which_orders_earn_are_set_and_shown(shop: Terminal) -> None:
    first = shop.value("program", "show", "--store", shop.store)
    assert [first[name] for name in ("earn_at", "with_shipping", "with_tax")] == [
        "new", False, True,
    ]  # fmt: skip
    assert (first["hold_minutes"], first["grace_days"]) == (30, 30)
    line = ("program", "set", "--store", shop.store)
    changed = shop.value(
        *line, "--earn-at", "delivered", "--with-shipping", "--without-tax", "--hold-minutes",
        "10080", "--grace-days", "0",
    )  # fmt: skip
    assert changed == {
        **first, "revision": first["revision"] + 1, "earn_at": "delivered", "with_shipping": True,
        "with_tax": False, "hold_minutes": 10_080, "grace_days": 0,
    }  # fmt: skip
    assert changed == shop.value("program", "show", "--store", shop.store)
    shown = shop.run("program", "show", "--store", shop.store).out.splitlines()
    assert "  earn_at        delivered" in shown
    assert "  with_tax       no" in shown
    back = shop.value(*line, "--without-shipping", "--with-tax")
    assert (back["with_shipping"], back["with_tax"]) == (False, True)
    assert shop.value(*line, "--with-tax")["revision"] == back["revision"]


@pytest.mark.parametrize("status", ["new", "preparing", "ready", "in_delivery", "delivered"])
def test_an_order_may_earn_at_each_of_these(shop: Terminal, status: str) -> None:
    line = ("program", "set", "--store", shop.store, "--earn-at", status)
    assert shop.value(*line)["earn_at"] == status


@pytest.mark.parametrize(
    "more",
    [
        *(["--earn-at", word] for word in ("", "initial", "cancelled", "returned", "NEW")),
        *(["--hold-minutes", text] for text in ("0", "10081", "-1", "1.5", "", "x", "٣")),
        *(["--grace-days", text] for text in ("366", "-1", "1.5", "", "x")),
        ["--with-shipping=yes"],
    ],
)  # fmt: skip
def test_what_a_program_cannot_say_is_a_misuse(shop: Terminal, more: list[str]) -> None:
    before = shop.value("program", "show", "--store", shop.store)
    shop.no(2, "program", "set", "--store", shop.store, *more)
    assert shop.value("program", "show", "--store", shop.store) == before


def test_points_that_could_never_be_spent_are_refused(shop: Terminal) -> None:
    line = ("program", "set", "--store", shop.store)
    shop.value(*line, "--expiry-days", "30", "--maturity-days", "29")
    before = shop.value("program", "show", "--store", shop.store)
    for more in (["--maturity-days", "30"], ["--expiry-days", "29"]):
        assert "expire before they could be spent" in shop.no(1, *line, *more)
    assert shop.value("program", "show", "--store", shop.store) == before
    shop.value(*line, "--expiry-days", "0", "--maturity-days", "400")
