"""The 200 answer, byte for byte: body, headers, tags, HEAD, and which points it counts and when.

Source: contract, decisions, section 1. The snapshots hold whole answers as they leave the socket.
"""

import re
from itertools import count
from pathlib import Path

import msgspec
import pytest

from nuqta.engine.stores import ProgramWish
from nuqta.ledger.instants import DAY_US
from nuqta.storage import books
from nuqta.storage.rows import account_row
from nuqta.storage.sqlite import Transaction
from tests.http.server import (
    SNAPSHOTS,
    Answer,
    House,
    matches_snapshot,
    open_house,
    path_of,
    request,
)
from tests.world import Shopper

HEADERS_OF_200 = [
    "cache-control",
    "content-language",
    "content-length",
    "content-type",
    "etag",
    "vary",
    "x-content-type-options",
    "x-request-id",
]
HEADERS_OF_304 = [one for one in HEADERS_OF_200 if one not in ("content-length", "content-type")]
_ids = count(1_000)


def points(answer: Answer) -> tuple[int, int]:
    """What a 200 says: (available, used)."""
    assert answer.status == 200, answer.body
    found = answer.json["points"]
    assert list(found) == ["available_poitns", "used_poitns"]
    return found["available_poitns"], found["used_poitns"]


def newcomer(house: House) -> tuple[Shopper, str]:
    """A customer of this test alone, in Riyadh, and a session."""
    shopper = house.world.customer(house.world.riyadh, next(_ids))
    return shopper, house.world.login(shopper)


# -- the answer as it stands -----------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("case", ["zeros", "some", "many"])
def test_the_answer_byte_for_byte(house: House, language: str, case: str) -> None:
    shopper, token = newcomer(house)
    if case != "zeros":
        earned, spent = {"some": (150, 30), "many": (10**12, 10**11)}[case]
        house.world.earn(shopper, earned)
        house.world.spend(shopper, spent)
    answer = house.balance(shopper, token, Accept_Language=language, X_Request_Id="snapshot")
    text = (answer.head + answer.body).decode().replace("\r\n", "\n")
    assert matches_snapshot(f"points-{case}-{language}.http", text + "\n")
    assert answer.names == HEADERS_OF_200


def test_control_a_snapshot_that_differs_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUQTA_UPDATE_SNAPSHOTS", raising=False)
    kept = (SNAPSHOTS / "points-some-en.http").read_text(encoding="utf-8")
    assert matches_snapshot("points-some-en.http", kept)
    assert not matches_snapshot("points-some-en.http", kept.replace("poitns", "points"))


def test_the_keys_their_order_and_their_misspellings(house: House) -> None:
    shopper, token = newcomer(house)
    body = house.balance(shopper, token).body
    assert body == (
        b'{"status":"success","points":{"available_poitns":0,"used_poitns":0},"message":{"type":'
        b'"success","code":null,"name":null,"description":null}}'
    )


# -- how it may be asked ---------------------------------------------------------------------------


def test_a_store_is_named_by_id_or_uuid_with_and_without_a_slash(house: House) -> None:
    shopper, token = newcomer(house)
    house.world.earn(shopper, 5)
    store = house.world.riyadh
    headers = house.shopper(store, token)
    for name in (store.store_id, store.uuid, store.uuid.upper()):
        for slash in ("", "/"):
            for query in ("", "?", "?a=b", "?a=/x"):
                answer = house.ask("GET", path_of(name) + slash + query, headers)
                assert points(answer) == (5, 0), (name, slash, query)


@pytest.mark.parametrize(
    "form", ["Bearer {}", "bearer {}", "BEARER {}", "{}", "Bearer  {}", "  {}  ", "\t{}\t"]
)
def test_the_partner_token_is_taken_with_and_without_bearer(house: House, form: str) -> None:
    token = house.world.login(house.world.aisha)
    store = house.world.riyadh
    sent = form.format(house.world.tokens[store.store_id].authorization)
    headers = {"AUTHORIZATION": sent, "x-customer-TOKEN": token}
    assert house.ask("GET", path_of(store.store_id), headers).status == 200


@pytest.mark.parametrize("form", ["  {}", "{}  ", "\t{}\t"])
def test_space_around_a_token_is_no_part_of_it(house: House, form: str) -> None:
    world = house.world
    sent = house.shopper(world.riyadh, form.format(world.login(world.aisha)))
    assert house.ask("GET", path_of(world.riyadh.store_id), sent).status == 200
    access = world.tokens[world.riyadh.store_id].access_token
    headers = {**house.partner(world.riyadh), "X-Manager-Token": form.format(access)}
    path = "/v1/managers/store/customers/1/login"
    assert house.ask("POST", path, headers).status == 200


