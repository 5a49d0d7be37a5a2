"""Events and webhooks: reading what happened from a cursor, and who is told of it.

These endpoints are ours: a field or a name in the query that they do not know is refused.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from nuqta import refusals
from nuqta.engine.outbox import events, webhooks
from nuqta.engine.outbox.events import PAGE_MAX
from nuqta.engine.outbox.webhooks import Webhook
from nuqta.ledger.events import KINDS
from nuqta.loyalty.customers import checked_id, plain_digits
from nuqta.refusals import Refusal
from nuqta.storage.sqlite import Transaction
from nuqta.texts import ARABIC
from nuqta.web import targets
from nuqta.web.routes import Invalid, Request

T = TypeVar("T")

_PAGE: Final = 100
_TEXTS: Final = {
    "events": (("Events", "The store's events"), ("الأحداث", "أحداث المتجر")),
    "list": (("Webhooks", "The store's webhooks"), ("الويب هوك", "قائمة الويب هوك في المتجر")),
    "added": (
        ("Webhook added", "Keep its secret now: it is shown this once"),
        ("تمت إضافة الويب هوك", "احفظ المفتاح السري الآن، فلن يعرض مرة أخرى"),
    ),
    "removed": (
        ("Webhook removed", "The webhook is told nothing more"),
        ("تم حذف الويب هوك", "لن ترسل إليه أي أحداث بعد الآن"),
    ),
    "resumed": (
        ("Webhook resumed", "The webhook goes on from where it stood"),
        ("تم استئناف الويب هوك", "يستمر الإرسال من حيث توقف"),
    ),
    "replayed": (
        ("Webhook replayed", "The webhook is told again what came after the cursor"),
        ("إعادة الإرسال", "ستعاد الأحداث التي تلي المؤشر"),
    ),
}
_FIELD_TEXTS: Final = {
    "limit": (
        f"A page has 1 to {PAGE_MAX} events.",
        f"عدد الأحداث في الصفحة من 1 إلى {PAGE_MAX}.",
    ),
    "after": ("Send a cursor that was given to you.", "أرسل مؤشرا حصلت عليه من قبل."),
    "url": ("Send the address to be told.", "أرسل العنوان الذي ترسل إليه الأحداث."),
    "kinds": (
        f"Send names of events, or leave it out; there are {', '.join(KINDS)}.",
        f"أرسل أسماء أحداث معروفة، أو لا ترسل شيئا. الأسماء هي: {', '.join(KINDS)}.",
    ),
    "from_the_beginning": ("This is true or false.", "القيمة true أو false."),
}
_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False, "": False}


async def read(request: Request) -> dict[str, Any] | Refusal | Invalid:
    """What happened after a cursor, for whoever asks instead of being told."""
    text = plain_digits(request.query.get("limit", str(_PAGE)))
    if not (text.isascii() and text.isdecimal() and len(text) <= 4 and 1 <= int(text) <= PAGE_MAX):
        return _invalid(request, "limit")
    with request.engine.vault.snapshot() as tx:
        page = events.events_after(
            tx, request.caller.store_id, request.query.get("after", ""), int(text)
        )
    if isinstance(page, Refusal):
        return page
    return {
        "status": "object",
        "events": [events.shown(event) for event in page.events],
        "next": page.cursor,
        "has_more": page.has_more,
        "message": _message(request, "events"),
    }


async def every(request: Request) -> dict[str, Any] | Refusal | Invalid:
    """The store's webhooks, with what is wrong with them."""
    with request.engine.vault.snapshot() as tx:
        found = webhooks.of_store(tx, request.caller.store_id)
    return {
        "status": "object",
        "webhooks": [webhooks.shown(*one) for one in found],
        "message": _message(request, "list"),
    }


async def add(request: Request) -> dict[str, Any] | Refusal | Invalid:
    """A new webhook, and its secret, once."""
    engine, caller = request.engine, request.caller
    url, wished = request.body.get("url"), request.body.get("kinds")
    if not isinstance(url, str) or not url:
        return _invalid(request, "url")
    kinds = _kinds(wished)
    if kinds is None:
        return _invalid(request, "kinds")
    beginning = _TRUTHS.get(str(request.body.get("from_the_beginning", "")).lower())
    if beginning is None:
        return _invalid(request, "from_the_beginning")
    refusal = targets.check(url, private=bool(engine.settings.webhook_private_targets))
    if refusal is not None:
        return refusal
    made = await _write(
        request,
        "add webhook",
        lambda tx: webhooks.add(
            tx, caller.store_id, url, kinds, engine.clock.now(), caller.origin,
            most=engine.settings.webhooks_per_store, from_the_beginning=beginning,
        ),
    )  # fmt: skip
    if isinstance(made, Refusal):
        return made
    shown = {**webhooks.shown(made), "secret": made.secret}
    return {"status": "object", "webhook": shown, "message": _message(request, "added")}


async def remove(request: Request) -> dict[str, Any] | Refusal | Invalid:
    """A webhook is told nothing more."""
    store_id, webhook_id = request.caller.store_id, _webhook_id(request)
    is_gone = webhook_id is not None and await _write(
        request, "remove webhook", lambda tx: webhooks.remove(tx, store_id, webhook_id)
    )
    if not is_gone:
        return refusals.WEBHOOK_NOT_FOUND
    return {"status": "object", "message": _message(request, "removed")}


async def resume(request: Request) -> dict[str, Any] | Refusal | Invalid:
    """A webhook that was paused, or that waits for its next try, goes on at once."""
    store_id, webhook_id = request.caller.store_id, _webhook_id(request)
    if webhook_id is None:
        return refusals.WEBHOOK_NOT_FOUND
    found = await _write(
        request, "resume webhook", lambda tx: webhooks.resume(tx, store_id, webhook_id)
    )
    return refusals.WEBHOOK_NOT_FOUND if found is None else _answer(request, found, "resumed")


async def replay(request: Request) -> dict[str, Any] | Refusal | Invalid:
    """A webhook is told again what came after a cursor; without one, everything."""
    store_id, webhook_id = request.caller.store_id, _webhook_id(request)
    cursor = request.body.get("after")
    if cursor is not None and not isinstance(cursor, str):
        return _invalid(request, "after")
    if webhook_id is None:
        return refusals.WEBHOOK_NOT_FOUND
    found = await _write(
        request,
        "replay webhook",
        lambda tx: webhooks.replay(tx, store_id, webhook_id, cursor or ""),
    )
    return found if isinstance(found, Refusal) else _answer(request, found, "replayed")


async def _write(request: Request, name: str, work: Callable[[Transaction], T]) -> T:
    return await request.engine.door.write(name, work)


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


def _answer(request: Request, webhook: Webhook, what: str) -> dict[str, Any]:
    shown = webhooks.shown(webhook)
    return {"status": "object", "webhook": shown, "message": _message(request, what)}


def _invalid(request: Request, field: str) -> Invalid:
    english, arabic = _FIELD_TEXTS[field]
    return Invalid({field: [arabic if request.language == ARABIC else english]})


def _message(request: Request, what: str) -> dict[str, Any]:
    english, arabic = _TEXTS[what]
    name, description = arabic if request.language == ARABIC else english
    return {"type": "object", "code": "MSG_POPUP_OK", "name": name, "description": description}
