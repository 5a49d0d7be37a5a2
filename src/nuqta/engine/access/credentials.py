"""The pair under which a store's order webhooks come: shown once, revocable at once.

Zid signs no webhook; what it can send is a user name and a password (Basic, RFC 7617). An order
makes points, so a store that has no pair takes none. Source: contract, zid-loyalty, section 8.
"""

import binascii
from base64 import b64decode
from hmac import compare_digest

import msgspec

from nuqta.engine.access.tokens import ORDERS, Keyring
from nuqta.engine.stores import named
from nuqta.ledger.instants import Instant
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_CREDENTIAL = statement("orders.credential")
_PUT = statement("orders.put_credential")
_REVOKE = statement("orders.revoke_credential")


class Credentials(msgspec.Struct, frozen=True):
    """A store's pair; the password is shown once and never again."""

    username: str
    password: str


def make(tx: Transaction, keyring: Keyring, store_id: int, now: Instant) -> Credentials:
    """A new pair for a store; a former one ends at once."""
    made = Credentials(f"orders-{store_id}", keyring.mint(ORDERS))
    tx.run(
        _PUT, store_id=store_id, username=made.username, digest=keyring.digest(made.password),
        created_at=now,
    )  # fmt: skip
    return made


def revoke(tx: Transaction, store_id: int) -> bool:
    """End a store's pair; whether there was one."""
    return bool(tx.run(_REVOKE, store_id=store_id))


def store_of(tx: Transaction, keyring: Keyring, store: str, header: bytes) -> int | None:
    """The store that a Basic header proves, of the one that a path names; None for all others.

    The same work is done whether the store is there, has a pair, or the pair is another.
    """
    username, password = pair_in(header)
    store_id, store_uuid = named(store)
    row = tx.row(_CREDENTIAL, store_id=store_id, store_uuid=store_uuid)
    digest = keyring.digest(password)
    known = (row[1].encode(), row[2]) if row else (b"", b"")
    is_right = compare_digest(known[0], username.encode()) & compare_digest(known[1], digest)
    return int(row[0]) if row and is_right else None


def pair_in(header: bytes) -> tuple[str, str]:
    """The user name and password in a Basic header; ("", "") where it is none."""
    if header[:6].lower() != b"basic ":
        return "", ""
    try:
        text = b64decode(header[6:].strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return "", ""
    username, _, password = text.partition(":")
    return username, password
