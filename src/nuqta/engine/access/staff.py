"""Staff: people who look after a store, and how they sign in.

For now each is an owner of one store, and an e-mail address belongs to one of them anywhere. A
session is an opaque token, kept as a keyed digest. Tries at passwords are counted in the database,
by account and by address, so that the limit holds across processes.
"""

import msgspec

from nuqta import refusals
from nuqta.engine.access.tokens import STAFF, Keyring
from nuqta.engine.ids import new_id
from nuqta.ledger.instants import SECOND_US, Instant
from nuqta.refusals import Refusal
from nuqta.settings import Settings
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_ADD = statement("staff.add")
_BY_EMAIL = statement("staff.by_email")
_ALL_OF = statement("staff.all_of")
_DISABLE = statement("staff.disable")
_CHANGE_PASSWORD = statement("staff.change_password")
_OPEN = statement("staff.open")
_BY_SESSION = statement("staff.by_session")
_CLOSE = statement("staff.close")
_CLOSE_ALL = statement("staff.close_all")
_TRIES = statement("staff.tries")
_PUT_TRIES = statement("staff.put_tries")
_FORGET_TRIES_OF = statement("staff.forget_tries_of")

_HOUR_US = 3600 * SECOND_US
_MINUTE_US = 60 * SECOND_US


class Staff(msgspec.Struct, frozen=True):
    """Somebody of a store's staff. `password` is its Argon2id hash; `disabled_at` None for whoever
    may sign in."""

    staff_id: int
    store_id: int
    email: str
    password: str
    created_at: Instant
    disabled_at: Instant | None


def create(
    tx: Transaction, store_id: int, email: str, password: str, now: Instant
) -> Staff | Refusal:
    """An owner of a store, who signs in with a canonical e-mail address; `password` is a hash.

    Refuses an address that somebody has, of whatever store, and whether or not they may sign in.
    """
    if by_email(tx, email) is not None:
        return refusals.STAFF_EXISTS
    made = Staff(new_id(), store_id, email, password, now, None)
    tx.run(
        _ADD, staff_id=made.staff_id, store_id=store_id, email=email, password=password,
        created_at=now,
    )  # fmt: skip
    return made


def by_email(tx: Transaction, email: str) -> Staff | None:
    """Whoever has that address, also if disabled."""
    return tx.one(_BY_EMAIL, Staff, email=email)


def every(tx: Transaction, store_id: int | None) -> list[Staff]:
    """The staff of a store, or of all where none is named."""
    return tx.all(_ALL_OF, Staff, store_id=store_id)


def disable(tx: Transaction, staff_id: int, now: Instant) -> bool:
    """Somebody signs in no more: their sessions end, and so does what they allowed and no
    application has taken up. Whether they could until now."""
    tx.run(_CLOSE_ALL, staff_id=staff_id)
    return tx.run(_DISABLE, staff_id=staff_id, now=now) > 0


def change_password(tx: Transaction, staff_id: int, password: str) -> int:
    """Somebody has another password, whose hash is given, and their sessions end: how many those
    were. What they let in stays."""
    tx.run(_CHANGE_PASSWORD, staff_id=staff_id, password=password)
    return tx.run(_CLOSE_ALL, staff_id=staff_id)


# -- sessions --------------------------------------------------------------------------------------
def sign_in(
    tx: Transaction, keyring: Keyring, settings: Settings, known: Staff, now: Instant
) -> str | None:
    """A new session's token for somebody whose password was right; their tries are forgotten.

    None where they were disabled, or have another password, since it was looked at.
    """
    if by_email(tx, known.email) != known or known.disabled_at is not None:
        return None
    token = keyring.mint(STAFF)
    ends_at = now + settings.staff_session_hours * _HOUR_US
    tx.run(
        _OPEN, digest=keyring.digest(token), staff_id=known.staff_id, created_at=now,
        ends_at=ends_at,
    )  # fmt: skip
    tx.run(_FORGET_TRIES_OF, whose=_account(keyring, known.email))
    return token


def signed_in(tx: Transaction, keyring: Keyring, token: str, now: Instant) -> Staff | None:
    """Whose live session a token is."""
    return tx.one(_BY_SESSION, Staff, digest=keyring.digest(token), now=now)


def sign_out(tx: Transaction, keyring: Keyring, token: str) -> bool:
    """End a session; whether there was one."""
    return tx.run(_CLOSE, digest=keyring.digest(token)) > 0


# -- tries -----------------------------------------------------------------------------------------
def count_try(
    tx: Transaction, keyring: Keyring, settings: Settings, email: str, address: str, now: Instant
) -> Refusal | None:
    """Count a try before the password is looked at, so that many at once cannot pass the limit.

    Refuses past the limit of the account, known or not, or of the address; what is refused is not
    counted, and ends when the minutes are over. A right password within the limit resets it.
    """
    window_us = settings.sign_in_minutes * _MINUTE_US
    limits = (
        (_account(keyring, email), settings.sign_in_tries),
        (_place(keyring, address), settings.sign_in_tries_address),
    )
    counts, wait_us = [], 0
    for whose, most in limits:
        tries, began_at = tx.row(_TRIES, whose=whose) or (0, now)
        if began_at + window_us <= now:
            tries, began_at = 0, now
        if tries >= most:
            wait_us = max(wait_us, began_at + window_us - now)
        counts.append((whose, tries + 1, began_at))
    if wait_us:
        seconds = -(-wait_us // SECOND_US)
        return msgspec.structs.replace(refusals.TOO_MANY_REQUESTS, retry_after_s=seconds)
    for whose, tries, began_at in counts:
        tx.run(_PUT_TRIES, whose=whose, tries=tries, began_at=began_at)
    return None


def unlock(tx: Transaction, keyring: Keyring, email: str, address: str | None) -> bool:
    """Forget the tries at an account, and those of an address where one is named, as
    `guard.address_of` names it; whether there were any."""
    whose = [_account(keyring, email)]
    if address is not None:
        whose.append(_place(keyring, address))
    return sum(tx.run(_FORGET_TRIES_OF, whose=one) for one in whose) > 0


def _place(keyring: Keyring, address: str) -> bytes:
    return keyring.digest_of("sign-in address", address)


def _account(keyring: Keyring, email: str) -> bytes:
    return keyring.digest_of("sign-in account", email)
