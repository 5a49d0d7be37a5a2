"""Customers: making them with their account, and finding them by what they are known by."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Literal, TypeAlias

import msgspec

from nuqta import refusals
from nuqta.engine.ids import new_id
from nuqta.ledger.account import BUCKETS, dkey_of, store_of
from nuqta.ledger.instants import Instant
from nuqta.loyalty.customers import (
    Customer,
    canonical_email,
    canonical_mobile,
    checked_id,
    checked_name,
    checked_tag,
    tags_text,
)
from nuqta.loyalty.order_fields import CustomerFacts
from nuqta.refusals import Refusal
from nuqta.storage import books
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_ADD = statement("customers.add")
_BY_ID = statement("customers.by_id")
_COMPLETE = statement("customers.complete")
_CLAIM = statement("customers.claim")
_UNCLAIM = statement("customers.unclaim")
_CLAIMED_BY = statement("customers.claimed_by")


Claim: TypeAlias = Literal["new", "known", "taken"]
"""What a claim came to: made now, made before by the same customer, or another's."""


class CustomerWish(msgspec.Struct, frozen=True):
    """A customer to be made: addresses in their canonical form, or ""; id 0 = a new one."""

    name: str
    email: str = ""
    mobile: str = ""
    customer_id: int = 0


def wished(
    name: str, email: str = "", mobile: str = "", customer_id: str = "", country_code: str = ""
) -> CustomerWish:
    """A wish from texts as people and files write them. Raises ValueError, with a sentence."""
    return CustomerWish(
        checked_name(name),
        canonical_email(email) if email.strip() else "",
        canonical_mobile(mobile, country_code) if mobile.strip() else "",
        checked_id(customer_id.strip()) if customer_id.strip() else 0,
    )


def directory_key(store_id: int, kind: str, text: str) -> int:
    """The dkey under which a store's directory keeps a text: by a hash that never changes."""
    digest = blake2b(f"{kind}\x00{text}".encode(), digest_size=8).digest()
    return store_id * BUCKETS + int.from_bytes(digest) % BUCKETS


def claim(tx: Transaction, store_id: int, kind: str, text: str, customer_id: int) -> Claim:
    """Make an order number or address this customer's. The first claim decides."""
    dkey = directory_key(store_id, kind, text)
    if tx.run(_CLAIM, dkey=dkey, kind=kind, text=text, customer_id=customer_id):
        return "new"
    return "known" if find_by(tx, store_id, kind, text) == customer_id else "taken"


def unclaim(tx: Transaction, store_id: int, kind: str, text: str, customer_id: int) -> None:
    """Give a claim back: what it was made for was refused."""
    dkey = directory_key(store_id, kind, text)
    tx.run(_UNCLAIM, dkey=dkey, kind=kind, text=text, customer_id=customer_id)


def find_by(tx: Transaction, store_id: int, kind: str, text: str) -> int | None:
    """Whose an order number or a canonical address is."""
    dkey = directory_key(store_id, kind, text)
    row = tx.row(_CLAIMED_BY, dkey=dkey, kind=kind, text=text)
    return None if row is None else int(row[0])


def find(tx: Transaction, store_id: int, customer_id: int) -> Customer | None:
    """One customer of a store; one who was erased is nobody's."""
    customer = find_ever(tx, store_id, customer_id)
    return None if customer is None or customer.erased_at else customer


def find_ever(tx: Transaction, store_id: int, customer_id: int) -> Customer | None:
    """One customer of a store, also one who was erased: what the books keep is looked at by id."""
    dkey = dkey_of(store_id, customer_id)
    return tx.one(_BY_ID, Customer, dkey=dkey, customer_id=customer_id)


def create(tx: Transaction, store_id: int, wish: CustomerWish, now: Instant) -> Customer | Refusal:
    """A new customer with an empty account. Refuses an id or an address that is another's, and the
    id of one who was erased.

    A refusal leaves nothing behind.
    """
    customer_id = wish.customer_id or new_id()
    other = find_ever(tx, store_id, customer_id)
    if other is not None:
        return refusals.CUSTOMER_ERASED if other.erased_at else refusals.CUSTOMER_EXISTS
    if not _claim_addresses(tx, store_id, customer_id, wish):
        return refusals.CUSTOMER_EXISTS
    customer = Customer(
        dkey_of(store_id, customer_id), customer_id, wish.name, wish.email, wish.mobile, now
    )
    ensure(tx, [customer])
    return customer


