"""Orders that need a person, refused ones, and what was told of one."""

from collections.abc import Callable
from typing import Any

import pytest

from nuqta.cli.orders.order import TROUBLES
from nuqta.engine import attention
from nuqta.engine.engine import open_engine
from nuqta.settings import Settings
from nuqta.storage.sqlite import Transaction
from tests.cli.terminal import Terminal

Told = dict[str, Terminal]
Aside = Callable[[str], Terminal]


def keep_refused(shop: Terminal, body: bytes, times: int = 1, source: str = "plain:P-7") -> None:
    """An order that could not be taken in."""
    fields = '{"lines[0].quantity":"Send a whole number."}'
    with open_engine(Settings({"NUQTA_DB": shop.db})) as engine:

        def work(tx: Transaction) -> bool:
            return attention.keep_refused(
                tx, int(shop.store), source, "ERROR_POPUP_OK", fields, body, 10,
                engine.clock.now(),
            )  # fmt: skip

        for _ in range(times):
            assert engine.door.write_now("refused", work)


def listed(shop: Terminal, *more: str) -> Any:
    return shop.value("order", "list", "--store", shop.store, *more)


def test_nothing_needs_a_person(told: Told) -> None:
    shop = told["life_of_a_point"]
    assert listed(shop) == {"orders": [], "refused": []}
    shown = shop.run("order", "list", "--store", shop.store).out
    assert shown == "No order of Riyadh needs a person.\n"


def test_an_order_needs_a_person_until_somebody_has_looked(aside: Aside) -> None:
    shop = aside("debts_and_carts")
    (one,) = listed(shop)["orders"]
    assert list(one) == [
        "order", "customer", "troubles", "attended_by", "program_revision", "rule",
        "rule_revision", "hold", "redeemed", "changed_at",
    ]  # fmt: skip
    assert (one["order"], one["customer"], one["redeemed"]) == ("B-2", 2, 100)
    assert one["troubles"] == ["hold_ended"]
    shown = shop.run("order", "list", "--store", shop.store).out
    assert "Order B-2 of customer 2" in shown
    assert "no longer set aside when the order came" in " ".join(shown.split())
    line = ("order", "attend", "--store", shop.store, "--order", "B-2")
    assert shop.value(*line) == {"attended": "B-2"}
    assert shop.no(1, *line) == "order B-2 of Riyadh needs nobody"
    assert listed(shop)["orders"] == []
    seen = ("order", "show", "--store", shop.store, "--order", "B-2")
    assert "Somebody has looked after it (at the terminal)." in shop.run(*seen).out
    assert shop.value(*seen)["attended_by"] == "cli"


def test_a_refused_order_is_kept_until_somebody_has_looked(aside: Aside) -> None:
    shop = aside("life_of_a_point")
    keep_refused(shop, b'{"lines":[{"quantity":1.5}]}', 2)
    (one,) = listed(shop)["refused"]
    assert list(one) == [
        "refused", "order", "source", "code", "fields", "times", "first_at", "last_at", "body",
    ]  # fmt: skip
    assert (one["source"], one["order"], one["times"]) == ("plain:P-7", "P-7", 2)
    assert one["fields"] == {"lines[0].quantity": "Send a whole number."}
    assert one["body"] == '{"lines":[{"quantity":1.5}]}'
    shown = shop.run("order", "list", "--store", shop.store).out
    assert "Order P-7 was not taken in (a plain order), 2 times" in shown
    assert one["refused"] in shown
    assert "Send a whole number." in shown
    look = ("order", "show", "--store", shop.store, "--refused", one["refused"])
    assert shop.value(*look) == {**one, "attended_by": None}
    shown = shop.run(*look).out
    assert '{"lines":[{"quantity":1.5}]}' in shown
    assert "Send a whole number." in shown
    line = ("order", "attend", "--store", shop.store, "--refused", one["refused"])
    assert "no refused order" in shop.no(1, *look[:-1], "0" * 32)
    assert shop.run(*line).out == f"The refused order {one['refused']} is looked after.\n"
    assert shop.value(*look)["attended_by"] == "cli"
    assert "waits for anybody" in shop.no(1, *line)
    assert listed(shop)["refused"] == []


@pytest.mark.parametrize(
    ("body", "number"),
    [
        (b'{"id": 45830603, "lines": []}', "45830603"), (b'{"id": "Z-1"}', "Z-1"),
        (b'{"id": ""}', None), (b'{"id": true}', None), (b'{"id": [1]}', None), (b"[]", None),
        (b"{}", None), (b"id=1", None), (b'\xff{"id": 1}', None), (b"[" * 9_000, None),
    ],
)  # fmt: skip
def test_a_refused_order_shows_the_number_that_it_names(
    aside: Aside, body: bytes, number: str | None
) -> None:
    shop = aside("life_of_a_point")
    keep_refused(shop, body, source="zid")
    (one,) = listed(shop)["refused"]
    assert (one["order"], one["source"]) == (number, "zid")
    shown = shop.run("order", "list", "--store", shop.store).out
    named = "An order without a number" if number is None else f"Order {number}"
    assert shown.startswith(f"{named} was not taken in (Zid), once")