def test_any_live_token_proves_the_partner_on_every_store_of_its_own(house: House) -> None:
    world = house.world
    other = world.tokens[world.kuwait.store_id].authorization
    headers = {"Authorization": f"Bearer {other}", "X-CUSTOMER-TOKEN": world.login(world.aisha)}
    assert house.ask("GET", path_of(world.riyadh.store_id), headers).status == 200


@pytest.mark.parametrize(
    "kind", ["text/html", "application/xml", "", "garbage", "multipart/form-data", "a/b; c=\xff"]
)
def test_the_content_type_of_a_get_is_never_a_reason_to_refuse(house: House, kind: str) -> None:
    token = house.world.login(house.world.aisha)
    assert house.balance(house.world.aisha, token, Content_Type=kind).status == 200


def test_two_stores_customers_of_one_id_keep_their_own_numbers(house: House) -> None:
    world = house.world
    world.earn(world.aisha, 7)
    world.earn(world.clara, 9)
    assert points(house.balance(world.aisha, world.login(world.aisha))) == (7, 0)
    assert points(house.balance(world.clara, world.login(world.clara))) == (9, 0)
    assert points(house.balance(world.badr, world.login(world.badr))) == (0, 0)


# -- tags ------------------------------------------------------------------------------------------


def test_the_tag_changes_exactly_when_the_body_or_the_books_do(house: House) -> None:
    shopper, token = newcomer(house)
    world = house.world

    def tag() -> str:
        return house.balance(shopper, token)["etag"]

    first = tag()
    assert re.fullmatch(r'"[^"]+"', first), "a strong tag"
    assert tag() == first
    world.time.forward(hours=1)
    assert tag() == first
    seen = [first]
    moves = (
        lambda: world.earn(shopper, 10, mature_days=1, expire_days=2),
        lambda: world.time.forward(days=1),
        lambda: world.adjust(shopper, 5),
        lambda: world.spend(shopper, 3),
        lambda: world.adjust(shopper, -2),
        lambda: world.time.forward(days=1),
    )
    for move in moves:
        move()
        seen.append(tag())
        assert tag() == seen[-1]
    assert len(set(seen)) == len(seen), seen
    assert house.balance(shopper, token, Accept_Language="ar")["etag"] not in seen


TAGS = """
same           304
W/same         304
"x", same      304
"x",W/same,"y" 304
 same          304
*              304
"x"            200
W/"x"          200
"x", "y"       200
same-unquoted  200
"              200
,,             200
"*"            200
w/same         200
"""


@pytest.mark.parametrize("line", [line.strip() for line in TAGS.strip().splitlines()])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_if_none_match(house: House, line: str, method: str) -> None:
    sent, status = line.rsplit(maxsplit=1)
    store, token = house.world.riyadh, house.world.login(house.world.aisha)
    headers = house.shopper(store, token)
    plain = house.ask("GET", path_of(store.uuid), headers)
    tag = plain["etag"]
    sent = sent.replace("same-unquoted", tag.strip('"')).replace("same", tag)
    answer = house.ask(method, path_of(store.uuid), {**headers, "If-None-Match": sent})
    assert answer.status == int(status), (sent, answer)
    assert answer["etag"] == tag
    assert answer["cache-control"] == "private, no-cache"
    assert answer["vary"] == "Accept-Language"
    if answer.status == 304:
        assert answer.body == b""
        assert answer.names == HEADERS_OF_304, answer.head


def test_if_none_match_in_two_headers_is_one_list(house: House) -> None:
    store, token = house.world.riyadh, house.world.login(house.world.aisha)
    headers = house.shopper(store, token)
    tag = house.ask("GET", path_of(store.uuid), headers)["etag"]
    twice = [*headers.items(), ("If-None-Match", tag), ("If-None-Match", '"x"')]
    assert house.ask("GET", path_of(store.uuid), twice).status == 304


def test_a_tag_is_no_way_around_the_guard(house: House) -> None:
    headers = {**house.partner(house.world.riyadh), "If-None-Match": "*"}
    answer = house.ask("GET", path_of(house.world.riyadh.uuid), headers)
    assert (answer.status, answer.code) == (401, "ERROR_SESSION_MISSING")


def test_a_connection_goes_on_after_304_and_head(house: House) -> None:
    store, token = house.world.riyadh, house.world.login(house.world.aisha)
    headers = house.shopper(store, token)
    with house.wire() as wire:
        for method, more in (("GET", {}), ("HEAD", {}), ("GET", {"If-None-Match": "*"})) * 3:
            wire.send(request(method, path_of(store.store_id), {**headers, **more}))
            answer = wire.answer(method)
            assert answer is not None
            assert answer.status == (304 if more else 200)


