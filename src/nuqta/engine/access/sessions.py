"""Customer sessions: opening, closing and keeping them, and the one-time codes that open some.

A session is an opaque token, kept as a keyed digest, with an idle and a latest end. A one-time
code is bound to an address, whether or not the address is a customer's: what is answered, counted
and written is the same for both, so that no one learns who shops here.
Source: contract, decisions, section 3.
"""

import secrets
from hmac import compare_digest
from typing import Final

import msgspec

from nuqta import refusals
from nuqta.engine.access.tokens import CUSTOMER, SEED, Keyring
from nuqta.engine.customers import directory_key, find_by
from nuqta.ledger.account import dkey_of
from nuqta.ledger.instants import SECOND_US, Instant
from nuqta.refusals import Refusal
from nuqta.settings import Settings
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_OPEN = statement("sessions.open")
_DIGESTS = statement("sessions.digests_of")
_CLOSE = statement("sessions.close")
_CLOSE_ALL = statement("sessions.close_all")
_NOTE_USE = statement("sessions.note_use")
_CODE = statement("sessions.code")
_PUT_CODE = statement("sessions.put_code")
_SPEND_TRY = statement("sessions.spend_try")

HOUR_US: Final = 3600 * SECOND_US
_NOBODY: Final = 0


class Session(msgspec.Struct, frozen=True):
    """A token, shown once, and the latest instant at which it may still serve if it is used.

    `kept` may be kept in its place: the token itself where the call that opened it has no key.
    """

    token: str
    customer_id: int
    expires_at: Instant
    kept: str


class Address(msgspec.Struct, frozen=True):
    """Where a code goes: `kind` is `email` or `mobile`, `text` its canonical form."""

    kind: str
    text: str


def open_session(
    tx: Transaction,
    keyring: Keyring,
    settings: Settings,
    store_id: int,
    customer_id: int,
    now: Instant,
    by: str,
    key: str | None = None,
) -> Session:
    """Sign a known customer in; where the customer has too many sessions, the oldest end.

    Under a `key`, the call's Idempotency-Key, the token grows from what is kept of the answer, so
    that a repetition is told the same token, which stands nowhere.
    """
    dkey = dkey_of(store_id, customer_id)
    open_digests = tx.rows(_DIGESTS, dkey=dkey, customer_id=customer_id)
    for (digest,) in open_digests[: max(0, len(open_digests) - settings.sessions_per_customer + 1)]:
        tx.run(_CLOSE, dkey=dkey, digest=digest)
    token = kept = keyring.mint(CUSTOMER, dkey)
    if key is not None:
        kept = keyring.mint(SEED, dkey)
        token = keyring.grown(kept, CUSTOMER, key)
    latest = now + settings.session_hours * HOUR_US
    ends_at = min(now + settings.session_idle_hours * HOUR_US, latest)
    tx.run(
        _OPEN, dkey=dkey, digest=keyring.digest(token), customer_id=customer_id, opened_by=by,
        created_at=now, used_at=now, ends_at=ends_at, ends_at_latest=latest,
    )  # fmt: skip
    return Session(token, customer_id, ends_at, kept)


def close_session(tx: Transaction, dkey: int, digest: bytes) -> bool:
    """End one session; whether there was one."""
    return tx.run(_CLOSE, dkey=dkey, digest=digest) > 0


def close_sessions(tx: Transaction, store_id: int, customer_id: int) -> int:
    """End every session of a customer; how many there were."""
    return tx.run(_CLOSE_ALL, dkey=dkey_of(store_id, customer_id), customer_id=customer_id)


def note_use(tx: Transaction, settings: Settings, dkey: int, digest: bytes, now: Instant) -> None:
    """A session was used: its idle end moves."""
    idle_end = now + settings.session_idle_hours * HOUR_US
    tx.run(_NOTE_USE, dkey=dkey, digest=digest, now=now, idle_end=idle_end)


class _Code(msgspec.Struct, frozen=True):
    code: bytes
    customer_id: int
    tries_left: int
    sent_at: Instant
    ends_at: Instant
    hour_began_at: Instant
    sent_in_hour: int


def new_code() -> str:
    """Six random digits."""
    return f"{secrets.randbelow(10**6):06}"


def put_code(
    tx: Transaction,
    keyring: Keyring,
    settings: Settings,
    store_id: int,
    address: Address,
    code: str,
    now: Instant,
) -> Refusal | bool:
    """Keep a code for an address: whether it is a customer's, and so whether to send it.

    Refuses a second code within the pause, and more codes an hour than the setting allows; known
    and unknown addresses are counted alike.
    """
    dkey, key, before = _kept(tx, keyring, store_id, address)
    hour_began_at, sent_in_hour = now, 0
    if before is not None:
        wait_us = before.sent_at + settings.code_pause_seconds * SECOND_US - now
        if before.hour_began_at + HOUR_US > now:
            hour_began_at, sent_in_hour = before.hour_began_at, before.sent_in_hour
            if sent_in_hour >= settings.codes_per_hour:
                wait_us = max(wait_us, hour_began_at + HOUR_US - now)
        if wait_us > 0:
            seconds = -(-wait_us // SECOND_US)
            return msgspec.structs.replace(refusals.CODE_TOO_SOON, retry_after_s=seconds)
    customer_id = find_by(tx, store_id, address.kind, address.text) or _NOBODY
    tx.run(
        _PUT_CODE, dkey=dkey, address=key, code=keyring.digest_of("code", store_id, code),
        customer_id=customer_id, tries_left=settings.code_tries, sent_at=now,
        ends_at=now + settings.code_seconds * SECOND_US,
        hour_began_at=hour_began_at, sent_in_hour=sent_in_hour + 1,
    )  # fmt: skip
    return customer_id != _NOBODY


def verify_code(
    tx: Transaction,
    keyring: Keyring,
    settings: Settings,
    store_id: int,
    address: Address,
    code: str,
    now: Instant,
    by: str,
    call_key: str | None = None,
) -> Session | Refusal:
    """Open a session for the right code, once. All else is one refusal, the same work, and a try.

    `call_key` is the call's Idempotency-Key, as `open_session` takes it.
    """
    dkey, key, kept = _kept(tx, keyring, store_id, address)
    digest = keyring.digest_of("code", store_id, code)
    is_right = compare_digest(kept.code if kept else b"", digest)
    is_alive = kept is not None and kept.tries_left > 0 and kept.ends_at > now
    is_served = is_right and is_alive and kept is not None and kept.customer_id != _NOBODY
    left = 0 if is_served or kept is None else max(kept.tries_left - 1, 0)
    tx.run(_SPEND_TRY, dkey=dkey, address=key, tries_left=left)
    if kept is None or not is_served:
        return refusals.CODE_INVALID
    return open_session(tx, keyring, settings, store_id, kept.customer_id, now, by, call_key)


def _kept(
    tx: Transaction, keyring: Keyring, store_id: int, address: Address
) -> tuple[int, bytes, _Code | None]:
    """Where an address's code is kept, and what is kept there; known and unknown ones alike."""
    dkey = directory_key(store_id, address.kind, address.text)
    key = keyring.digest_of("address", store_id, address.kind, address.text)
    return dkey, key, tx.one(_CODE, _Code, dkey=dkey, address=key)
