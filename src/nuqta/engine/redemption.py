"""Redemption: a store's methods, and the holds that they make in carts.

The check of a method and its basket, and the hold that follows, share one transaction.
Source: design, ledger, section 4; contract, zid-loyalty, sections 5.6-5.9.
"""

import secrets
import uuid
from typing import Final

import msgspec
from msgspec.structs import asdict, replace

from nuqta import refusals
from nuqta.engine.door import post
from nuqta.engine.ids import new_id
from nuqta.engine.stores import Store, program_of
from nuqta.ledger.account import dkey_of
from nuqta.ledger.commands import Answer, Release, Reserve
from nuqta.ledger.holds import Hold
from nuqta.ledger.instants import SECOND_US, Instant
from nuqta.loyalty.money import Minor
from nuqta.loyalty.redemption import FIXED, Method, MethodWish, quote
from nuqta.refusals import Refusal
from nuqta.storage.books import is_receipted
from nuqta.storage.rows import hold_from
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_METHODS = statement("redemption.current")
_METHOD = statement("redemption.by_id")
_ADD_REVISION = statement("redemption.add_revision")
_LIVE_HOLDS = statement("holds.live")
_APPLIED = statement("holds.applied")

CART_LENGTH_MAX: Final = 128
_MINUTE_US: Final = 60 * SECOND_US


# -- methods ---------------------------------------------------------------------------------------
def methods_of(tx: Transaction, store_id: int) -> list[Method]:
    """A store's redemption methods, the cheapest first; deleted ones are left out."""
    return tx.all(_METHODS, Method, store_id=store_id)


def method_of(tx: Transaction, store_id: int, method_id: str) -> Method | Refusal:
    """One method. Refuses one that is deleted, or another store's, like one that never was."""
    found = tx.one(_METHOD, Method, store_id=store_id, method_id=method_id)
    return refusals.METHOD_NOT_FOUND if found is None or found.is_deleted else found


def add_method(
    tx: Transaction, store: Store, wish: MethodWish, methods_max: int, now: Instant, by: str
) -> Method | Refusal:
    """A new method, active at once. Refuses another currency than the store's, and too many."""
    if wish.currency != store.currency:
        return refusals.CURRENCY_MISMATCH
    if len(methods_of(tx, store.store_id)) >= methods_max:
        return refusals.TOO_MANY_METHODS
    method = Method(
        store.store_id, str(uuid.uuid4()), 1, str(new_id()), wish.rule_type,
        wish.points_to_redeem, wish.discount, wish.currency, wish.minimum_basket,
        wish.maximum_discount, 1, 0, now, now, by,
    )  # fmt: skip
    tx.run(_ADD_REVISION, **asdict(method))
    return method


def change_method(
    tx: Transaction, store: Store, method_id: str, wish: MethodWish, now: Instant, by: str
) -> Method | Refusal:
    """A method is something else from now on; carts keep what they were given.

    Refuses an unknown method, and another currency than the store's.
    """
    if wish.currency != store.currency:
        return refusals.CURRENCY_MISMATCH
    return _revised(tx, store.store_id, method_id, asdict(wish), now, by)


def switch_method(
    tx: Transaction, store_id: int, method_id: str, is_active: bool, now: Instant, by: str
) -> Method | Refusal:
    """A method is offered, or not. Refuses an unknown one."""
    return _revised(tx, store_id, method_id, {"is_active": int(is_active)}, now, by)


def delete_method(
    tx: Transaction, store_id: int, method_id: str, now: Instant, by: str
) -> Method | Refusal:
    """A method is no more; its revisions stay, because holds and orders name them. Refuses an
    unknown one."""
    return _revised(tx, store_id, method_id, {"is_deleted": 1}, now, by)


def _revised(
    tx: Transaction,
    store_id: int,
    method_id: str,
    changes: dict[str, object],
    now: Instant,
    by: str,
) -> Method | Refusal:
    before = method_of(tx, store_id, method_id)
    if isinstance(before, Refusal):
        return before
    after = replace(before, **changes)
    if after == before:
        return before
    after = replace(after, revision=before.revision + 1, changed_at=now, changed_by=by)
    tx.run(_ADD_REVISION, **asdict(after))
    return after


