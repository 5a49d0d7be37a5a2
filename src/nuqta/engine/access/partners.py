"""Partners: applications that call for stores, where they are installed, and their tokens.

Each installation has tokens of its own; any live authorization token proves the partner, a manager
token belongs to one installation. Source: contract, decisions, section 3; zid-loyalty, section 2.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import msgspec

from nuqta import refusals
from nuqta.engine.access.tokens import MANAGER, PARTNER, Keyring
from nuqta.engine.ids import new_id
from nuqta.ledger.instants import DAY_US, Instant
from nuqta.loyalty.customers import checked_name
from nuqta.refusals import Refusal
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_ADD = statement("partners.add")
_BY_ID = statement("partners.by_id")
_INSTALL = statement("partners.install")
_SCOPES_AT = statement("partners.scopes_at")
_SCOPES_ANYWHERE = statement("partners.scopes_anywhere")
_INSTALLATIONS = statement("partners.installations")
_CHANGE_PACE = statement("partners.change_pace")
_REVOKE_TOKENS = statement("partners.revoke_tokens")
_UNINSTALL = statement("partners.uninstall")
_ADD_TOKEN = statement("partners.add_token")
_END_REFRESH = statement("oauth.end_refresh")
_END_CODES = statement("oauth.end_codes")

TOKEN_LIFE_US: Final = 365 * DAY_US
"""A partner's tokens live a year, as Zid's do."""

SCOPES: Final = (
    "loyalty_program.read",
    "loyalty_program.read_write",
    "customers.read",
    "customers.read_write",
    "customers.login",
    "orders.read",
    "orders.read_write",
    "webhooks.read_write",
)
_SYNONYMS: Final = {
    "third_customers_read": "customers.read",
    "third_customers_write": "customers.read_write",
    "third_webhook_write": "webhooks.read_write",
}
"""The newer family of names that Zid's pages use beside the older one."""


class Partner(msgspec.Struct, frozen=True):
    """A partner application."""

    partner_id: int
    name: str
    created_at: Instant


class Installed(msgspec.Struct, frozen=True):
    """A partner on a store, with the two tokens that are shown once and never again."""

    partner_id: int
    authorization: str
    access_token: str
    scopes: str
    ends_at: Instant


class Installation(msgspec.Struct, frozen=True):
    """Where a partner is installed, with the number of its live tokens, and its own limits there,
    requests a minute: -1 is the setting, 0 none. Installed nowhere: no store, instant and limits.
    """

    partner_id: int
    name: str
    store_id: int | None
    scopes: str
    installed_at: Instant | None
    tokens: int
    rate_limit: int | None
    rate_limit_shopper: int | None


def checked_scopes(names: Iterable[str]) -> str:
    """Scopes as they are kept: canonical names, sorted, a space between. None at all means all.

    Raises ValueError, with a sentence, for a name that is no scope.
    """
    chosen = {_SYNONYMS.get(name, name) for name in names}
    for name in sorted(chosen):
        if name not in SCOPES:
            raise ValueError(f"{name!r} is no scope; there are {', '.join(SCOPES)}")
    return " ".join(sorted(chosen or SCOPES))


@lru_cache(maxsize=1024)
def granted(scopes: str) -> frozenset[str]:
    """Every scope that the kept ones grant: who may write may read."""
    names = set(scopes.split())
    names |= {name.removesuffix("_write") for name in names if name.endswith(".read_write")}
    return frozenset(names)


def register(tx: Transaction, name: str, now: Instant) -> Partner:
    """A new partner that is installed nowhere yet: stores let it in by OAuth."""
    partner = Partner(new_id(), checked_name(name), now)
    tx.run(_ADD, **msgspec.structs.asdict(partner))
    return partner


def create(
    tx: Transaction, keyring: Keyring, name: str, store_id: int, scopes: str, now: Instant
) -> Installed:
    """A new partner, installed on a store."""
    partner = register(tx, name, now)
    return issue(tx, keyring, partner.partner_id, store_id, scopes, now)


