"""The guard: who calls, for which store, whose session. One set of checks for every route.

The checks answer in the contract's order: Authorization, store and installation, scope, pace,
session. Each takes what a named statement found (None for what is missing), so the hot path, which
finds everything in one statement, and every other route share them to the letter.
Source: contract, decisions, section 1.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from typing import Final

import msgspec

from nuqta import refusals
from nuqta.engine.access import credentials
from nuqta.engine.access.partners import granted
from nuqta.engine.access.sessions import HOUR_US, note_use
from nuqta.engine.access.tokens import NO_DKEY, dkey_in
from nuqta.engine.engine import Engine
from nuqta.engine.stores import find, named
from nuqta.ledger.account import store_of
from nuqta.ledger.instants import Instant
from nuqta.refusals import Refusal
from nuqta.storage.statements import statement
from nuqta.web import origins
from nuqta.web.limiter import AS_SET, Limiters, Pace
from nuqta.web.replies import Headers

_CALLER = statement("partners.caller")
_SESSION = statement("sessions.by_digest")
_NOTED_MAX: Final = 100_000
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::[0-9]+)?|([0-9.]+):[0-9]+")
_ADDRESS_LENGTH: Final = 64
_TWICE = "\x00"  # stands for a header that was sent twice: no token is like it


class Caller(msgspec.Struct, frozen=True):
    """A partner on a store where it is installed, or, without a partner, whoever the `face` says:
    the store's own source of orders, its storefront, or the public. `shoppers_pace` is the
    installation's own limit for its shoppers, a minute each."""

    partner_id: int | None
    store_id: int
    face: str = "source"
    shoppers_pace: int = AS_SET

    @property
    def origin(self) -> str:
        """The origin of this caller's commands."""
        return self.face if self.partner_id is None else f"partner:{self.partner_id}"


NOBODY: Final = Caller(None, 0, "public")
"""Who asks for a page: nothing is known of them, and no store is theirs."""


class Shopper(msgspec.Struct, frozen=True):
    """A customer's live session; at `ends_at_latest` it ends, however much it is used."""

    dkey: int
    customer_id: int
    digest: bytes
    ends_at_latest: Instant


class TooMany(msgspec.Struct, frozen=True):
    """The caller is over its pace."""

    wait_s: int


class Counted:
    """What the guard counted of one request, for whoever answers it: every answer says so."""

    __slots__ = ("pace",)

    def __init__(self) -> None:
        self.pace: Pace | None = None

    def note(self, pace: Pace | None) -> TooMany | None:
        """Keep where the caller stands; TooMany where it has to wait."""
        if pace is None:
            return None
        self.pace = pace
        return TooMany(pace.wait_s) if pace.wait_s else None

    @property
    def headers(self) -> Headers:
        """The headers of the answer; none where nothing was counted."""
        return self.pace.headers if self.pace else ()


def address_of(headers: Mapping[bytes, bytes], client: str, proxy_header: str) -> str:
    """Who calls, as one name for all that one caller has: an IPv4 address, or the /64 network of an
    IPv6 one. `client` is the other end of the connection.

    Behind a proxy it is the last address in `proxy_header`, the one that the proxy itself has put
    there; what stands before it was sent by anybody.
    """
    if proxy_header:
        sent = headers.get(proxy_header.lower().encode(), b"").rpartition(b",")[2].strip()
        client = network(sent[:_ADDRESS_LENGTH].decode("latin-1")) or client
    return network(client) or client


@lru_cache(maxsize=4_096)
def network(text: str) -> str:
    """The address in the text, which may carry a port, as one name for all that one caller has; ""
    where there is none."""
    match = _WITH_PORT.fullmatch(text)
    try:
        address = ip_address((match[1] or match[2]) if match else text.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address, 64), strict=False))