# -- carts -----------------------------------------------------------------------------------------
class CartWish(msgspec.Struct, frozen=True):
    """A customer wants a method applied to a cart. `basket` is its worth in minor units, None where
    the caller does not know it: then the hold is for the method's own discount, and for 0, which is
    unknown, where that is a percentage."""

    customer_id: int
    cart: str
    method_id: str
    basket: Minor | None = None
    key: str | None = None


def apply(
    tx: Transaction, store: Store, wish: CartWish, holds_max: int, now: Instant, origin: str
) -> Hold | Refusal:
    """Set the method's points aside for the cart, in place of what was applied before.

    The method that is applied already is answered by its live hold, and a key that was used before
    by the hold that it made then, whatever has become of it. Refuses an unknown method or
    customer, a program that is off, a basket that is too small, points that are not there.
    """
    command = _reserving(tx, store, wish, holds_max, origin)
    if isinstance(command, Refusal):
        return command
    (answer,) = post(tx, [command], now)
    if answer.refusal is not None:
        return answer.refusal
    rows = tx.rows(
        _APPLIED, dkey=command.dkey, customer_id=wish.customer_id, cart=wish.cart,
        version=answer.receipt.version,
    )  # fmt: skip
    return hold_from(rows[0])


def _reserving(
    tx: Transaction, store: Store, wish: CartWish, holds_max: int, origin: str
) -> Reserve | Refusal:
    """The command. A call that was answered under its key before is answered so again, whatever has
    become of the method or the program since: what they are now plays no part in it."""
    command = Reserve(
        dkey=dkey_of(store.store_id, wish.customer_id),
        customer_id=wish.customer_id,
        origin=origin,
        key=wish.key or secrets.token_hex(16),
        is_keyed=wish.key is not None,
        cart=wish.cart,
        method_id=wish.method_id,
        points=0,
        discount=0,
        currency=store.currency,
        basket=wish.basket,
        life_us=0,
        holds_max=holds_max,
    )
    if wish.key is not None and is_receipted(tx, command):
        return command
    method = method_of(tx, store.store_id, wish.method_id)
    if isinstance(method, Refusal):
        return method
    program = program_of(tx, store.store_id)
    if not program.is_on:
        return refusals.PROGRAM_OFF
    discount = _discount(method, wish.basket)
    if isinstance(discount, Refusal):
        return discount
    return replace(
        command, points=method.points_to_redeem, discount=discount, currency=method.currency,
        life_us=program.hold_minutes * _MINUTE_US,
    )  # fmt: skip


def _discount(method: Method, basket: Minor | None) -> Minor | Refusal:
    if basket is not None:
        return quote(method, basket)
    if not method.is_active:
        return refusals.METHOD_NOT_FOUND
    return method.discount if method.rule_type == FIXED else 0


def worth(tx: Transaction, store_id: int, hold: Hold, basket: Minor) -> Minor | Refusal:
    """The discount that a hold's points are worth for a basket (minor units): what it was set aside
    for, or, where that was not known, what its method gives; never more than the basket.

    Refuses BASKET_TOO_SMALL, as a quote does.
    """
    if hold.discount:
        return min(hold.discount, basket)
    method = tx.one(_METHOD, Method, store_id=store_id, method_id=hold.method_id)
    if method is None:
        return refusals.METHOD_NOT_FOUND
    return quote(replace(method, is_active=1, is_deleted=0), basket)


def remove(
    tx: Transaction, store_id: int, customer_id: int, cart: str, now: Instant, origin: str,
    key: str | None = None,
) -> Answer:  # fmt: skip
    """Give the cart's points back; a cart without any is left as it is."""
    command = Release(
        dkey=dkey_of(store_id, customer_id),
        customer_id=customer_id,
        origin=origin,
        key=key or secrets.token_hex(16),
        is_keyed=key is not None,
        cart=cart,
    )
    return post(tx, [command], now)[0]


def live_holds(tx: Transaction, store_id: int, customer_id: int) -> list[Hold]:
    """What of a customer's points is set aside, the oldest first, as booked."""
    key = (dkey_of(store_id, customer_id), customer_id)
    return [hold_from(row) for row in tx.rows_of(_LIVE_HOLDS.text, key)]