def ensure(tx: Transaction, customers: list[Customer]) -> None:
    """Every one of these customers is there, with an account; known ones stay as they are."""
    tx.many(_ADD, [msgspec.structs.astuple(customer) for customer in customers])
    books.open_accounts(tx, [(customer.dkey, customer.customer_id) for customer in customers])


def meet(
    tx: Transaction,
    store_id: int,
    seen: Sequence[tuple[int, CustomerFacts | None]],
    now: Instant,
) -> None:
    """Customers as orders tell of them: who is new is made, and what was missing is filled in.

    An address that is another customer's already is left out. Tags and level are as last told. Of
    one who was erased nothing is learned.
    """
    ensure(
        tx,
        [
            Customer(dkey_of(store_id, one), one, "", "", "", now)
            for one in sorted({customer_id for customer_id, _ in seen})
        ],
    )
    for customer_id, facts in seen:
        if facts is not None:
            _learn(tx, store_id, customer_id, facts)


def _learn(tx: Transaction, store_id: int, customer_id: int, facts: CustomerFacts) -> None:
    known = find(tx, store_id, customer_id)
    if known is None:
        return
    learned = known
    for wish in (
        CustomerWish(facts.name, facts.email), CustomerWish(facts.name, "", facts.mobile),
    ):  # fmt: skip
        completed = complete(tx, learned, wish)
        if isinstance(completed, Customer):
            learned = completed
    if facts.tags is not None:
        learned = msgspec.structs.replace(learned, tags=tags_text(facts.tags))
    if facts.level is not None:
        learned = msgspec.structs.replace(learned, level=facts.level)
    if (learned.tags, learned.level) != (known.tags, known.level):
        tx.run(_COMPLETE, **msgspec.structs.asdict(learned))


class TagWish(msgspec.Struct, frozen=True):
    """What is to be known of a customer for cashback rules; None leaves as it is.

    `tags` take the place of all former ones; `level` is a level's id, "" for none. Raises
    ValueError, with a sentence, for what cannot be.
    """

    tags: tuple[str, ...] | None = None
    level: str | None = None

    def __post_init__(self) -> None:
        tags_text(self.tags or ())
        if self.level:
            checked_tag(self.level)


def tag(tx: Transaction, store_id: int, customer_id: int, wish: TagWish) -> Customer | Refusal:
    """Set a customer's tags and level. Orders may tell others, and then those count.

    They say which rules serve orders that have not earned yet; an award stays. Refuses an unknown
    customer.
    """
    known = find(tx, store_id, customer_id)
    if known is None:
        return refusals.CUSTOMER_NOT_FOUND
    tagged = msgspec.structs.replace(
        known,
        tags=known.tags if wish.tags is None else tags_text(wish.tags),
        level=known.level if wish.level is None else wish.level.strip(),
    )
    if tagged != known:
        tx.run(_COMPLETE, **msgspec.structs.asdict(tagged))
    return tagged


def complete(tx: Transaction, known: Customer, wish: CustomerWish) -> Customer | Refusal:
    """Fill in what is not known of a customer yet; what is known stays. Refuses a taken address."""
    missing = CustomerWish(
        "" if known.name else wish.name,
        "" if known.email else wish.email,
        "" if known.mobile else wish.mobile,
    )
    if not _claim_addresses(tx, store_of(known.dkey), known.customer_id, missing):
        return refusals.CUSTOMER_EXISTS
    filled = {name: text for name, text in msgspec.structs.asdict(missing).items() if text}
    completed = msgspec.structs.replace(known, **filled)
    if completed != known:
        tx.run(_COMPLETE, **msgspec.structs.asdict(completed))
    return completed


def _claim_addresses(tx: Transaction, store_id: int, customer_id: int, wish: CustomerWish) -> bool:
    """Claim every address of the wish, or none."""
    claims = [
        (kind, text) for kind, text in (("email", wish.email), ("mobile", wish.mobile)) if text
    ]
    made: list[tuple[str, str]] = []
    for kind, text in claims:
        outcome = claim(tx, store_id, kind, text, customer_id)
        if outcome == "new":
            made.append((kind, text))
        elif outcome == "taken":
            for kind_made, text_made in made:
                unclaim(tx, store_id, kind_made, text_made, customer_id)
            return False
    return True
