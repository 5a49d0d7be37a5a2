"""Erasing a person: what is known of a customer goes, and the books still add up.

The books know a customer by id alone, so nothing in them changes but that points in carts are given
back. What says who it was is taken out of every table that has any: which those are, and why every
other column may stay, is written in docs/decisions/0011-personal-data.md. A file forgets what was
deleted only when it is written anew, which `Vault.compact` does after an erasure.
"""

import re
from typing import Any, Final
from urllib.parse import unquote_plus

import msgspec

from nuqta import refusals
from nuqta.engine import customers, redemption
from nuqta.engine.access import sessions
from nuqta.engine.customers import directory_key
from nuqta.engine.engine import Engine
from nuqta.ledger.account import BUCKETS, dkey_of
from nuqta.ledger.instants import Instant
from nuqta.loyalty.customers import Customer, plain_digits
from nuqta.refusals import Refusal
from nuqta.storage import books
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_ERASE = statement("customers.erase")
_FORGET_CODES = statement("sessions.forget_codes_of")
_NOTES = statement("points.notes")
_BLANK_NOTES = statement("points.blank_notes")
_FORGET_REPLIES = statement("replies.forget_of")
_FIND_REPLY = statement("replies.find")
_REPLIES = statement("replies.that_may_name")
_PUT_REPLY = statement("replies.put_body")
_REFUSED = statement("orders.refused_bodies")
_REFUSED_DIGESTS = statement("orders.refused_digests")
_REFUSED_BODY = statement("orders.refused_body")
_BLANK_REFUSED = statement("orders.blank_refused")
_COUNT_UP = statement("meta.count_up")

ERASURES: Final = "erasures"
"""How many there were, as the database counts itself."""
_BY: Final = "erased"
_NOTHING: Final = "\x00"
"""Stands in no text that is searched, where there is nothing to search for."""
_LOCAL_DIGITS: Final = 8
"""By so many of its last digits a mobile number is known: shops write it with its country or
without."""
_SEPARATORS: Final = re.compile(r"[\s()\-.+]")
_ESCAPED: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
_ID_DIGITS: Final = 6
"""So many digits an id has at least, where it is known by them in a text that is no JSON."""


class Erased(msgspec.Struct, frozen=True):
    """A customer who is known by the id alone since an instant."""

    customer_id: int
    erased_at: Instant


class Traces(msgspec.Struct, frozen=True):
    """Which refused orders were looked through, and which of them tell of the person."""

    seen: frozenset[tuple[int, bytes]]
    found: frozenset[tuple[int, bytes]]


class _Person(msgspec.Struct, frozen=True):
    """What a person is known by; "" for what is not known."""

    customer_id: int
    name: str
    email: str
    mobile: str


def traces(tx: Transaction, store_id: int, customer_id: int) -> Traces:
    """Look through the store's refused orders for the person, before the door is asked: there may
    be many, and they are large. Raises StorageFault."""
    person = _person(customers.find_ever(tx, store_id, customer_id), customer_id)
    seen, found = set(), set()
    for dkey, digest, _, _, _, body in tx.walk(_REFUSED, **_bounds(store_id)):
        seen.add((dkey, digest))
        if _is_about(body, person):
            found.add((dkey, digest))
    return Traces(frozenset(seen), frozenset(found))


def looked_through(engine: Engine, store_id: int, customer_id: int) -> Traces:
    """The same on a snapshot of its own, for a thread beside the loop. Raises StorageFault."""
    with engine.vault.snapshot() as tx:
        return traces(tx, store_id, customer_id)


def erase(
    tx: Transaction, store_id: int, customer_id: int, before: Traces, now: Instant, origin: str
) -> Erased | Refusal:
    """Forget who a customer is: name, addresses, tags and level, sessions, codes, kept answers, the
    words beside the books, and refused orders that tell of the person. Points stay and expire by
    their own rules; those in carts are given back. Refuses CUSTOMER_NOT_FOUND.

    One who was erased before is answered the same; what a shop has sent since goes too.
    """
    customer = customers.find_ever(tx, store_id, customer_id)
    if customer is None:
        return refusals.CUSTOMER_NOT_FOUND
    key = {"dkey": customer.dkey, "customer_id": customer_id}
    person = _person(customer, customer_id)
    _blank_refused(tx, store_id, person, before)
    _blank_replies(tx, store_id, person, {n: why for n, why in tx.rows(_NOTES, **key) if why})
    tx.run(_FORGET_REPLIES, **key)
    tx.run(_BLANK_NOTES, **key)
    sessions.close_sessions(tx, store_id, customer_id)
    for kind, text in (("email", customer.email), ("mobile", customer.mobile)):
        if text:
            dkey = directory_key(store_id, kind, text)
            tx.run(_FORGET_CODES, dkey=dkey, customer_id=customer_id)
            customers.unclaim(tx, store_id, kind, text, customer_id)
    for hold in redemption.live_holds(tx, store_id, customer_id):
        redemption.remove(tx, store_id, customer_id, hold.cart, now, origin)
    tx.run(_COUNT_UP, name=ERASURES)
    if customer.erased_at:
        return Erased(customer_id, customer.erased_at)
    tx.run(_ERASE, **key, now=now)
    return Erased(customer_id, now)


