"""Adding, deducting and looking at points, as a script asks for it."""

from typing import Any

import pytest

from nuqta.cli.frame import Refused
from nuqta.cli.points import book
from nuqta.engine.engine import open_engine
from nuqta.engine.keeping.erase import Traces, erase
from nuqta.ledger.account import dkey_of
from nuqta.ledger.commands import Spend
from nuqta.settings import Settings
from tests.cli.terminal import Terminal, run
from tests.world import World

NOTHING = Traces(frozenset(), frozenset())

SHOWN = ["available", "pending", "held", "owed", "used", "version"]


def show(shop: Terminal, *more: str, customer: str = "1") -> Any:
    line = ("points", "show", "--store", shop.store, "--customer", customer)
    return shop.value(*line, *more)


def spend(shop: Terminal, points: int) -> None:
    """A redemption, for which the terminal has no command."""
    with open_engine(Settings({"NUQTA_DB": shop.db})) as engine:
        store = int(shop.store)
        wish = Spend(
            dkey=dkey_of(store, 1), customer_id=1, origin="system", key="a test", points=points
        )
        assert engine.door.post_all([wish])[0].refusal is None


def test_points_are_added_deducted_and_shown(shop: Terminal) -> None:
    assert show(shop) == dict.fromkeys(SHOWN, 0)
    added = shop.value(*shop.adjust("+", "120"))
    assert list(added) == [*SHOWN, "replayed"]
    assert added == {**dict.fromkeys(SHOWN, 0), "available": 120, "version": 1, "replayed": False}
    assert shop.value(*shop.adjust("-", "20"))["available"] == 100
    spend(shop, 30)
    shown = show(shop)
    assert list(shown) == SHOWN
    assert (shown["available"], shown["used"], shown["version"]) == (70, 30, 3)
    assert show(shop, customer="2") == dict.fromkeys(SHOWN, 0)
    assert "70" in shop.run("points", "show", "--store", shop.store, "--customer", "1").out


def test_an_erasure_that_comes_between_is_seen(world: World) -> None:
    """The customer was looked up; until the door is reached, somebody may be forgotten."""
    engine, store, shopper = world.engine, world.riyadh, world.aisha
    wish, number = world.adding(shopper, 5, reason="for Aisha"), str(shopper.customer_id)
    engine.door.write_now(
        "erase", lambda tx: erase(tx, store.store_id, 1, NOTHING, world.time.wall, "cli")
    )
    with pytest.raises(Refused, match="was erased"):
        engine.door.write_now("adjust", lambda tx: book(tx, store, number, wish, world.time.wall))
    assert world.balance(shopper).version == 0


@pytest.mark.parametrize(
    ("words", "available"),
    [("+", 11), ("add", 11), ("-", 9), ("deduct", 9), ("subtract", 9)],
)
def test_a_direction_has_several_words(shop: Terminal, words: str, available: int) -> None:
    shop.value(*shop.adjust("+", "10"))
    assert shop.value(*shop.adjust(words, "1"))["available"] == available
    line = [word for word in shop.adjust(words, "1") if word not in ("--direction", words)]
    shop.value(*line, f"--direction={words}")


def test_a_key_counts_once(shop: Terminal) -> None:
    first = shop.value(*shop.adjust("+", "10", "--key", "k"))
    shop.value(*shop.adjust("+", "5"))
    again = shop.value(*shop.adjust("+", "10", "--key", "k"))
    assert again == {**first, "replayed": True}
    assert "nothing changed now" in shop.run(*shop.adjust("+", "10", "--key", "k")).out
    said = shop.no(1, *shop.adjust("+", "11", "--key", "k"))
    assert said == "this key was already used for something else"
    assert (show(shop)["available"], show(shop)["version"]) == (15, 2)


def test_a_refusal_is_remembered_under_its_key(shop: Terminal) -> None:
    said = "the customer does not have enough available points"
    assert shop.no(1, *shop.adjust("-", "10", "--key", "k")) == said
    shop.value(*shop.adjust("+", "10"))
    assert shop.no(1, *shop.adjust("-", "10", "--key", "k")) == said
    assert shop.value(*shop.adjust("-", "10"))["available"] == 0
    assert shop.no(1, *shop.adjust("-", "1")) == said


@pytest.mark.parametrize(
    "points",
    ["0", "-5", "1.5", str(10**12 + 1), str(10**13), "", "x", "٣", "1e3", "1_0", "+5", "9" * 5000],
)
@pytest.mark.parametrize("direction", ["+", "-"])
def test_points_that_cannot_be_are_a_misuse(shop: Terminal, direction: str, points: str) -> None:
    shop.no(2, *shop.adjust(direction, points))
    assert show(shop)["version"] == 0


