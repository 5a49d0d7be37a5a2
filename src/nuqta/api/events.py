"""Events and webhooks: reading what happened from a cursor, and who is told of it.

These endpoints are ours: a field or a name in the query that they do not know is refused.
"""

from typing import Final, Literal

import msgspec

from nuqta import refusals
from nuqta.engine.outbox import events, webhooks
from nuqta.engine.outbox.events import PAGE_MAX
from nuqta.engine.outbox.webhooks import Webhook
from nuqta.ledger.events import KINDS
from nuqta.loyalty.customers import checked_id, plain_digits
from nuqta.refusals import Refusal
from nuqta.storage.sqlite import Transaction
from nuqta.texts import english
from nuqta.web import targets
from nuqta.web.fields import Field
from nuqta.web.replies import Acknowledged, Message
from nuqta.web.routes import Outcome, Request, Route

_PAGE: Final = 100
_BAD_LIMIT: Final = english("A page has 1 to {most} events.")
_BAD_CURSOR: Final = english("Send a cursor that was given to you.")
_NO_URL: Final = english("Send the address to be told.")
_BAD_KINDS: Final = english("Send names of events, or leave it out; there are {names}.")
_BAD_TRUTH: Final = english("This is true or false.")
_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False, "": False}


class Points(msgspec.Struct, frozen=True):
    """What stands in the account after an event, by place."""

    available: int
    pending: int
    held: int
    owed: int
    used: int


class ShownEvent(msgspec.Struct, frozen=True):
    """One thing that happened to a customer's points.

    `points` is signed; `lot`, `expires_at` and `order_number` are null where the event has none.
    """

    id: str
    type: str
    store_id: int
    customer_id: int
    number: int
    version: int
    points: int
    balance: Points
    lot: int | None
    expires_at: str | None
    order_number: str | None
    effective_at: str
    recorded_at: str


class EventsPage(msgspec.Struct, frozen=True):
    """Events after a cursor; `next` is the cursor after them."""

    status: Literal["object"]
    events: list[ShownEvent]
    next: str
    has_more: bool
    message: Message


class ShownWebhook(msgspec.Struct, frozen=True):
    """A webhook, and what is wrong with it; null where nothing is."""

    id: int
    url: str
    kinds: list[str]
    created_at: str
    paused_at: str | None
    pause_reason: str | None
    failing_since: str | None
    last_error: str | None


class NewWebhook(ShownWebhook, frozen=True):
    """A webhook that was just added, with the secret that signs what it is told."""

    secret: str


class Webhooks(msgspec.Struct, frozen=True):
    """Every webhook of the store."""

    status: Literal["object"]
    webhooks: list[ShownWebhook]
    message: Message


class AddedWebhook(msgspec.Struct, frozen=True):
    """The new webhook."""

    status: Literal["object"]
    webhook: NewWebhook
    message: Message


class OneWebhook(msgspec.Struct, frozen=True):
    """The webhook as it stands now."""

    status: Literal["object"]
    webhook: ShownWebhook
    message: Message


async def read(request: Request) -> Outcome:
    """What happened after a cursor, for whoever asks instead of being told."""
    text = plain_digits(request.query.get("limit", str(_PAGE)))
    if not (text.isascii() and text.isdecimal() and len(text) <= 4 and 1 <= int(text) <= PAGE_MAX):
        return request.invalid("limit", _BAD_LIMIT, most=PAGE_MAX)
    with request.engine.vault.snapshot() as tx:
        page = events.events_after(
            tx, request.caller.store_id, request.query.get("after", ""), int(text)
        )
    if isinstance(page, Refusal):
        return page
    found = msgspec.convert([events.shown(event) for event in page.events], list[ShownEvent])
    told = request.told("object", "Events", "The store's events")
    return EventsPage("object", found, page.cursor, page.has_more, told)


async def every(request: Request) -> Outcome:
    """The store's webhooks, with what is wrong with them."""
    with request.engine.vault.snapshot() as tx:
        found = webhooks.of_store(tx, request.caller.store_id)
    told = request.told("object", "Webhooks", "The store's webhooks")
    return Webhooks("object", [ShownWebhook(**webhooks.shown(*one)) for one in found], told)


async def add(request: Request) -> Outcome:
    """A new webhook, and its secret, once."""
    engine, caller = request.engine, request.caller
    url, wished = request.body.get("url"), request.body.get("kinds")
    if not isinstance(url, str) or not url:
        return request.invalid("url", _NO_URL)
    kinds = _kinds(wished)
    if kinds is None:
        return request.invalid("kinds", _BAD_KINDS, names=", ".join(KINDS))
    beginning = _TRUTHS.get(str(request.body.get("from_the_beginning", "")).lower())
    if beginning is None:
        return request.invalid("from_the_beginning", _BAD_TRUTH)
    refusal = targets.check(url, private=bool(engine.settings.webhook_private_targets))
    if refusal is not None:
        return refusal

    def work(tx: Transaction) -> Outcome:
        made = webhooks.add(
            tx, caller.store_id, url, kinds, engine.clock.now(), caller.origin,
            most=engine.settings.webhooks_per_store, from_the_beginning=beginning,
        )  # fmt: skip
        if isinstance(made, Refusal):
            return made
        told = request.told("object", "Webhook added", "Keep its secret now: it is shown this once")
        shown = NewWebhook(**webhooks.shown(made), secret=made.secret)
        return AddedWebhook("object", shown, told)

    return await request.write("add webhook", work)


