"""Commands: wishes to change points, and what becomes of them: receipts.

A command names one account and carries a key. The pair (origin, key) is unique in its account for
ever: the same pair with the same content is answered by the same receipt, with other content by a
conflict. Origins are `partner:<id>`, `staff:<id>`, `cli` and `system`; keys of the system are
derived from what they do, so a caller's text can equal neither a derived key nor another caller's.
Source: design, ledger, section 6.
"""

from hashlib import blake2b
from typing import ClassVar, Final, TypeAlias

import msgspec

from nuqta.ledger.instants import DAY_US, NEVER, Instant, Points
from nuqta.ledger.transfers import NO_HOLD, AccountKey
from nuqta.refusals import Refusal

SYSTEM: Final = "system"
"""The origin of commands that nuqta derives by itself; their refusals are not remembered."""


class _Command(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    dkey: int
    customer_id: int
    origin: str
    key: str
    reason: str | None = None
    """Kept as a note beside the transfers, outside what is ever hashed."""
    is_keyed: bool = True
    """Whether the caller gave the key, and so may come back for its refusal."""

    has_receipt: ClassVar[bool] = True
    """Whether it is remembered under its key. What is due once, or known by its own events, is
    not."""

    @property
    def account(self) -> AccountKey:
        """(dkey, customer id) of the one account that the command may touch."""
        return (self.dkey, self.customer_id)


class Order(_Command, frozen=True, gc=False, kw_only=True, tag=True):
    """What an order comes to by the set of its events; the books move there from where they are.

    `earned` is what it earned in all, `kept` what of that remains after returns and cancellations
    (both 0 ... POINTS_MAX). `granted_at` is the order's instant, not in the future; `matures_at` =
    NEVER leaves its lot waiting. `redeemed` points are taken for it, from `hold` where that still
    lives; `returned` of them, in all, have come back, the last at `undone_at`, into lots that live
    at most `grace_us` where their own have expired. Where points are gone, the program bears them
    if it `is_forgiving`, else they are owed. Source: design, ledger, section 5.
    """

    has_receipt: ClassVar[bool] = False

    order_key: str
    earned: Points
    kept: Points
    granted_at: Instant
    matures_at: Instant
    expires_at: Instant
    rule_id: str = ""
    rule_revision: int = 0
    hold: int = NO_HOLD
    redeemed: Points = 0
    returned: Points = 0
    undone_at: Instant = 0
    grace_us: int = 30 * DAY_US
    is_forgiving: bool = False


class Reserve(_Command, frozen=True, gc=False, kw_only=True, tag=True):
    """A redemption goes into a cart: 1 ... POINTS_MAX available points are set aside.

    The method that is applied already is answered by the live hold, unless `discount` or `points`
    differ; another one replaces it. What the caller said is the cart, the method and the `basket`
    (minor units, None where it is not known); the rest is what the method was then. `life_us` is
    1 or more, as the program says, which bounds it; a customer has at most `holds_max` live holds.
    """

    cart: str
    method_id: str
    points: Points
    discount: int
    currency: str
    basket: int | None = None
    life_us: int
    holds_max: int


class Release(_Command, frozen=True, gc=False, kw_only=True, tag=True):
    """The redemption leaves the cart. A cart without one is left as it is."""

    cart: str


class Spend(_Command, frozen=True, gc=False, kw_only=True, tag=True):
    """A redemption without a cart: 1 ... POINTS_MAX available points are redeemed at once."""

    points: Points


class Adjust(_Command, frozen=True, gc=False, kw_only=True, tag=True):
    """A person decided: `points` above 0 are added (until `expires_at`), below 0 deducted."""

    points: Points
    expires_at: Instant = NEVER


class Settle(_Command, frozen=True, gc=False, kw_only=True, tag=True):
    """Book what time alone has changed: lots that matured or expired, holds that lapsed. Twice is
    once."""

    has_receipt: ClassVar[bool] = False


class Remind(_Command, frozen=True, gc=False, kw_only=True, tag=True):
    """Tell once that a lot expires within `within_us`; nothing where it does not, or is empty."""

    has_receipt: ClassVar[bool] = False

    lot: int
    within_us: int


Command: TypeAlias = Order | Reserve | Release | Spend | Adjust | Settle | Remind

_encoder = msgspec.json.Encoder(order="deterministic")


def digest_of(command: Command) -> bytes:
    """16 bytes that differ when the content of two commands differs, whoever sent them; none for a
    command that keeps no receipt."""
    content: object
    match command:
        case Reserve():
            content = ("reserve", command.cart, command.method_id, command.basket)
        case Release():
            content = ("release", command.cart)
        case Adjust():
            content = ("adjust", command.points, command.expires_at, command.reason)
        case Spend():
            content = ("spend", command.points, command.reason)
        case _:
            return b""
    return blake2b(_encoder.encode(content), digest_size=16).digest()


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """What became of a command: done (`refusal` is "") or refused with that code.

    `version` is the account's version after it, `booked` the number of transfers that the
    command's account gained with it: they are the versions version - booked + 1 ... version.
    """

    dkey: int
    customer_id: int
    origin: str
    key: str
    digest: bytes
    refusal: str
    version: int
    booked: int
    recorded_at: Instant


class Answer(msgspec.Struct, frozen=True):
    """What the door answers: the receipt, or a refusal; `is_replay` where it was given before."""

    receipt: Receipt
    refusal: Refusal | None = None
    is_replay: bool = False
