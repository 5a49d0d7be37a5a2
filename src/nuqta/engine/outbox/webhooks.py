"""Webhooks: a store's subscriptions to its events, and how far each of them was told.

The secret stands in its row as it is, because it signs; it is shown once all the same. How far a
webhook was told is one position for each of its store's buckets. Nothing is ever dropped: a webhook
that fails for too long is paused, with the reason, and goes on from where it stood.
"""

import secrets
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from nuqta import refusals
from nuqta.engine.ids import new_id
from nuqta.engine.outbox import events
from nuqta.ledger.account import BUCKETS
from nuqta.ledger.events import KINDS
from nuqta.ledger.instants import Instant
from nuqta.loyalty.dates import format_instant
from nuqta.refusals import Refusal
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_ADD = statement("webhooks.add")
_OF_STORE = statement("webhooks.of_store")
_BY_ID = statement("webhooks.by_id")
_REMOVE = statement("webhooks.remove")
_PAUSE = statement("webhooks.pause")
_RESUME = statement("webhooks.resume")
_FORGET_DELIVERIES = statement("webhooks.forget_deliveries")
_FORGET_FAILURES = statement("webhooks.forget_failures")
_FAILING = statement("webhooks.failing")
_REACHED = statement("webhooks.reached")
_REACH = statement("webhooks.reach")

REASON_LENGTH_MAX: Final = 300
_SECRET_BYTES: Final = 32


class Webhook(msgspec.Struct, frozen=True):
    """A subscription. `kinds` is "" for every kind, else names with a space between; `paused_at` is
    0 while it is told."""

    store_id: int
    webhook_id: int
    url: str
    secret: str
    kinds: str
    created_at: Instant
    created_by: str
    paused_at: Instant = 0
    pause_reason: str = ""


class Reached(msgspec.Struct, frozen=True):
    """How far a webhook was told in a bucket, and how it has failed since (0, 0, 0, "")."""

    dkey: int
    webhook_id: int
    position: int
    tries: int = 0
    failing_since: Instant = 0
    next_try_at: Instant = 0
    last_error: str = ""


def checked_kinds(names: Iterable[str]) -> str:
    """Kinds as they are kept; none at all, or every one, is "".

    Raises ValueError, with a sentence, for a name that is no kind of event.
    """
    chosen = set(names)
    for name in sorted(chosen):
        if name not in KINDS:
            raise ValueError(f"{name[:40]!r} is no kind of event; there are {', '.join(KINDS)}")
    return "" if len(chosen) == len(KINDS) else " ".join(sorted(chosen))


def add(
    tx: Transaction,
    store_id: int,
    url: str,
    kinds: str,
    now: Instant,
    by: str,
    *,
    most: int,
    from_the_beginning: bool = False,
) -> Webhook | Refusal:
    """A new webhook, of which a store has at most `most`; the url and the kinds are checked.

    It is told what happens from now on, or everything that ever did. Refuses WEBHOOKS_TOO_MANY.
    """
    if len(tx.rows(_OF_STORE, store_id=store_id)) >= most:
        return refusals.WEBHOOKS_TOO_MANY
    secret = f"nqw_{secrets.token_hex(_SECRET_BYTES)}"
    webhook = Webhook(store_id, new_id(), url, secret, kinds, now, by)
    tx.run(_ADD, **msgspec.structs.asdict(webhook))
    if not from_the_beginning:
        # Also what was committed before and has no position yet happened before.
        events.place_all(tx, store_id)
        for dkey, position in events.positions(tx, store_id).items():
            reach(tx, Reached(dkey, webhook.webhook_id, position), 0)
    return webhook


def find(tx: Transaction, store_id: int, webhook_id: int) -> Webhook | None:
    """A webhook of a store."""
    return tx.one(_BY_ID, Webhook, store_id=store_id, webhook_id=webhook_id)


def of_store(tx: Transaction, store_id: int) -> list[tuple[Webhook, Instant, str]]:
    """A store's webhooks, each with the instant since which it fails (0: it does not) and the last
    thing that went wrong."""
    failing = {row[0]: (row[1], row[2]) for row in tx.rows(_FAILING, **_buckets(store_id))}
    return [
        (webhook, *failing.get(webhook.webhook_id, (0, "")))
        for webhook in tx.all(_OF_STORE, Webhook, store_id=store_id)
    ]


def remove(tx: Transaction, store_id: int, webhook_id: int) -> bool:
    """A webhook is gone, and how far it was told; False where the store has none such."""
    if not tx.run(_REMOVE, store_id=store_id, webhook_id=webhook_id):
        return False
    tx.run(_FORGET_DELIVERIES, webhook_id=webhook_id, **_buckets(store_id))
    return True


def pause(tx: Transaction, store_id: int, webhook_id: int, reason: str, now: Instant) -> None:
    """A webhook is told nothing until it is resumed; the reason is visible."""
    tx.run(
        _PAUSE, store_id=store_id, webhook_id=webhook_id, paused_at=now,
        pause_reason=reason[:REASON_LENGTH_MAX],
    )  # fmt: skip


def resume(tx: Transaction, store_id: int, webhook_id: int) -> Webhook | None:
    """A webhook goes on at once from where it stands; None where the store has none such."""
    if not tx.run(_RESUME, store_id=store_id, webhook_id=webhook_id):
        return None
    tx.run(_FORGET_FAILURES, webhook_id=webhook_id, **_buckets(store_id))
    return find(tx, store_id, webhook_id)


def replay(tx: Transaction, store_id: int, webhook_id: int, cursor: str) -> Webhook | Refusal:
    """A webhook is told again what came after a cursor; "" is everything that ever was.

    A bucket never moves forward by it, so that nothing is left out. Refuses WEBHOOK_NOT_FOUND and
    CURSOR_INVALID.
    """
    webhook = find(tx, store_id, webhook_id)
    if webhook is None:
        return refusals.WEBHOOK_NOT_FOUND
    last = events.positions(tx, store_id)
    wished = events.read_cursor(cursor, store_id, last)
    if isinstance(wished, Refusal):
        return wished
    for dkey in last:
        before = reached(tx, dkey, webhook_id)
        if before > wished.get(dkey, 0):
            reach(tx, Reached(dkey, webhook_id, wished.get(dkey, 0)), before)
    return webhook


def reached(tx: Transaction, dkey: int, webhook_id: int) -> int:
    """The position up to which a webhook was told in a bucket."""
    row = tx.row(_REACHED, dkey=dkey, webhook_id=webhook_id)
    return row[0] if row else 0


def reach(tx: Transaction, now_at: Reached, before: int) -> bool:
    """Note how far a webhook was told; False, and nothing, where it is not at `before` by now."""
    values = msgspec.structs.asdict(now_at)
    return bool(tx.run(_REACH, **values, position_before=before))


def shown(webhook: Webhook, failing_since: Instant = 0, last_error: str = "") -> dict[str, Any]:
    """A webhook as its owner sees it; never its secret."""
    return {
        "id": webhook.webhook_id,
        "url": webhook.url,
        "kinds": webhook.kinds.split() or list(KINDS),
        "created_at": format_instant(webhook.created_at),
        "paused_at": format_instant(webhook.paused_at) if webhook.paused_at else None,
        "pause_reason": webhook.pause_reason or None,
        "failing_since": format_instant(failing_since) if failing_since else None,
        "last_error": last_error or None,
    }


def _buckets(store_id: int) -> dict[str, int]:
    first = store_id * BUCKETS
    return {"dkey_from": first, "dkey_until": first + BUCKETS}
