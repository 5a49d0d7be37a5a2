"""Commands: wishes to change points, and what becomes of them: receipts.

A command names one account and carries a key. The pair (origin, key) is unique in its account for
ever: the same pair with the same content is answered by the same receipt, with other content by a
conflict. Origins are `partner:<id>`, `staff:<id>`, `cli` and `system`; keys of the system are
derived from what they do, so a caller's text can equal neither a derived key nor another caller's.
Source: design, ledger, section 6.
"""

from hashlib import blake2b
from typing import Final, TypeAlias

import msgspec

from nuqta.ledger.instants import NEVER, Instant, Points
from nuqta.ledger.transfers import AccountKey
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

    @property
    def account(self) -> AccountKey:
        """(dkey, customer id) of the one account that the command may touch."""
        return (self.dkey, self.customer_id)


class Earn(_Command, frozen=True, gc=False, kw_only=True, tag=True):
    """An order earns: 0 ... POINTS_MAX points, effective at its instant (not in the future).

    `matures_at` = NEVER leaves the lot waiting. `facts` is what the content digest covers: the
    order's own facts, so that a later change of the rule is no other content. An order that earns
    0 points books nothing and is remembered all the same.
    """

    points: Points
    effective_at: Instant
    matures_at: Instant
    expires_at: Instant
    order_key: str
    rule_id: str
    rule_revision: int
    facts: str


class Spend(_Command, frozen=True, gc=False, kw_only=True, tag=True):
    """A redemption without a cart: 1 ... POINTS_MAX available points are redeemed at once."""

    points: Points


class Adjust(_Command, frozen=True, gc=False, kw_only=True, tag=True):
    """A person decided: `points` above 0 are added (until `expires_at`), below 0 deducted."""

    points: Points
    expires_at: Instant = NEVER


class Settle(_Command, frozen=True, gc=False, kw_only=True, tag=True):
    """Book what time alone has changed: lots that matured or expired. Twice is once."""


Command: TypeAlias = Earn | Spend | Adjust | Settle

_encoder = msgspec.json.Encoder(order="deterministic")


def digest_of(command: Command) -> bytes:
    """16 bytes that differ when the content of two commands differs, whoever sent them."""
    content: object
    match command:
        case Earn():
            content = ("earn", command.order_key, command.facts)
        case Adjust():
            content = ("adjust", command.points, command.expires_at, command.reason)
        case Spend():
            content = ("spend", command.points, command.reason)
        case Settle():
            content = ("settle",)
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
