"""Replies: what a call with a key was answered, so that its repetition is answered the same.

An answer is kept in the transaction of what it tells of, so the two are never apart. The same key
with the same call is answered by it, with another call by a conflict; whose key it is, is part of
the key. After REPLY_HOURS it is forgotten. What is told to the books has a receipt there as well,
which stays for ever. Source: design, ledger, section 6.
"""

from hashlib import blake2b
from typing import Any

import msgspec

from nuqta import refusals
from nuqta.engine.customers import directory_key
from nuqta.ledger.account import dkey_of
from nuqta.ledger.instants import Instant
from nuqta.refusals import Refusal
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_FIND = statement("replies.find")
_KEEP = statement("replies.keep")
_FORGET = statement("replies.forget")
_encoder = msgspec.json.Encoder(order="deterministic")


class CallKey(msgspec.Struct, frozen=True):
    """Whose key it is, and the digest of the call that carries it.

    `customer_id` is 0 where no customer calls.
    """

    dkey: int
    customer_id: int
    origin: str
    key: str
    digest: bytes


class Kept(msgspec.Struct, frozen=True):
    """An answer as it was given: HTTP status, language, body."""

    status: int
    language: str
    body: bytes


def call_key(
    store_id: int, customer_id: int, origin: str, key: str, call: dict[str, Any]
) -> CallKey:
    """The key of a call; `call` is all that makes it another one, in any order."""
    dkey = dkey_of(store_id, customer_id) if customer_id else directory_key(store_id, origin, key)
    digest = blake2b(_encoder.encode(call), digest_size=16).digest()
    return CallKey(dkey, customer_id, origin, key, digest)


def find(tx: Transaction, call: CallKey) -> Kept | Refusal | None:
    """The answer that was given under the key. Refuses KEY_CONFLICT where the call was another."""
    row = tx.row(
        _FIND, dkey=call.dkey, customer_id=call.customer_id, origin=call.origin, key=call.key
    )
    if row is None:
        return None
    digest, status, language, body = row
    return Kept(status, language, body) if digest == call.digest else refusals.KEY_CONFLICT


def keep(tx: Transaction, call: CallKey, answer: Kept, now: Instant) -> None:
    """Keep an answer under a key that has none."""
    tx.run(_KEEP, **msgspec.structs.asdict(call), **msgspec.structs.asdict(answer), recorded_at=now)


def forget(tx: Transaction, before: Instant, most: int) -> int:
    """Forget answers that were given before an instant, `most` at a time; how many there were."""
    return tx.run(_FORGET, before=before, limit=most)
