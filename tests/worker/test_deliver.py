"""Delivery to a real receiver: signed, in order, at least once, retried, paused, resumed, replayed.

The clock is the world's: hours of failing pass by moving it.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from nuqta import __version__, refusals
from nuqta.engine.outbox import events, webhooks
from nuqta.ledger.instants import SECOND_US
from nuqta.loyalty.dates import format_instant
from nuqta.worker.publish import publish
from tests.worker.receiver import Receiver, Reply, Told
from tests.worker.work import deliver, firsts, numbered, replay, resume, seeded, state, subscribe
from tests.world import World


def answering(*statuses: int, **headers: str) -> Iterator[Reply]:
    """These answers one after the other, then 200 for ever."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    for status in statuses:
        yield status, named
    while True:
        yield 200, {}


def answer(receiver: Receiver, *statuses: int, **headers: str) -> None:
    replies = answering(*statuses, **headers)
    receiver.answer = lambda told: next(replies)


def always(receiver: Receiver, status: int, **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    receiver.answer = lambda told: (status, named)


def signed(told: Told, secret: str) -> str:
    """What the signature of a request must be, worked out as a receiver does."""
    text = told.headers["x-nuqta-timestamp"].encode() + b"." + told.body
    return "v1=" + hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


# -- what is sent ----------------------------------------------------------------------------------


def test_an_event_is_whole_and_signed(world: World, receiver: Receiver) -> None:
    webhook = subscribe(world, receiver.url + "?to=us")
    world.earn(world.aisha, 100, expire_days=30, order="A-7")
    deliver(world)
    (told,) = receiver.told
    store_id, now = world.riyadh.store_id, format_instant(world.time.wall)
    assert told.path == "/events?to=us"
    assert told.event == {
        "id": f"{store_id}-1-1", "type": "points.earned", "store_id": store_id,
        "customer_id": 1, "number": 1, "version": 1, "points": 100,
        "balance": {"available": 100, "pending": 0, "held": 0, "owed": 0, "used": 0},
        "lot": 1, "expires_at": "2026-03-31T09:00:00.000000Z", "order_number": "A-7",
        "effective_at": now, "recorded_at": now,
    }  # fmt: skip
    assert told.headers["x-nuqta-event-id"] == told.event["id"]
    assert told.headers["x-nuqta-timestamp"] == str(world.time.wall // SECOND_US)
    assert told.headers["x-nuqta-signature"] == signed(told, webhook.secret)
    assert told.headers["content-type"] == "application/json"
    assert told.headers["user-agent"] == f"nuqta/{__version__}"
    assert told.headers["host"] == f"127.0.0.1:{receiver.port}"


def test_control_another_secret_or_body_signs_otherwise(world: World, receiver: Receiver) -> None:
    webhook = subscribe(world, receiver.url)
    world.earn(world.aisha, 100)
    deliver(world)
    (told,) = receiver.told
    assert signed(told, webhook.secret[:-1]) != told.headers["x-nuqta-signature"]
    later = Told(told.path, {**told.headers, "x-nuqta-timestamp": "1"}, told.body)
    assert signed(later, webhook.secret) != told.headers["x-nuqta-signature"]
    more = Told(told.path, told.headers, told.body + b" ")
    assert signed(more, webhook.secret) != told.headers["x-nuqta-signature"]


def test_order_within_accounts_and_nothing_twice(world: World, receiver: Receiver) -> None:
    subscribe(world, receiver.url)
    shoppers = [world.customer(world.riyadh, number, "Some") for number in range(10, 30)]
    for turn in range(4):
        for shopper in shoppers:
            world.earn(shopper, 5)
            if turn % 2:
                world.spend(shopper, 1)
    deliver(world)
    deliver(world)
    assert firsts(receiver.numbers) == numbered(world)
    assert len(receiver.told) == len(numbered(world)) == 120


def test_a_store_hears_of_its_own_alone(world: World, receiver: Receiver) -> None:
    subscribe(world, receiver.url, store=world.kuwait)
    world.earn(world.aisha, 1)
    world.earn(world.clara, 2)
    deliver(world)
    assert [told.event["store_id"] for told in receiver.told] == [world.kuwait.store_id]


def test_kinds_that_were_not_asked_for_are_passed_over(world: World, receiver: Receiver) -> None:
    subscribe(world, receiver.url, "points.redeemed", "points.adjusted")
    for _ in range(3):
        world.earn(world.aisha, 10)
        world.spend(world.aisha, 1)
    world.adjust(world.aisha, -2)
    world.earn(world.aisha, 10)
    deliver(world)
    assert [told.event["type"] for told in receiver.told] == [
        *["points.redeemed"] * 3, "points.adjusted",
    ]  # fmt: skip
    assert receiver.told[-1].event["points"] == -2
    deliver(world)
    assert len(receiver.told) == 4


def test_a_new_webhook_begins_with_what_comes(world: World, receiver: Receiver) -> None:
    world.earn(world.aisha, 1)
    publish(world.engine)
    world.earn(world.aisha, 2)  # committed, and without a position yet
    subscribe(world, receiver.url)
    world.earn(world.aisha, 3)
    world.earn(world.badr, 4)
    deliver(world)
    assert sorted(told.event["points"] for told in receiver.told) == [3, 4]


def test_from_the_beginning(world: World, receiver: Receiver) -> None:
    for points in (1, 2, 3):
        world.earn(world.aisha, points)
    publish(world.engine)
    subscribe(world, receiver.url, beginning=True)
    deliver(world)
    assert [told.event["points"] for told in receiver.told] == [1, 2, 3]


# -- when it fails ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 404, 302, 199 + 105, 400, 503])
def test_it_is_tried_again_after_anything_but_success(
    world: World, receiver: Receiver, status: int
) -> None:
    subscribe(world, receiver.url)
    world.earn(world.aisha, 1)
    world.earn(world.aisha, 2)
    answer(receiver, status, location=receiver.url + "/elsewhere")
    deliver(world)
    assert [told.event["number"] for told in receiver.told] == [1], "the next one waits"
    deliver(world)
    assert len(receiver.told) == 1, "not before its time"
    world.time.forward(seconds=5)
    deliver(world)
    assert [told.event["number"] for told in receiver.told] == [1, 1, 2]
    assert {told.path for told in receiver.told} == {"/events"}, "no redirect is followed"
    assert receiver.told[0].body == receiver.told[1].body
    first, second = (told.headers["x-nuqta-timestamp"] for told in receiver.told[:2])
    assert int(second) == int(first) + 5, "a try is stamped with its own time"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_success_is_one(world: World, receiver: Receiver, status: int) -> None:
    subscribe(world, receiver.url)
    always(receiver, status)
    world.earn(world.aisha, 1)
    deliver(world)
    world.time.forward(days=1)
    deliver(world)
    assert len(receiver.told) == 1


def test_pauses_grow_and_end_at_the_longest(world: World, receiver: Receiver) -> None:
    webhook = subscribe(world, receiver.url)
    always(receiver, 500)
    world.earn(world.aisha, 1)
    waits = []
    for _ in range(20):
        deliver(world, seeded(3))
        (due_at,) = world.engine.vault.reader().rows_of("SELECT next_try_at FROM deliveries", ())[0]
        waits.append((due_at - world.time.wall) // SECOND_US)
        world.time.wall = max(due_at, world.time.wall)
    assert waits[0] <= 5
    assert max(waits) > 600
    assert max(waits) <= 3_600
    assert len(receiver.told) == 20
    assert state(world, webhook)["last_error"] == "answered 500"
    assert state(world, webhook)["paused_at"] is None


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured(world: World, receiver: Receiver, status: int, form: str) -> None:
    moment = datetime.fromtimestamp(world.time.wall // SECOND_US + 600, UTC)
    text = "600" if form == "seconds" else format_datetime(moment, usegmt=True)
    subscribe(world, receiver.url)
    answer(receiver, status, retry_after=text)
    world.earn(world.aisha, 1)
    deliver(world)
    world.time.forward(seconds=599)
    deliver(world)
    assert len(receiver.told) == 1
    world.time.forward(seconds=1)
    deliver(world)
    assert len(receiver.told) == 2


@pytest.mark.parametrize("text", ["999999999", "x", "-1", "1e9", "٩", "", "Wed, 99 Foo"])
def test_retry_after_is_believed_up_to_the_longest_pause(
    world: World, receiver: Receiver, text: str
) -> None:
    subscribe(world, receiver.url)
    always(receiver, 503, retry_after=text.encode().decode("latin-1"))
    world.earn(world.aisha, 1)
    deliver(world)
    world.time.forward(seconds=3_600)
    deliver(world)
    assert len(receiver.told) == 2


def test_nobody_answers(world: World, receiver: Receiver) -> None:
    webhook = subscribe(world, "http://127.0.0.1:1/nobody")
    world.earn(world.aisha, 1)
    deliver(world)
    assert "no connection" in state(world, webhook)["last_error"]
    assert state(world, webhook)["failing_since"] == format_instant(world.time.wall)


def test_a_webhook_that_fails_for_three_days_is_paused_and_goes_on_where_it_stood(
    world: World, receiver: Receiver
) -> None:
    webhook = subscribe(world, receiver.url)
    world.earn(world.aisha, 1)
    deliver(world)
    always(receiver, 500)
    world.earn(world.aisha, 2)
    world.earn(world.badr, 3)
    for _ in range(72):
        deliver(world)
        assert state(world, webhook)["paused_at"] is None
        world.time.forward(hours=1)
    deliver(world)
    paused = state(world, webhook)
    assert paused["paused_at"] == format_instant(world.time.wall)
    assert paused["pause_reason"] == "failing for 72 hours: answered 500"
    tries = len(receiver.told)
    always(receiver, 200)
    world.earn(world.aisha, 4)
    world.time.forward(days=30)
    deliver(world)
    assert len(receiver.told) == tries, "a paused webhook is told nothing"
    resume(world, webhook)
    deliver(world)
    assert state(world, webhook)["paused_at"] is None
    assert state(world, webhook)["failing_since"] is None
    assert [told.event["points"] for told in receiver.told[tries:] if told.event["customer_id"] == 1
            ] == [2, 4]  # fmt: skip
    assert firsts(receiver.numbers) == numbered(world)


def test_a_success_between_ends_the_failing(world: World, receiver: Receiver) -> None:
    webhook = subscribe(world, receiver.url)
    for _ in range(10):
        world.earn(world.aisha, 1)
        answer(receiver, 500)
        deliver(world)
        world.time.forward(hours=10)
        deliver(world)
    assert state(world, webhook)["paused_at"] is None
    assert len(receiver.told) == 20


def test_gone_is_gone_at_once(world: World, receiver: Receiver) -> None:
    webhook = subscribe(world, receiver.url)
    answer(receiver, 410)
    world.earn(world.aisha, 1)
    deliver(world)
    assert "410" in state(world, webhook)["pause_reason"]
    world.time.forward(days=1)
    deliver(world)
    assert len(receiver.told) == 1
    resume(world, webhook)
    deliver(world)
    assert [told.event["number"] for told in receiver.told] == [1, 1]


def test_one_that_fails_holds_no_other_up(world: World, receiver: Receiver) -> None:
    broken = subscribe(world, "http://127.0.0.1:1/nobody")
    subscribe(world, receiver.url)
    receiver.answer = lambda told: (500 if told.event["customer_id"] == 1 else 200, {})
    for _ in range(3):
        world.earn(world.aisha, 1)
        world.earn(world.badr, 1)
    deliver(world)
    assert receiver.numbers.count((1, 1)) == 1
    assert [one for one in receiver.numbers if one[0] == 2] == [(2, 1), (2, 2), (2, 3)]
    assert state(world, broken)["failing_since"] is not None


# -- the clock, and people -------------------------------------------------------------------------


def test_a_clock_that_jumps_stops_no_delivery_and_pauses_nothing(
    world: World, receiver: Receiver
) -> None:
    webhook = subscribe(world, receiver.url)
    always(receiver, 500)
    world.earn(world.aisha, 1)
    deliver(world)
    world.time.jump(100 * 86_400)
    deliver(world)
    assert len(receiver.told) == 2
    assert state(world, webhook)["paused_at"] is None
    always(receiver, 200)
    resume_at = world.time.wall + 3_600 * SECOND_US
    world.time.wall = resume_at
    deliver(world)
    assert len(receiver.told) == 3
    world.time.jump(-100 * 86_400 - 3_600)
    world.earn(world.aisha, 2)
    deliver(world)
    assert len(receiver.told) == 4


def test_a_next_try_from_a_clock_set_back_is_not_waited_for(
    world: World, receiver: Receiver
) -> None:
    subscribe(world, receiver.url)
    answer(receiver, 500)
    world.earn(world.aisha, 1)
    world.time.jump(40 * 86_400)
    deliver(world)
    world.time.jump(-40 * 86_400)
    deliver(world)
    assert len(receiver.told) == 2


def test_replay_tells_again_and_never_leaves_out(world: World, receiver: Receiver) -> None:
    webhook = subscribe(world, receiver.url, beginning=True)
    world.earn(world.aisha, 1)
    world.earn(world.badr, 2)
    deliver(world)
    with world.engine.vault.snapshot() as tx:
        page = events.events_after(tx, world.riyadh.store_id, "", 500)
    assert isinstance(page, events.Page)
    world.earn(world.aisha, 3)
    deliver(world)
    assert len(receiver.told) == 3
    replay(world, webhook, page.cursor)
    deliver(world)
    assert [told.event["points"] for told in receiver.told[3:]] == [3]
    replay(world, webhook)
    deliver(world)
    assert sorted(told.event["points"] for told in receiver.told[4:]) == [1, 2, 3]
    world.earn(world.aisha, 4)
    publish(world.engine)
    with world.engine.vault.snapshot() as tx:
        ahead = events.events_after(tx, world.riyadh.store_id, "", 500)
    assert isinstance(ahead, events.Page)
    replay(world, webhook, ahead.cursor)
    deliver(world)
    assert receiver.told[-1].event["points"] == 4, "a cursor ahead skips nothing"
    assert replay(world, webhook, "x") is refusals.CURSOR_INVALID
    other = subscribe(world, receiver.url, store=world.kuwait)
    assert replay(world, other, ahead.cursor) is refusals.CURSOR_INVALID


def test_a_removed_webhook_is_told_nothing_and_leaves_nothing(
    world: World, receiver: Receiver
) -> None:
    webhook = subscribe(world, receiver.url)
    world.earn(world.aisha, 1)
    world.earn(world.aisha, 2)

    def removing(told: Told) -> Reply:
        world.engine.door.write_now(
            "remove", lambda tx: webhooks.remove(tx, webhook.store_id, webhook.webhook_id)
        )
        return 200, {}

    receiver.answer = removing
    deliver(world)
    assert len(receiver.told) == 1
    assert world.engine.vault.reader().rows_of("SELECT count(*) FROM deliveries", ()) == [(0,)]


def test_a_replay_in_the_middle_is_not_lost(world: World, receiver: Receiver) -> None:
    webhook = subscribe(world, receiver.url, beginning=True)
    for points in (1, 2, 3):
        world.earn(world.aisha, points)
    replies = iter(range(100))

    def replaying(told: Told) -> Reply:
        if next(replies) == 1:
            replay(world, webhook)
        return 200, {}

    receiver.answer = replaying
    deliver(world)
    assert [told.event["points"] for told in receiver.told] == [1, 2, 1, 2, 3]


def test_a_body_is_json_and_one_event(world: World, receiver: Receiver) -> None:
    subscribe(world, receiver.url)
    for _ in range(3):
        world.earn(world.aisha, 1)
    deliver(world)
    assert [json.loads(told.body)["number"] for told in receiver.told] == [1, 2, 3]