def install(
    tx: Transaction, keyring: Keyring, partner_id: int, store_id: int, scopes: str, now: Instant
) -> Installed | Refusal:
    """Install a known partner on a store. `scopes` = "" leaves those that it has there, and takes
    over those of its first installation where it has none.

    Installing again gives further tokens and leaves the former alive. Refuses an unknown partner.
    """
    if tx.row(_BY_ID, partner_id=partner_id) is None:
        return refusals.PARTNER_NOT_FOUND
    if not scopes:
        former = tx.row(_SCOPES_AT, store_id=store_id, partner_id=partner_id) or tx.row(
            _SCOPES_ANYWHERE, partner_id=partner_id
        )
        scopes = former[0] if former else checked_scopes(())
    return issue(tx, keyring, partner_id, store_id, scopes, now)


def issue(
    tx: Transaction,
    keyring: Keyring,
    partner_id: int,
    store_id: int,
    scopes: str,
    now: Instant,
    grant_id: int | None = None,
) -> Installed:
    """Install a partner that is known on a store, with these scopes, and give it a pair of tokens;
    those that it has there stay alive. `grant_id` is the grant by which they came, if by OAuth."""
    tx.run(_INSTALL, store_id=store_id, partner_id=partner_id, scopes=scopes, installed_at=now)
    tokens = {"authorization": keyring.mint(PARTNER), "manager": keyring.mint(MANAGER)}
    for kind, token in tokens.items():
        tx.run(
            _ADD_TOKEN, digest=keyring.digest(token), kind=kind, partner_id=partner_id,
            store_id=store_id, created_at=now, ends_at=now + TOKEN_LIFE_US, grant_id=grant_id,
        )  # fmt: skip
    return Installed(
        partner_id, tokens["authorization"], tokens["manager"], scopes, now + TOKEN_LIFE_US
    )


def name_of(tx: Transaction, partner_id: int) -> str | None:
    """What a partner is called, also where it is installed no more; None for an unknown one."""
    row = tx.row(_BY_ID, partner_id=partner_id)
    return row[1] if row else None


def uninstall(tx: Transaction, partner_id: int, store_id: int) -> int | None:
    """End every token of a partner on a store, and its installation there: how many tokens that
    were, or None where it is not installed."""
    named = {"partner_id": partner_id, "store_id": store_id}
    if tx.row(_SCOPES_AT, **named) is None:
        return None
    revoked = end_tokens(tx, partner_id, store_id)
    tx.run(_UNINSTALL, **named)
    return revoked


def end_tokens(tx: Transaction, partner_id: int, store_id: int) -> int:
    """End every token of a partner on a store, and what could give it new ones: how many of them
    it could call with. The installation stays."""
    named = {"partner_id": partner_id, "store_id": store_id}
    tx.run(_END_CODES, **named)
    tx.run(_END_REFRESH, **named)
    return tx.run(_REVOKE_TOKENS, **named)


def change_pace(
    tx: Transaction,
    partner_id: int,
    store_id: int | None,
    rate_limit: int | None,
    rate_limit_shopper: int | None,
) -> int | Refusal:
    """Give a partner limits of its own, on one store or on all where it is installed; how many
    those are. Requests a minute; -1 is the setting, 0 no limit, None leaves it as it is.

    A running server heeds it from the next request on. Refuses an unknown partner.
    """
    if tx.row(_BY_ID, partner_id=partner_id) is None:
        return refusals.PARTNER_NOT_FOUND
    return tx.run(
        _CHANGE_PACE, partner_id=partner_id, store_id=store_id, rate_limit=rate_limit,
        rate_limit_shopper=rate_limit_shopper,
    )  # fmt: skip


def installations(tx: Transaction, store_id: int | None, now: Instant) -> list[Installation]:
    """Where partners are installed, on one store or on all; never a token nor its digest."""
    return tx.all(_INSTALLATIONS, Installation, store_id=store_id, now=now)