def test_the_most_points(shop: Terminal) -> None:
    assert shop.value(*shop.adjust("+", str(10**12)))["available"] == 10**12
    assert shop.value(*shop.adjust("-", str(10**12)))["available"] == 0


@pytest.mark.parametrize(
    "more",
    [
        ["--direction", "up"], ["--direction", ""], ["--direction", "--"], ["--reason", ""],
        ["--reason", "x" * 501], ["--reason", "two\nlines"], ["--reason", "\udce9"],
        ["--key", ""], ["--key", "x" * 256], ["--key", "a\0b"],
        ["--expires-at", "soon"], ["--expires-at", "2026-02-30"], ["--expires-at", "1969-12-31"],
        ["--expires-at", "٢٠٢٦-٠١-٠١"], ["--direction", "-", "--expires-at", "2090-01-01"],
    ],
)  # fmt: skip
def test_an_adjustment_that_cannot_be_is_a_misuse(shop: Terminal, more: list[str]) -> None:
    shop.no(2, *shop.adjust("+", "1", *more))
    assert show(shop)["version"] == 0


def test_an_unknown_customer_is_refused(shop: Terminal) -> None:
    said = "there is no customer 404 in Dates and Coffee"
    assert shop.no(1, "points", "show", "--store", shop.store, "--customer", "404") == said
    assert shop.no(1, *shop.adjust("+", "1", "--customer", "404")) == said


def test_added_points_expire_only_when_told(shop: Terminal) -> None:
    shop.value(*shop.adjust("+", "1"))
    shop.value(*shop.adjust("+", "10", "--expires-at", "2090-01-01"))
    shop.value(*shop.adjust("+", "100", "--expires-at", "2090-01-01T00:00:00Z"))
    # Asia/Riyadh is three hours ahead: its year begins earlier.
    assert show(shop, "--as-of", "2089-12-31T20:59:59.999999Z")["available"] == 111
    assert show(shop, "--as-of", "2089-12-31T21:00:00Z")["available"] == 101
    assert show(shop, "--as-of", "2090-01-01T03:00")["available"] == 1
    assert show(shop, "--as-of", "9999-12-31")["available"] == 1
    asked = ("--as-of", "2090-01-01", "--known-at", "2089-12-31T21:00:00Z", "--version", "1")
    heading = shop.run("points", "show", "--store", shop.store, "--customer", "1", *asked).out
    assert heading.splitlines()[0].endswith(
        "at Dates and Coffee, as of 2090-01-01 00:00, as known at 2090-01-01 00:00, at version 1"
    )
    assert "already passed" in shop.no(1, *shop.adjust("+", "1", "--expires-at", "2000-01-01"))


def test_the_books_of_earlier(shop: Terminal) -> None:
    shop.value(*shop.adjust("+", "10"))
    shop.value(*shop.adjust("+", "5"))
    assert [show(shop, "--version", n)["available"] for n in ("0", "1", "2")] == [0, 10, 15]
    assert [show(shop, "--version", n)["version"] for n in ("0", "1", "2")] == [0, 1, 2]
    assert show(shop, "--known-at", "2020-01-01") == dict.fromkeys(SHOWN, 0)
    assert show(shop, "--as-of", "1970-01-01T00:00Z")["available"] == 0
    assert show(shop, "--version", "1", "--as-of", "2090-01-01")["available"] == 10
    line = ("points", "show", "--store", shop.store, "--customer", "1", "--version")
    assert "last version is 2" in shop.no(1, *line, "3")
    shop.no(1, *line, str(2**53 - 1))


@pytest.mark.parametrize(
    "more",
    [
        *(["--version", text] for text in ("-1", "x", "", "1.0", str(2**63), "٣")),
        *([option, text] for option in ("--as-of", "--known-at") for text in (
            "now", "", "2026-13-01", "2026-01-01T25:00", "1900-01-01", "10000-01-01")),
    ],
)  # fmt: skip
def test_an_instant_that_cannot_be_is_a_misuse(shop: Terminal, more: list[str]) -> None:
    shop.no(2, "points", "show", "--store", shop.store, "--customer", "1", *more)


def test_the_help_tells_the_two_clocks_and_the_words_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    told = " ".join(run("points", "show", "--help").out.split())
    assert "What counted at that instant. A date is its first moment in the store's" in told
    assert "As the books stood at that instant. A date is its first moment" in told
    assert "+ or add; - or deduct or subtract" in " ".join(
        run("points", "adjust", "--help").out.split()
    )