async def remove(request: Request) -> Outcome:
    """A webhook is told nothing more."""
    store_id, webhook_id = request.caller.store_id, _webhook_id(request)

    def work(tx: Transaction) -> Outcome:
        if webhook_id is None or not webhooks.remove(tx, store_id, webhook_id):
            return refusals.WEBHOOK_NOT_FOUND
        told = request.told("object", "Webhook removed", "The webhook is told nothing more")
        return Acknowledged("object", told)

    return await request.write("remove webhook", work)


async def resume(request: Request) -> Outcome:
    """A webhook that was paused, or that waits for its next try, goes on at once."""
    store_id, webhook_id = request.caller.store_id, _webhook_id(request)

    def work(tx: Transaction) -> Outcome:
        found = None if webhook_id is None else webhooks.resume(tx, store_id, webhook_id)
        if found is None:
            return refusals.WEBHOOK_NOT_FOUND
        told = request.told("object", "Webhook resumed", "The webhook goes on from where it stood")
        return _one(found, told)

    return await request.write("resume webhook", work)


async def replay(request: Request) -> Outcome:
    """A webhook is told again what came after a cursor; without one, everything."""
    store_id, webhook_id = request.caller.store_id, _webhook_id(request)
    cursor = request.body.get("after")
    if cursor is not None and not isinstance(cursor, str):
        return request.invalid("after", _BAD_CURSOR)

    def work(tx: Transaction) -> Outcome:
        if webhook_id is None:
            return refusals.WEBHOOK_NOT_FOUND
        found = webhooks.replay(tx, store_id, webhook_id, cursor or "")
        if isinstance(found, Refusal):
            return found
        told = request.told(
            "object", "Webhook replayed", "The webhook is told again what came after the cursor"
        )
        return _one(found, told)

    return await request.write("replay webhook", work)


def _kinds(wished: object) -> str | None:
    """The kinds as they are kept: from a list, or, as forms send them, a text with commas."""
    if wished is None:
        return ""
    names = wished.replace(",", " ").split() if isinstance(wished, str) else wished
    if not isinstance(names, list) or not names or not all(isinstance(one, str) for one in names):
        return None
    try:
        return webhooks.checked_kinds(names)
    except ValueError:
        return None


def _webhook_id(request: Request) -> int | None:
    text = request.path["id"]
    try:
        webhook_id = checked_id(text)
    except ValueError:
        return None
    return webhook_id if text == str(webhook_id) else None


def _one(webhook: Webhook, message: Message) -> OneWebhook:
    return OneWebhook("object", ShownWebhook(**webhooks.shown(webhook)), message)


_WEBHOOKS: Final = "/v1/managers/loyalty-program/webhooks"
_SCOPE: Final = "webhooks.read_write"
_AFTER: Final = Field(
    "after", "text", "The cursor after which to go on; the beginning where left out.", None, False
)
_PAGE_FIELDS: Final = (
    _AFTER,
    Field("limit", "whole", "How many events at most.", 100, False, 1, PAGE_MAX),
)
_HOOK: Final = (
    Field("url", "text", "The address that is told.", "https://shop.example/events", True, 1, 2000),
    Field(
        "kinds", "any", "The events that it is told of, a list of their names; all where left out.",
        ["points.earned"], False,
    ),
    Field("from_the_beginning", "flag", "Whether it is told of what was before.", False, False),
)  # fmt: skip

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/v1/managers/loyalty-program/events", "manager", "loyalty_program.read", read,
          "What happened to the store's points after a cursor.", queries=_PAGE_FIELDS,
          answer=EventsPage, refusals=(refusals.CURSOR_INVALID,)),
    Route("GET", _WEBHOOKS, "manager", _SCOPE, every,
          "The store's webhooks, and what is wrong with them.", answer=Webhooks),
    Route("POST", _WEBHOOKS, "manager", _SCOPE, add,
          "A new webhook, which is told of the store's events.", _HOOK, answer=AddedWebhook,
          refusals=(refusals.TARGET_REFUSED, refusals.WEBHOOKS_TOO_MANY)),
    Route("DELETE", f"{_WEBHOOKS}/{{id}}", "manager", _SCOPE, remove,
          "A webhook is told nothing more.", answer=Acknowledged,
          refusals=(refusals.WEBHOOK_NOT_FOUND,)),
    Route("POST", f"{_WEBHOOKS}/{{id}}/resume", "manager", _SCOPE, resume,
          "A webhook that was paused goes on from where it stood.", answer=OneWebhook,
          refusals=(refusals.WEBHOOK_NOT_FOUND,)),
    Route("POST", f"{_WEBHOOKS}/{{id}}/replay", "manager", _SCOPE, replay,
          "A webhook is told again what came after a cursor.", (_AFTER,), answer=OneWebhook,
          refusals=(refusals.WEBHOOK_NOT_FOUND, refusals.CURSOR_INVALID)),
)  # fmt: skip