# -- HEAD and the request's id ---------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"Accept-Language": "ar"}, {"If-None-Match": '"x"'}])
def test_head_is_get_without_its_body(house: House, headers: dict[str, str]) -> None:
    store, token = house.world.riyadh, house.world.login(house.world.aisha)
    sent = {**house.shopper(store, token), **headers, "X-Request-Id": "one"}
    get = house.ask("GET", path_of(store.store_id), sent)
    head = house.ask("HEAD", path_of(store.store_id), sent)
    assert (head.status, head.headers, head.body) == (get.status, get.headers, b"")
    assert int(head["content-length"]) == len(get.body)


def test_head_of_a_refusal_has_its_headers_and_no_body(house: House) -> None:
    path = path_of(house.world.riyadh.store_id)
    get, head = (house.ask(method, path, {"X-Request-Id": "one"}) for method in ("GET", "HEAD"))
    assert (head.status, head.headers, head.body) == (401, get.headers, b"")


@pytest.mark.parametrize(
    ("sent", "is_kept"),
    [
        ("a", True),
        ("0", True),
        ("6f1c2b1e-8c0a-4a57-9f0e-2f6c4d1f0a11", True),
        ("A.b_c:d-e", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("", False),
        ("a b", False),
        ("a,b", False),
        ("<script>", False),
        ("نقطة".encode().decode("latin-1"), False),
        ('a"b', False),
        ("a\\b", False),
        ("a\tb", False),
    ],
)
@pytest.mark.parametrize("path", ["points", "framework", "refused"])
def test_a_sane_request_id_comes_back(house: House, sent: str, is_kept: bool, path: str) -> None:
    world = house.world
    if path == "points":
        headers = {**house.shopper(world.riyadh, world.login(world.aisha)), "X-Request-Id": sent}
        answer = house.ask("GET", path_of(world.riyadh.store_id), headers)
    else:
        address = path_of("1") if path == "refused" else "/nothing"
        answer = house.ask("GET", address, {"X-Request-Id": sent})
    assert (answer["x-request-id"] == sent) is is_kept
    assert re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", answer["x-request-id"])


def test_request_ids_of_our_own_differ(house: House) -> None:
    ids = {house.ask("GET", "/nothing")["x-request-id"] for _ in range(50)}
    assert len(ids) == 50


# -- which points, and when ------------------------------------------------------------------------


def test_a_program_that_is_switched_off_still_shows_the_balance(house: House) -> None:
    world = house.world
    shopper = world.customer(world.kuwait, 30)
    world.earn(shopper, 12)
    world.program(world.kuwait, ProgramWish(is_on=False))
    assert points(house.balance(shopper, world.login(shopper))) == (12, 0)


def test_points_mature_and_expire_exactly_at_their_instant(house: House) -> None:
    shopper, token = newcomer(house)
    world = house.world
    world.earn(shopper, 100, mature_days=2, expire_days=5)
    world.earn(shopper, 7, expire_days=3)
    began_at, seen = world.time.wall, []
    for days in (1, 2, 3, 5):
        world.time.forward(us=began_at + days * DAY_US - 1 - world.time.wall)
        before = points(house.balance(shopper, token))
        world.time.forward(us=1)
        seen.append((before, points(house.balance(shopper, token))))
    assert seen == [
        ((7, 0), (7, 0)),
        ((7, 0), (107, 0)),
        ((107, 0), (100, 0)),
        ((100, 0), (0, 0)),
    ]
    assert world.balance(shopper).version == 2, "a read books nothing"


def test_held_pending_and_owed_points_are_not_available(tmp_path: Path) -> None:
    """Holds and debts come with later moves: the row is put as those will leave it."""
    with open_house(tmp_path, is_whole=False) as house:
        world = house.world
        token = world.login(world.aisha)
        world.earn(world.aisha, 50, mature_days=9)
        world.earn(world.aisha, 20)

        def put(tx: Transaction) -> None:
            account = books.account(tx, world.aisha.key)
            assert account is not None
            changed = msgspec.structs.replace(account, available=13, held=7, owed=4)
            tx.rows_of(
                "UPDATE accounts SET available = 13, held = 7, owed = 4, crc = ? "
                "WHERE dkey = ? AND customer_id = ?",
                (account_row(changed)[-1], *world.aisha.key),
            )

        world.engine.door.write_now("put", put)
        assert points(house.balance(world.aisha, token)) == (13, 0)


def test_used_counts_redemptions_and_nothing_else(house: House) -> None:
    shopper, token = newcomer(house)
    world = house.world
    world.earn(shopper, 100, expire_days=10)
    world.spend(shopper, 40)
    world.adjust(shopper, -5)
    assert points(house.balance(shopper, token)) == (55, 40)
    world.time.forward(days=10)
    assert points(house.balance(shopper, token)) == (0, 40)