# -- what was kept beside the books ----------------------------------------------------------------
def _blank_refused(tx: Transaction, store_id: int, person: _Person, before: Traces) -> None:
    found = set(before.found)
    for dkey, digest in tx.rows(_REFUSED_DIGESTS, **_bounds(store_id)):
        if (dkey, digest) not in before.seen:  # it came meanwhile
            ((body,),) = tx.rows(_REFUSED_BODY, dkey=dkey, digest=digest)
            if _is_about(body, person):
                found.add((dkey, digest))
    tx.many(_BLANK_REFUSED, [_in_order(dkey, digest) for dkey, digest in sorted(found)])


def _in_order(dkey: int, digest: bytes) -> tuple[object, ...]:
    return _BLANK_REFUSED.bind({"by": _BY, "dkey": dkey, "digest": digest})


def _blank_replies(
    tx: Transaction, store_id: int, person: _Person, reasons: dict[int, str]
) -> None:
    """What the shop's own calls were answered stays, because their keys may come again, but without
    the person: the words beside the books, by version, and whatever else tells of it."""
    dkey = dkey_of(store_id, person.customer_id)
    words = {person.name, person.email, person.mobile, *reasons.values()} - {""}
    for receipt in books.receipts(tx, (dkey, person.customer_id)):
        if receipt.version in reasons:
            there = directory_key(store_id, receipt.origin, receipt.key)
            named = {"dkey": there, "origin": receipt.origin, "key": receipt.key}
            row = tx.row(_FIND_REPLY, **named, customer_id=0)
            if row is not None:
                body = msgspec.json.encode(_without(msgspec.json.decode(row[3]), words))
                tx.run(_PUT_REPLY, **named, body=body)
    for there, origin, key, body in tx.rows(
        _REPLIES, **_bounds(store_id), id=f'{{"id":{person.customer_id},'.encode(),
        email=(person.email or _NOTHING).encode(), mobile=(person.mobile or _NOTHING).encode(),
    ):  # fmt: skip
        told = msgspec.json.decode(body)
        if _tells_of(told, person):
            blank = msgspec.json.encode(_without(told, words))
            tx.run(_PUT_REPLY, dkey=there, origin=origin, key=key, body=blank)


def _without(value: Any, words: set[str]) -> Any:
    """The value, with "" for each text that is one of the words."""
    match value:
        case dict():
            return {name: _without(one, words) for name, one in value.items()}
        case list():
            return [_without(one, words) for one in value]
        case str() if value in words:
            return ""
        case _:
            return value


def is_of(body: bytes, customer_id: int) -> bool:
    """Whether what tells of a person may be shown to that person: an order that names another
    customer, with an address of this one, may not."""
    try:
        told = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return True
    return _names(told, customer_id)


# -- whom a text is about --------------------------------------------------------------------------
def _person(customer: Customer | None, customer_id: int) -> _Person:
    if customer is None:
        return _Person(customer_id, "", "", "")
    return _Person(customer_id, customer.name, customer.email, customer.mobile)


def _is_about(body: bytes, person: _Person) -> bool:
    try:
        told = msgspec.json.decode(body)
    except msgspec.DecodeError:
        text = _ESCAPED.sub(lambda one: chr(int(one[1], 16)), body.decode("utf-8", "replace"))
        return _is_in(unquote_plus(text), person)
    return _tells_of(told, person)


def _tells_of(told: Any, person: _Person) -> bool:
    """Whether decoded JSON names the customer by id, or has one of the addresses anywhere."""
    if _names(told, person.customer_id):
        return True
    return any(_has_address(text, person) for text in _texts(told))


def _names(value: Any, customer_id: int) -> bool:
    match value:
        case dict():
            ids = [value.get("customer"), value.get("customer_id"), value.get("customerId")]
            ids += [one.get("id") for one in ids if isinstance(one, dict)]
            return str(customer_id) in map(str, ids) or any(
                _names(one, customer_id) for one in value.values()
            )
        case list():
            return any(_names(one, customer_id) for one in value)
        case _:
            return False


def _texts(value: Any) -> list[str]:
    match value:
        case dict():
            return [text for one in value.values() for text in _texts(one)]
        case list():
            return [text for one in value for text in _texts(one)]
        case str():
            return [value]
        case int():
            return [str(value)]
        case _:
            return []


def _is_in(text: str, person: _Person) -> bool:
    """Whether a text that is no JSON tells of the person."""
    if person.name and person.name in text:
        return True
    number = str(person.customer_id)
    is_numbered = len(number) >= _ID_DIGITS and number in re.findall(r"\d+", text)
    return is_numbered or _has_address(text, person)


def _has_address(text: str, person: _Person) -> bool:
    if person.email and person.email in text.lower():
        return True
    digits = person.mobile[-_LOCAL_DIGITS:]
    return bool(digits) and digits in _SEPARATORS.sub("", plain_digits(text))


def _bounds(store_id: int) -> dict[str, int]:
    return {"dkey_from": store_id * BUCKETS, "dkey_until": (store_id + 1) * BUCKETS}
