"""The compatibility report: each endpoint of the contract, each of its keys, seen or not seen.

What is asked is a running server. The page is docs/compatibility.md; `make reference` writes it.
"""

import os
from typing import Any

import pytest

from nuqta.api.routes import TABLE
from tests.calls.callers import good, send
from tests.contract.report.promised import PROMISES, Promise
from tests.http.server import House
from tests.http.test_access import name_of
from tests.orders.shop import Shop
from tests.tidy import ROOT

PAGE = ROOT / "docs" / "compatibility.md"
ORDERED = {name_of(route): route for route in TABLE}
MORE = {"25": "customer."}
"""Where an answer has keys beyond those that the contract's loyalty part names."""


@pytest.fixture
def busy(alone: House) -> House:
    """Riyadh where something of everything has happened to Aisha, so that no list is empty."""
    shop, world = Shop(alone, alone.world.riyadh), alone.world
    world.earn(world.aisha, 500)
    world.adjust(world.aisha, 60)
    world.spend(world.aisha, 30)
    shop.method(points=10)
    return alone


def keys_of(value: Any, prefix: str = "") -> list[str]:
    """The path of every key in an answer, in order; a list shows the keys of its first object."""
    if isinstance(value, list):
        return keys_of(value[0], f"{prefix}[]") if value else [f"{prefix}[]"]
    if not isinstance(value, dict) or not value:
        return [prefix]
    dot = f"{prefix}." if prefix else ""
    return [path for name, one in value.items() for path in keys_of(one, f"{dot}{name}")]


def seen(house: House, promise: Promise) -> tuple[int, list[str]]:
    """The status of the endpoint's good call, and the paths of its answer's keys."""
    route = ORDERED.get(promise.route)
    if route is None:
        return 0, []
    call, headers = good(house, route)
    answer = send(house, route, call, headers)
    return answer.status, keys_of(answer.json)


def is_seen(key: str, found: list[str]) -> bool:
    """Whether a key is in an answer: itself, or as the object or list that it holds there."""
    return any(one == key or one.startswith((f"{key}.", f"{key}[]")) for one in found)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda one: f"{one.number} {one.name}")
def test_every_promised_key_is_seen_and_no_other(busy: House, promise: Promise) -> None:
    status, found = seen(busy, promise)
    assert status == 200, (promise.route, found)
    places = [_place(key, found) for key in promise.keys]
    assert None not in places, [
        key for key, place in zip(promise.keys, places, strict=True) if place is None
    ]
    assert places == sorted(places, key=lambda place: -1 if place is None else place), found
    more = MORE.get(promise.number, "\x00")
    assert [
        one
        for one in found
        if not one.startswith(more) and not any(is_seen(key, [one]) for key in promise.keys)
    ] == []


def _place(key: str, found: list[str]) -> int | None:
    return next((at for at, one in enumerate(found) if is_seen(key, [one])), None)


def test_the_report_says_what_was_seen(busy: House) -> None:
    page = report(busy)
    if os.environ.get("NUQTA_UPDATE_SNAPSHOTS"):
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page, "`make reference` writes the page anew"


def report(house: House) -> str:
    """The page, from what a server answers now."""
    lines = [
        "# Compatibility with Zid's loyalty API",
        "",
        "Made by the test run: each endpoint's good call is sent to a running server, and each key"
        " of the contract is looked for in the answer, in its place.",
        "",
    ]
    rows, total, hits = [], 0, 0
    for promise in PROMISES:
        status, found = seen(house, promise)
        marks = [(key, is_seen(key, found)) for key in promise.keys]
        total, hits = total + len(marks), hits + sum(known for _, known in marks)
        told = ", ".join(f"`{key}`" if known else f"**`{key}`**" for key, known in marks)
        missing = [key for key, known in marks if not known]
        verdict = f"{len(marks) - len(missing)} of {len(marks)} seen"
        rows += [
            f"## {promise.number}. {promise.name}", "", f"`{promise.route}` — status {status},"
            f" keys: {verdict}.", "", told + ".", "",
        ]  # fmt: skip
        if missing:
            rows += ["Not seen: " + ", ".join(f"`{key}`" for key in missing) + ".", ""]
    lines.append(f"{len(PROMISES)} endpoints; {hits} of {total} keys seen.")
    return "\n".join([*lines, "", *rows]).rstrip() + "\n"


def test_control_a_key_that_is_not_there_is_not_seen(busy: House) -> None:
    _, found = seen(busy, PROMISES[1])
    assert is_seen("points.available_poitns", found)
    assert not is_seen("points.available_points", found)
    assert not is_seen("point", found)
