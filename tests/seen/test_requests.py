"""The line of a request: who asked what, and what became of it; nothing of a person but an id."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from nuqta import refusals
from nuqta.api.points import PATH
from nuqta.engine.clock import ClockMoved
from nuqta.engine.door import Closed, QueueFull
from nuqta.seen.door import FAULT_KINDS, kind_of
from nuqta.storage.faults import Busy, CannotStart, Damaged, Full, StorageFault, Unknown
from nuqta.web.log import RequestLog, Seen
from tests.calls.callers import good, send
from tests.http.server import House, logging_all, open_house, request
from tests.orders.shop import Shop

ID = "the-request"


def line(house: House, request_id: str = ID) -> dict[str, Any]:
    """The one line of a request."""
    prefix = "INFO nuqta.requests "
    found = [
        json.loads(text.removeprefix(prefix))
        for text in house.log.lines
        if text.startswith(prefix) and f'"{request_id}"' in text
    ]
    assert len(found) == 1, found
    house.log.lines.clear()
    assert found[0].pop("ms") > 0
    del found[0]["request"]
    return dict(found[0])


def with_id(headers: dict[str, str]) -> dict[str, str]:
    return {**headers, "X-Request-Id": ID}


def test_a_write_and_its_repetition(alone: House) -> None:
    world = alone.world
    path = f"/v1/managers/store/customers/{world.badr.customer_id}/login"
    headers = {**with_id(alone.manager(world.riyadh)), "Idempotency-Key": "one"}
    for outcome in ("done", "replayed"):
        assert alone.send("POST", path, headers).status == 200
        assert line(alone) == {
            "method": "POST", "path": "/v1/managers/store/customers/{id}/login", "status": 200,
            "outcome": outcome, "store": world.riyadh.store_id, "partner": world.partner,
        }  # fmt: skip


def test_a_shoppers_write_names_the_customer_by_id(alone: House) -> None:
    world = alone.world
    shop = Shop(alone, world.riyadh)
    world.adjust(world.aisha, 50)
    method = shop.method(points=40)
    path = f"/v1/stores/{world.riyadh.store_id}/carts/loyalty-redemption-method/add"
    headers = with_id(alone.shopper(world.riyadh, world.login(world.aisha)))
    body = {"point_redemption_method": {"id": method.method_id}}
    assert alone.send("POST", path, {**headers, "CART-SESSION-ID": "c1"}, body).status == 200
    found = line(alone)
    assert found["customer"] == world.aisha.customer_id
    assert found["outcome"] == "done"
    body = {"point_redemption_method": {"id": "nothing"}}
    assert alone.send("POST", path, {**headers, "CART-SESSION-ID": "c1"}, body).status == 404
    found = line(alone)
    assert (found["outcome"], found["code"]) == ("refused", "ERROR_METHOD_NOT_FOUND")
    assert found["customer"] == world.aisha.customer_id


def test_reads_are_silent_and_refusals_are_not(alone: House) -> None:
    world, token = alone.world, alone.world.login(alone.world.aisha)
    assert alone.balance(world.aisha, token).status == 200
    assert alone.ask("GET", "/openapi.json").status == 200
    assert not any("nuqta.requests" in text for text in alone.log.lines)
    assert alone.balance(world.aisha, "x", X_Request_Id=ID).status == 401
    assert line(alone) == {
        "method": "GET", "path": PATH, "status": 401, "outcome": "refused",
        "code": "ERROR_SESSION_INVALID", "store": world.riyadh.store_id, "partner": world.partner,
    }  # fmt: skip
    store = str(world.riyadh.store_id)
    assert alone.ask("GET", PATH.replace("{store}", store), with_id({})).status == 401
    assert line(alone) == {
        "method": "GET", "path": PATH, "status": 401, "outcome": "refused",
        "code": "ERROR_AUTHORIZATION_MISSING", "store": store,
    }  # fmt: skip


@pytest.mark.parametrize("share", [1, 5])
def test_one_read_in_so_many_is_logged(tmp_path: Path, share: int) -> None:
    with open_house(tmp_path, log_reads=share) as house:
        world, token = house.world, house.world.login(house.world.aisha)
        for _ in range(10):
            assert house.balance(world.aisha, token).status == 200
            assert house.ask("GET", "/openapi.json").status == 200
        lines = [text for text in house.log.lines if "nuqta.requests" in text]
        assert len(lines) == 20 // share
        (found,) = {
            (one["store"], one["partner"], one["customer"])
            for one in (json.loads(text.partition("requests ")[2]) for text in lines)
            if one["path"] == PATH
        }
        assert found == (world.riyadh.store_id, world.partner, world.aisha.customer_id)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/", "/"),
        ("/v1/managers", "/v1/managers"),
        ("/v1/customers/966501234567/points", "/v1/customers/…/points"),
        ("/v1/customers/aisha@shop.example", "/v1/customers/…"),
        ("/v1/customers/aisha%40shop.example?x=1", "/v1/customers/…"),
        ("/%D8%B9/x", "/…/x"),
        ("/favicon.ico", "/favicon.ico"),
    ],
)
def test_an_address_of_no_route_says_nothing_of_anybody(
    house: House, path: str, shown: str
) -> None:
    assert house.ask("GET", path, with_id({})).status == 404
    assert line(house)["path"] == shown


@pytest.mark.parametrize(
    ("store", "shown"),
    [
        ("123", "123"),
        ("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000001"),
        ("aisha%40shop.example", "…"),
        ("%C2%9B31m", "…"),
        ("%E2%80%AE123", "…"),
        ("1%0A2", "…"),
        ("%D9%A1%D9%A2", "…"),
    ],
)
@pytest.mark.parametrize(
    "path", ["/v1/webhooks/orders/{}", "/v1/customers/loyalty-program/{}/points"]
)
def test_a_store_is_told_as_an_id_or_not_at_all(
    house: House, path: str, store: str, shown: str
) -> None:
    """Else a caller writes into the log what it likes: a person's address, or a terminal's code."""
    method = "POST" if "webhooks" in path else "GET"
    headers = with_id({"Authorization": "Basic eDp5"})
    assert house.ask(method, path.format(store), headers).status == 401
    assert line(house)["store"] == shown


def test_what_is_no_request_is_logged_as_well(alone: House) -> None:
    with alone.wire() as wire:
        wire.send(b"nothing of the kind\r\n\r\n")
        answer = wire.answer()
    assert answer is not None
    assert line(alone, answer["x-request-id"]) == {
        "method": "", "path": "", "status": 400, "outcome": "refused", "code": "ERROR_BAD_REQUEST",
    }  # fmt: skip


def test_a_fault_is_named_and_said_to_be_no_refusal(tmp_path: Path) -> None:
    with open_house(tmp_path, is_whole=False) as house:
        house.world.time.jump(10_000)
        path = f"/v1/managers/store/customers/{house.world.badr.customer_id}/login"
        headers = with_id(house.manager(house.world.riyadh))
        assert house.send("POST", path, headers).status == 503
        found = line(house)
        assert (found["outcome"], found["fault"]) == ("failed", "clock_moved")
        assert found["code"] == "ERROR_SERVICE_UNAVAILABLE"


@pytest.mark.parametrize(
    ("fault", "kind", "outcome"),
    [
        (Unknown("x"), "unknown", "unknown"),
        (Busy("x"), "busy", "failed"),
        (Full("x"), "full", "failed"),
        (Damaged("x"), "damaged", "failed"),
        (QueueFull("x"), "queue_full", "failed"),
        (Closed("x"), "closed", "failed"),
        (ClockMoved("x"), "clock_moved", "failed"),
        (StorageFault("x"), "storage", "failed"),
        (CannotStart("x"), "storage", "failed"),
        (ValueError("x"), "defect", "failed"),
    ],
)
def test_only_a_commit_whose_fate_nobody_knows_is_unknown(
    fault: Exception, kind: str, outcome: str
) -> None:
    assert kind_of(fault) == kind
    log = RequestLog(0)
    with logging_all() as kept:
        seen = Seen(ID.encode(), "POST", "/x", "/x")
        seen.failed(refusals.SERVICE_UNAVAILABLE, fault)
        log.told(seen, 503)
    assert f'"outcome":"{outcome}"' in kept.text
    (page,) = log.meters.sheet.pages()
    at = log.meters.sheet.at
    assert [page.cells[at("nuqta_faults", (one,))] for one in FAULT_KINDS] == [
        int(one == kind) for one in FAULT_KINDS
    ]


def test_every_write_has_a_line_and_every_line_its_route(alone: House) -> None:
    from nuqta.api.routes import TABLE

    for route in TABLE:
        call, headers = good(alone, route)
        alone.log.lines.clear()
        answer = send(alone, route, call, with_id(headers))
        texts = [text for text in alone.log.lines if ID in text and "nuqta.requests" in text]
        assert len(texts) == int(route.is_write or answer.status >= 400), (route.path, answer)
        for text in texts:
            found = json.loads(text.partition("requests ")[2])
            assert (found["path"], found["method"]) == (route.path, route.method)
            assert not re.search("@|aisha|9665", text, re.IGNORECASE), "of a person there is an id"


def test_a_request_on_a_connection_that_stays_open_is_told_the_same(alone: House) -> None:
    """The balance's short way and the long one."""
    world = alone.world
    headers = with_id(alone.shopper(world.riyadh, "x"))
    path = PATH.replace("{store}", str(world.riyadh.store_id))
    found = []
    for way in (path, path + "?x=1"):
        with alone.wire() as wire:
            wire.send(request("GET", way, headers))
            assert wire.answer() is not None
        found.append(line(alone))
    assert found[0] == found[1]
