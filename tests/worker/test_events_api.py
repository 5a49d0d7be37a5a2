"""Events and webhooks over HTTP: what is asked, what is refused, whose it is."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from nuqta.engine.stores import Store
from nuqta.ledger.events import KINDS
from nuqta.worker.publish import publish
from tests.http.server import Answer, House

EVENTS = "/v1/managers/loyalty-program/events"
WEBHOOKS = "/v1/managers/loyalty-program/webhooks"
URL = "https://shop.example/events"


def get(house: House, query: str = "", store: Store | None = None, language: str = "en") -> Answer:
    headers = {**house.manager(store or house.world.riyadh), "Accept-Language": language}
    return house.ask("GET", EVENTS + query, headers)


def send(
    house: House, method: str, path: str = "", body: object = None, store: Store | None = None
) -> Answer:
    return house.send(method, WEBHOOKS + path, house.manager(store or house.world.riyadh), body)


def added(house: House, store: Store | None = None, **more: object) -> Any:
    answer = send(house, "POST", "", {"url": URL, **more}, store)
    assert answer.status == 200, answer.body
    return answer.json["webhook"]


# -- events ----------------------------------------------------------------------------------------


def test_events_are_read_page_by_page(house: House) -> None:
    world = house.world
    for points in range(1, 6):
        world.earn(world.aisha, points)
    world.earn(world.clara, 99)
    assert get(house).json["events"] == [], "what has no position yet is not shown"
    publish(world.engine)
    first = get(house, "?limit=2").json
    assert list(first) == ["status", "events", "next", "has_more", "message"]
    assert (first["status"], first["has_more"]) == ("object", True)
    assert [event["points"] for event in first["events"]] == [1, 2]
    rest = get(house, f"?after={quote(first['next'])}&limit=500").json
    assert [event["points"] for event in rest["events"]] == [3, 4, 5]
    assert rest["has_more"] is False
    end = get(house, f"?after={rest['next']}").json
    assert (end["events"], end["next"], end["has_more"]) == ([], rest["next"], False)
    assert len(get(house, f"?after=&limit={quote('٣')}").json["events"]) == 3
    assert len(get(house, "?after=").json["events"]) == 5
    arabic = get(house, language="ar")
    assert arabic["content-language"] == "ar"
    assert arabic.json["message"]["name"] == "الأحداث"
    assert house.ask("GET", EVENTS + "/", house.manager(world.riyadh)).status == 200


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=501", "limit=-1", "limit=x", "limit=", "limit=1.0", "limit=1e2",
        "limit=99999999999999999999",
    ],
)  # fmt: skip
def test_a_limit_that_is_none(house: House, query: str) -> None:
    answer = get(house, f"?{query}")
    assert (answer.status, answer.code) == (422, "ERROR_POPUP_OK")
    assert "limit" in answer.json


@pytest.mark.parametrize("cursor", ["x", "AQ", "%00", "%F0%9F%92%A9", "A" * 3_000, "..", "null"])
def test_a_cursor_that_is_none(house: House, cursor: str) -> None:
    answer = get(house, f"?after={cursor}")
    assert (answer.status, answer.code) == (422, "ERROR_CURSOR_INVALID")


def test_another_store_s_cursor_is_none(house: House) -> None:
    cursor = get(house, store=house.world.kuwait).json["next"]
    assert get(house, f"?after={cursor}", house.world.kuwait).status == 200
    assert get(house, f"?after={cursor}").code == "ERROR_CURSOR_INVALID"


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("limit=1&limit=2", 400, "ERROR_BAD_REQUEST"),
        ("after=&after=", 400, "ERROR_BAD_REQUEST"),
        ("limit", 400, "ERROR_BAD_REQUEST"),
        ("limit=%FF", 400, "ERROR_BAD_REQUEST"),
        ("&".join(f"a{number}=1" for number in range(300)), 400, "ERROR_BAD_REQUEST"),
        ("page=1", 422, "ERROR_POPUP_OK"),
        ("limit=1&Limit=2", 422, "ERROR_POPUP_OK"),
    ],
)
def test_a_query_that_is_not_understood(house: House, query: str, status: int, code: str) -> None:
    answer = get(house, f"?{query}")
    assert (answer.status, answer.code) == (status, code)
    assert send(house, "GET", f"?{query}").status == status


def test_head_and_other_methods(house: House) -> None:
    headers = house.manager(house.world.riyadh)
    for path in (EVENTS, WEBHOOKS):
        head = house.ask("HEAD", path, headers)
        whole = house.ask("GET", path, headers)
        assert (head.status, head.body) == (200, b"")
        assert head["content-length"] == str(len(whole.body))
        assert house.ask("PUT", path, headers).code == "ERROR_METHOD_NOT_ALLOWED"
    assert house.ask("POST", EVENTS, headers)["allow"] == "GET, HEAD"


# -- webhooks --------------------------------------------------------------------------------------


def test_a_webhook_lives(house: House) -> None:
    made = added(house, kinds=["points.earned", "points.expired"])
    assert made["secret"].startswith("nqw_")
    assert len(made["secret"]) == 68
    assert made["kinds"] == ["points.earned", "points.expired"]
    assert made["paused_at"] is made["pause_reason"] is made["failing_since"] is None
    (listed,) = send(house, "GET").json["webhooks"]
    assert listed == {name: value for name, value in made.items() if name != "secret"}
    one = f"/{made['id']}"
    assert send(house, "POST", one + "/resume").json["webhook"] == listed
    assert send(house, "POST", one + "/replay", {"after": None}).json["webhook"] == listed
    cursor = get(house).json["next"]
    assert send(house, "POST", one + "/replay", {"after": cursor}).status == 200
    assert send(house, "POST", one + "/replay").status == 200
    assert send(house, "DELETE", one).json["status"] == "object"
    assert send(house, "DELETE", one).code == "ERROR_WEBHOOK_NOT_FOUND"
    assert send(house, "GET").json["webhooks"] == []
    assert made["secret"] not in house.log.text


def test_every_kind_is_the_default(house: House) -> None:
    assert added(house)["kinds"] == list(KINDS)
    assert added(house, kinds=list(KINDS))["kinds"] == list(KINDS)


def test_forms_are_taken_too(house: House) -> None:
    headers = {
        **house.manager(house.world.riyadh), "Content-Type": "application/x-www-form-urlencoded",
    }  # fmt: skip
    body = f"url={quote(URL)}&kinds=points.held,points.earned&from_the_beginning=1".encode()
    answer = house.ask("POST", WEBHOOKS, headers, body)
    assert answer.json["webhook"]["kinds"] == ["points.earned", "points.held"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"), ({"url": 5}, "url"), ({"url": ""}, "url"), ({"url": None}, "url"),
        ({"url": [URL]}, "url"), ({"url": URL, "kinds": []}, "kinds"),
        ({"url": URL, "kinds": ["points.stolen"]}, "kinds"), ({"url": URL, "kinds": 1}, "kinds"),
        ({"url": URL, "kinds": [1]}, "kinds"), ({"url": URL, "kinds": "x"}, "kinds"),
        ({"url": URL, "from_the_beginning": "perhaps"}, "from_the_beginning"),
        ({"url": URL, "from_the_beginning": []}, "from_the_beginning"),
        ({"url": URL, "secret": "mine"}, "secret"), ({"url": URL, "store_id": 1}, "store_id"),
    ],
)  # fmt: skip
def test_a_body_that_is_not_valid(house: House, body: dict[str, object], field: str) -> None:
    answer = send(house, "POST", "", body)
    assert (answer.status, answer.code) == (422, "ERROR_POPUP_OK")
    assert field in answer.json
    assert send(house, "GET").json["webhooks"] == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://shop.example/", "http://127.0.0.1/", "http://localhost:8080/x", "http://[::1]/",
        "https://me:secret@shop.example/", "shop.example", "http://169.254.169.254/latest",
    ],
)  # fmt: skip
def test_a_target_that_is_refused(house: House, url: str) -> None:
    answer = send(house, "POST", "", {"url": url})
    assert (answer.status, answer.code) == (422, "ERROR_TARGET_REFUSED")
    assert send(house, "GET").json["webhooks"] == []


def test_a_store_has_so_many_and_no_more(house: House) -> None:
    first = added(house)
    added(house)
    added(house)
    assert send(house, "POST", "", {"url": URL}).code == "ERROR_WEBHOOKS_TOO_MANY"
    added(house, house.world.kuwait)
    assert send(house, "DELETE", f"/{first['id']}").status == 200
    added(house)


def test_another_store_s_webhook_is_none(house: House) -> None:
    theirs = added(house, house.world.kuwait)
    for name in (theirs["id"], 1, "x", "0", f"0{theirs['id']}", "-1", "9" * 40, "%D9%A1"):
        for method, path, body in (
            ("DELETE", "", None), ("POST", "/resume", None), ("POST", "/replay", {"after": "x"}),
        ):  # fmt: skip
            answer = send(house, method, f"/{name}{path}", body)
            assert (answer.status, answer.code) == (404, "ERROR_WEBHOOK_NOT_FOUND"), name
    assert len(send(house, "GET", store=house.world.kuwait).json["webhooks"]) == 1


@pytest.mark.parametrize("after", ["x", "AQ", json.dumps([1])])
def test_replay_from_what_is_no_cursor(house: House, after: str) -> None:
    one = added(house)
    answer = send(house, "POST", f"/{one['id']}/replay", {"after": after})
    assert (answer.status, answer.code) == (422, "ERROR_CURSOR_INVALID")
    wrong = send(house, "POST", f"/{one['id']}/replay", {"after": 5})
    assert "after" in wrong.json
    assert send(house, "POST", f"/{one['id']}/replay", {"before": "x"}).code == "ERROR_POPUP_OK"


def test_each_scope_opens_its_own_door(house: House) -> None:
    world = house.world
    reader = world.install(world.riyadh, "loyalty_program.read", name="Reader")
    writer = world.install(world.riyadh, "webhooks.read_write", name="Writer")
    opened = {}
    for name, installed in (("reader", reader), ("writer", writer)):
        headers = {
            "Authorization": installed.authorization, "X-Manager-Token": installed.access_token,
        }  # fmt: skip
        opened[name] = [house.ask("GET", path, headers).status for path in (EVENTS, WEBHOOKS)]
    assert opened == {"reader": [200, 403], "writer": [403, 200]}