def test_at_most_so_many_are_listed(aside: Aside) -> None:
    shop = aside("life_of_a_point")
    for number in range(3):
        keep_refused(shop, str(number).encode())
    assert len(listed(shop)["refused"]) == 3
    assert [one["body"] for one in listed(shop, "--most", "1")["refused"]] == ["2"]


def test_an_order_is_shown_with_all_that_was_told(told: Told) -> None:
    shop = told["life_of_a_point"]
    line = ("order", "show", "--store", shop.store, "--order", "R-1001")
    shown = shop.value(*line)
    assert (shown["order"], shown["customer"], shown["troubles"]) == ("R-1001", 1, [])
    state, events = shown["state"], shown["events"]
    assert (state["status"], state["products"], state["shipping"]) == (
        "delivered", "250.00", "23.00",
    )  # fmt: skip
    assert state["lines"][0] == {
        "line": "mug", "quantity": 2, "amount": "200.00", "returned": 1,
    }  # fmt: skip
    assert [one["status"] for one in events] == ["new", "delivered"]
    assert [one["version"] for one in events] == [1, 6]
    assert [one["returned"] for one in events] == [0, 1]
    assert events[0]["received_at"].startswith("2024-01-01T09:01")
    words = " ".join(shop.run(*line).out.split())
    assert "2 x mug, 200.00 SAR, 1 of them returned" in words
    assert "2 events were told of it:" in words
    assert "2024-01-01 12:01 new as of 2024-01-01 12:01" in words
    assert "250.00 SAR, shipping 23.00 SAR with tax (told by the shop's order webhook)" in words
    assert "23.00 SAR, tax included" in words
    paid = " ".join(shop.run(*line[:-1], "R-1002").out.split())
    assert "points that paid 100" in paid
    assert "10.00 SAR paid with points" in paid


def test_every_trouble_has_a_sentence() -> None:
    words = {
        "hold_ended", "redemption_unmatched", "redeemed_more_than_held", "discount_differs",
        "basket_too_small", "partly_returned", "payment_undone",
    }  # fmt: skip
    assert set(TROUBLES) == words
    assert all(text.endswith(".") for text in TROUBLES.values())


def test_another_store_s_orders_are_not_there(aside: Aside) -> None:
    shop = aside("debts_and_carts")
    keep_refused(shop, b"x")
    digest = listed(shop)["refused"][0]["refused"]
    kuwait = next(one for one in shop.value("store", "list") if one["name"] == "Kuwait")
    there = ("--store", str(kuwait["id"]))
    assert shop.value("order", "list", *there) == {"orders": [], "refused": []}
    said = "there is no order B-2 in Kuwait"
    assert shop.no(1, "order", "show", *there, "--order", "B-2") == said
    assert shop.no(1, "order", "attend", *there, "--order", "B-2") == said
    assert "waits for anybody" in shop.no(1, "order", "attend", *there, "--refused", digest)
    assert len(listed(shop)["orders"]) == len(listed(shop)["refused"]) == 1
    for verb in ("list", "show", "attend"):
        more = () if verb == "list" else ("--order", "B-2")
        assert shop.no(1, "order", verb, "--store", "7", *more) == "there is no store 7"


@pytest.mark.parametrize(
    "line",
    [
        ["list", "--most", "0"], ["list", "--most", "1001"], ["list", "--most", "x"],
        ["show"], ["show", "--refused", "xyz"], ["show", "--order", "1", "--refused", "0" * 32],
        ["show", "--order", ""], ["show", "--order", "a b"], ["show", "--order", "x" * 65],
        ["attend"], ["attend", "--order", "1", "--refused", "0" * 32],
        ["attend", "--order", "a b"], ["attend", "--refused", ""], ["attend", "--refused", "xyz"],
        ["attend", "--refused", "0" * 31], ["attend", "--refused", "0" * 34],
    ],
)  # fmt: skip
def test_what_cannot_be_is_a_misuse(told: Told, line: list[str]) -> None:
    shop = told["life_of_a_point"]
    shop.no(2, "order", *line, "--store", shop.store)


def test_an_unknown_order_is_refused(told: Told) -> None:
    shop = told["life_of_a_point"]
    said = "there is no order B-404 in Riyadh"
    assert shop.no(1, "order", "show", "--store", shop.store, "--order", "B-404") == said
    assert shop.no(1, "order", "attend", "--store", shop.store, "--order", "B-404") == said