@lru_cache(maxsize=4_096)
def around(address: str) -> str:
    """The network around a caller that `address_of` named: what one house or one firm is given, the
    /24 of an IPv4 address, the /56 of an IPv6 one. "" where it is no address."""
    try:
        if ":" in address:
            return str(IPv6Network(address).supernet(new_prefix=56))
        return str(IPv4Network((address, 24), strict=False))
    except ValueError:
        return ""


def failed(paces: Limiters, address: str) -> int:
    """Count one try in vain of a caller that `address_of` named. Where it or the network around it
    had too many, that one is not counted: after how many seconds the next will be; else 0."""
    for limiter, whose in ((paces.failures, address), (paces.failures_around, around(address))):
        pace = limiter.count(whose.encode()) if whose else None
        if pace is not None and pace.wait_s:
            return pace.wait_s
    return 0


def take_back(paces: Limiters, address: str) -> None:
    """What `failed` has counted before it was looked at was not in vain."""
    for limiter, whose in ((paces.failures, address), (paces.failures_around, around(address))):
        if whose:
            limiter.take_back(whose.encode())


def only(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The headers by name; one that was sent twice is one list, as RFC 9110 says (section 5.3),
    and worthless where it names a caller."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in found:
            value = _again(name, found[name], value)  # noqa: PLW2901
        found[name] = value
    return found


def _again(name: bytes, before: bytes, value: bytes) -> bytes:
    if name in (b"authorization", b"x-customer-token", b"x-manager-token"):
        return _TWICE.encode()  # two callers at once are no caller
    return before + (b"; " if name == b"cookie" else b", ") + value


def bearer(header: bytes | None) -> str | None:
    """The token in an Authorization header, with or without `Bearer`; None where there is none."""
    if not header:
        return None
    if header[:7].lower() == b"bearer ":
        header = header[7:]
    return header.strip().decode("latin-1")


def token(header: bytes | None) -> str | None:
    """The token in a header that holds nothing else; None where there is none."""
    return header.strip().decode("latin-1") if header else None


def check_partner(
    sent: str | None,
    partner_id: int | None,
    ends_at: Instant | None,
    store_id: int | None,
    scopes: str | None,
    scope: str,
    now: Instant,
) -> Refusal | None:
    """Authorization, then store and installation, then scope."""
    if sent is None:
        return refusals.AUTHORIZATION_MISSING
    if partner_id is None or ends_at is None or ends_at <= now:
        return refusals.AUTHORIZATION_INVALID
    if store_id is None or scopes is None:
        return refusals.STORE_NOT_FOUND
    if scope and granted(scopes).isdisjoint(any_of(scope)):
        return refusals.FORBIDDEN
    return None


@lru_cache(maxsize=64)
def any_of(scope: str) -> tuple[str, ...]:
    """The scopes of which a route asks for one, from their text with a bar between; none for ""."""
    return tuple(scope.split(" | ")) if scope else ()


def check_session(
    sent: str | None,
    customer_id: int | None,
    ends_at: Instant | None,
    dkey: int,
    store_id: int,
    now: Instant,
) -> Refusal | None:
    """A customer's session on this store. Expired has its own answer; all else has one."""
    if sent is None:
        return refusals.SESSION_MISSING
    if customer_id is None or ends_at is None or store_of(dkey) != store_id:
        return refusals.SESSION_INVALID
    return refusals.SESSION_EXPIRED if ends_at <= now else None


def shopper_key(partner_id: int, store_id: int, digest: bytes) -> bytes:
    """Whose pace is counted where a customer's token says whose it is."""
    return b"%d:%d:%b" % (partner_id, store_id, digest)


class Uses:
    """Notes that sessions are used, so that their idle ends move: at most once an hour a token,
    and never in the way of the answer. Source: contract, decisions, section 3."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._noted: dict[bytes, Instant] = {}

    def note(self, dkey: int, digest: bytes, used_at: Instant, now: Instant) -> None:
        """The session was used now, and before at `used_at`."""
        if now - max(used_at, self._noted.get(digest, 0)) <= HOUR_US:
            return
        if len(self._noted) > _NOTED_MAX:
            self._noted.clear()
        self._noted[digest] = now
        settings = self._engine.settings
        self._engine.door.note("note use", lambda tx: note_use(tx, settings, dkey, digest, now))


_WRONG: Final = (refusals.AUTHORIZATION_INVALID, refusals.SESSION_INVALID)


def judged(
    paces: Limiters,
    refusal: Refusal | TooMany,
    headers: Mapping[bytes, bytes],
    client: str,
    proxy_header: str,
) -> Refusal | TooMany:
    """The refusal of a caller; where its credential is wrong that costs a try, and past the limit
    of tries it is told no more than to wait. A right credential never comes here, so whoever shares
    an address with a guesser is served. Source: docs/decisions/0013-failed-tries.md."""
    if refusal not in _WRONG:
        return refusal
    wait_s = failed(paces, address_of(headers, client, proxy_header))
    return TooMany(wait_s) if wait_s else refusal


class Guard:
    """The checks of every route but the balance, which makes them on its own statement."""

    def __init__(self, engine: Engine, limiters: Limiters) -> None:
        self._engine = engine
        self._limiters = limiters
        self._uses = Uses(engine)

    def manager(
        self, headers: dict[bytes, bytes], scope: str, counted: Counted
    ) -> Caller | Refusal | TooMany:
        """A partner with the manager token of a store; the token says which store.

        A token that is missing or not this partner's is refused before store and scope, because
        without it there is no store to ask for. Raises StorageFault.
        """
        engine, now = self._engine, self._engine.clock.now()
        sent, manager = (
            bearer(headers.get(b"authorization")),
            token(headers.get(b"x-manager-token")),
        )
        found = engine.vault.reader().rows(
            _CALLER,
            partner_digest=engine.keyring.digest(sent or ""),
            manager_digest=engine.keyring.digest(manager or ""),
            store_id=None,
            store_uuid=None,
        )[0]
        partner_id, ends_at, store_id, scopes, of_partner, _, manager_ends_at, own, shoppers = found
        refusal = check_partner(sent, partner_id, ends_at, store_id, scopes, scope, now)
        if refusal in (refusals.AUTHORIZATION_MISSING, refusals.AUTHORIZATION_INVALID):
            return refusal
        if manager is None:
            return refusals.SESSION_MISSING
        if of_partner is None or of_partner != partner_id:
            return refusals.SESSION_INVALID
        if manager_ends_at <= now:
            return refusals.SESSION_EXPIRED
        if refusal is not None:
            return refusal
        pace = self._limiters.managers.count(b"%d:%d" % (partner_id, store_id), own)
        return counted.note(pace) or Caller(partner_id, store_id, shoppers_pace=shoppers)

    def partner(
        self,
        headers: dict[bytes, bytes],
        store: str,
        scope: str,
        counted: Counted,
        *,
        for_shopper: bool,
    ) -> Caller | Refusal | TooMany:
        """A partner on the store that the path names. Raises StorageFault.

        Pace is counted here by customer token, on shoppers' routes; on others by `pace`, once their
        body is known.
        """
        engine = self._engine
        sent = bearer(headers.get(b"authorization"))
        store_id, store_uuid = named(store)
        found = engine.vault.reader().rows(
            _CALLER,
            partner_digest=engine.keyring.digest(sent or ""),
            manager_digest=b"",
            store_id=store_id,
            store_uuid=store_uuid,
        )[0]
        partner_id, ends_at, known_id, scopes = found[:4]
        refusal = check_partner(
            sent, partner_id, ends_at, known_id, scopes, scope, engine.clock.now()
        )
        if refusal is not None:
            return refusal
        caller = Caller(partner_id, known_id, shoppers_pace=found[8])
        if not for_shopper:
            return caller
        session = token(headers.get(b"x-customer-token"))
        return self.pace(caller, engine.keyring.digest(session or ""), counted) or caller

    def source(
        self, headers: dict[bytes, bytes], store: str, counted: Counted
    ) -> Caller | Refusal | TooMany:
        """The store's own source of orders, by its Basic pair. One answer for a wrong pair, a store
        that has none, and a store that is not there. Raises StorageFault."""
        header = headers.get(b"authorization")
        if not header:
            return refusals.AUTHORIZATION_MISSING
        engine = self._engine
        store_id = credentials.store_of(engine.vault.reader(), engine.keyring, store, header)
        if store_id is None:
            return refusals.AUTHORIZATION_INVALID
        too_many = counted.note(self._limiters.orders.count(b"%d" % store_id))
        return too_many or Caller(None, store_id)

    def anybody(
        self, store: str, headers: dict[bytes, bytes], client: str, counted: Counted
    ) -> Caller | Refusal | TooMany:
        """Whoever asks about the store that the path names, paced by their address. Raises
        StorageFault."""
        found = find(self._engine.vault.reader(), store)
        if found is None:
            return refusals.STORE_NOT_FOUND
        address = address_of(headers, client, self._engine.settings.proxy_header)
        too_many = counted.note(self._limiters.addresses.count(address.encode()))
        return too_many or Caller(None, found.store_id, "public")

    def browser(
        self, headers: dict[bytes, bytes], counted: Counted, *, is_write: bool
    ) -> tuple[Caller | Refusal | TooMany, Shopper | None]:
        """A customer's browser at a store's own domain: by the token that it sends, or by the
        session that it keeps, which writes for a page of the store alone. Raises StorageFault."""
        reader = self._engine.vault.reader()
        store = origins.store_at(reader, headers)
        if store is None:
            return refusals.STORE_NOT_FOUND, None
        caller = Caller(None, store.store_id, "storefront")
        sent = token(headers.get(b"x-customer-token"))
        if sent is None:
            sent = origins.session_cookie(headers)
            if sent is not None and is_write and not origins.is_own_page(reader, store, headers):
                return refusals.ORIGIN_REFUSED, None
        too_many = self.pace(caller, self._engine.keyring.digest(sent or ""), counted)
        if too_many is not None:
            return too_many, None
        known = {b"x-customer-token": sent.encode("latin-1")} if sent else {}
        shopper = self.shopper(known, caller)
        return (shopper, None) if isinstance(shopper, Refusal) else (caller, shopper)

    def pace(
        self, caller: Caller, whose: bytes | tuple[str, ...], counted: Counted
    ) -> TooMany | None:
        """Count one request of a shopper, known by a token's digest or by what the body says."""
        partner_id, store_id = caller.partner_id or 0, caller.store_id
        if isinstance(whose, bytes):
            key = shopper_key(partner_id, store_id, whose)
        else:
            said = "\0".join(whose).encode(errors="surrogatepass")
            key = b"%d:%d=%b" % (partner_id, store_id, said)
        return counted.note(self._limiters.shoppers.count(key, caller.shoppers_pace))

    def shopper(self, headers: dict[bytes, bytes], caller: Caller) -> Shopper | Refusal:
        """The customer's session, on the caller's store. Raises StorageFault."""
        engine = self._engine
        sent = token(headers.get(b"x-customer-token"))
        dkey, digest = dkey_in(sent) if sent else NO_DKEY, engine.keyring.digest(sent or "")
        row = engine.vault.reader().row(_SESSION, dkey=dkey, digest=digest)
        customer_id, used_at, ends_at, latest = row or (None, None, None, None)
        now = engine.clock.now()
        refusal = check_session(sent, customer_id, ends_at, dkey, caller.store_id, now)
        if refusal is not None or customer_id is None:
            return refusal or refusals.SESSION_INVALID
        self._uses.note(dkey, digest, used_at, now)
        return Shopper(dkey, customer_id, digest, latest)
