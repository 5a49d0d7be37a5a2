"""Applications that ask stores to let them in: their secrets, scopes and redirect addresses.

A client of OAuth is a partner with a secret; its client id is the partner's id. The scopes that it
asks for are kept here and never read from a request, as Zid does it.
Source: contract, zid-loyalty, section 2; RFC 6749, sections 2 and 3.1.2; RFC 8252, section 7.3.
"""

import re
from collections.abc import Sequence
from hmac import compare_digest
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from nuqta import refusals
from nuqta.engine.access.partners import checked_scopes, name_of
from nuqta.engine.access.tokens import SECRET, Keyring
from nuqta.ledger.instants import Instant
from nuqta.loyalty.customers import ID_MAX
from nuqta.refusals import Refusal
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_PUT = statement("oauth.put_client")
_CLIENT = statement("oauth.client")
_REDIRECTS = statement("oauth.redirects")
_PUT_REDIRECT = statement("oauth.put_redirect")
_FORGET_REDIRECTS = statement("oauth.forget_redirects")

REDIRECT_LENGTH_MAX: Final = 2_000
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
"""The only hosts to which a code may go in plain http: it does not leave the machine."""
_ADDRESS = re.compile(r"[!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]+")
_ID = re.compile(r"[1-9][0-9]{0,15}")


class Client(msgspec.Struct, frozen=True):
    """An application that may ask to be let in. `scopes` are those it asks for, as they are kept;
    `redirects` its addresses, each exactly as it must be sent."""

    partner_id: int
    name: str
    secret: bytes
    scopes: str
    redirects: tuple[str, ...]

    @property
    def client_id(self) -> str:
        """What the application calls itself in a request."""
        return str(self.partner_id)


class Registered(msgspec.Struct, frozen=True):
    """A client as it now stands; its secret where it is a new one, shown once and never again."""

    client: Client
    secret: str | None


def checked_redirects(uris: Sequence[str], most: int) -> tuple[str, ...]:
    """One ... `most` redirect addresses, each once. Raises ValueError, with a sentence, for others.

    https, or http to this machine; no user name, no fragment, nothing that a browser would read
    otherwise than it stands.
    """
    found = tuple(dict.fromkeys(uris))
    if not 1 <= len(found) <= most:
        raise ValueError(f"give 1 to {most} addresses")
    for uri in found:
        if not is_redirect(uri):
            raise ValueError(
                f"{uri[:80]!r} is no address for codes: https, or http to this machine, without a"
                " user name and without a fragment"
            )
    return found


def is_redirect(uri: str) -> bool:
    """Whether codes may be sent to an address of this form."""
    if len(uri) > REDIRECT_LENGTH_MAX or _ADDRESS.fullmatch(uri) is None or "#" in uri:
        return False
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or not uri.startswith(f"{parts.scheme}://"):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)


def register(
    tx: Transaction,
    keyring: Keyring,
    partner_id: int,
    redirects: tuple[str, ...],
    scopes: str,
    now: Instant,
    *,
    new_secret: bool,
) -> Registered | Refusal:
    """What a partner asks for, and where its codes may go, in place of what was before.

    A first registration has a secret, a later one where it is asked for; a former secret ends at
    once. `scopes` = "" leaves those that it asks for, and is every scope at first. Refuses an
    unknown partner.
    """
    name = name_of(tx, partner_id)
    if name is None:
        return refusals.PARTNER_NOT_FOUND
    before = of_partner(tx, partner_id)
    secret = keyring.mint(SECRET) if before is None or new_secret else None
    digest = before.secret if before and secret is None else keyring.digest(secret or "")
    kept = scopes or (before.scopes if before else checked_scopes(()))
    tx.run(_PUT, partner_id=partner_id, secret=digest, scopes=kept, changed_at=now)
    tx.run(_FORGET_REDIRECTS, partner_id=partner_id)
    for uri in redirects:
        tx.run(_PUT_REDIRECT, partner_id=partner_id, uri=uri)
    return Registered(Client(partner_id, name, digest, kept, redirects), secret)


def of_partner(tx: Transaction, partner_id: int) -> Client | None:
    """A partner as a client; None where it is none."""
    row = tx.row(_CLIENT, partner_id=partner_id)
    return None if row is None else _client(tx, row)


def _client(tx: Transaction, row: tuple[Any, ...]) -> Client:
    partner_id, name, secret, scopes = row
    redirects = tuple(uri for (uri,) in tx.rows(_REDIRECTS, partner_id=partner_id))
    return Client(partner_id, name, secret, scopes, redirects)


def find(tx: Transaction, client_id: str) -> Client | None:
    """The client that a request names."""
    return of_partner(tx, _partner_in(client_id))


def _partner_in(client_id: str) -> int:
    """The partner that a client id names; 0, which is none, for what cannot be one."""
    found = int(client_id) if _ID.fullmatch(client_id) else 0
    return found if found <= ID_MAX else 0


def proved(tx: Transaction, keyring: Keyring, client_id: str, secret: str) -> Client | None:
    """The client, where the secret is its own. The same work is done for one that is not there."""
    row = tx.row(_CLIENT, partner_id=_partner_in(client_id))
    is_right = compare_digest(row[2] if row else b"", keyring.digest(secret))
    return _client(tx, row) if row and is_right else None
