"""Events on their way out: the position that each gets after its commit, and reading from a cursor.

An event's row is written with its change, by whatever process commits it; in which order rows of
several accounts become visible nobody knows beforehand. So nothing is read by time or by number of
row: the worker gives the events of a bucket their positions, 1, 2, 3 ... without a gap, once they
are committed, and a reader who has passed a position has passed all below it. A cursor holds one
position for each of a store's 64 buckets. Source: issue text of the life of a point.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import defaultdict
from collections.abc import Iterator
from heapq import merge
from typing import Any, Final
from zlib import crc32

import msgspec

from nuqta import refusals
from nuqta.ledger.account import BUCKETS, store_of
from nuqta.ledger.events import Event
from nuqta.ledger.instants import NEVER
from nuqta.loyalty.dates import format_instant
from nuqta.refusals import Refusal
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_UNPLACED_DKEY = statement("events.unplaced_dkey")
_UNPLACED = statement("events.unplaced")
_LAST_PLACED = statement("events.last_placed")
_PLACE = statement("events.place")
_POSITION = statement("events.position")
_PUT_POSITION = statement("events.put_position")
_POSITIONS = statement("events.positions")
_AFTER = statement("events.after")

PAGE_MAX: Final = 500
"""The most events that one answer carries."""
_CURSOR_LENGTH_MAX: Final = 1_200
_CURSOR_FORM: Final = b"\x01"
_NO_LOT: Final = 0


class Placed(msgspec.Struct, frozen=True):
    """An event and its position in its bucket."""

    event: Event
    position: int


class Page(msgspec.Struct, frozen=True):
    """Events after a cursor, the cursor after them, and whether there are more."""

    events: list[Event]
    cursor: str
    has_more: bool


# -- positions -------------------------------------------------------------------------------------
def next_unplaced(tx: Transaction, after: int = 0) -> int | None:
    """The next bucket beyond `after`, of any store, that has events without a position."""
    found: int | None = tx.rows(_UNPLACED_DKEY, dkey=after)[0][0]
    return found


def place(tx: Transaction, dkey: int, limit: int) -> int:
    """Give up to `limit` events of a bucket the next positions; how many there were.

    The caller commits. Within an account positions follow the events' numbers, whatever the clock
    has done between them.
    """
    rows = tx.rows(_UNPLACED, dkey=dkey, limit=limit)
    if not rows:
        return 0
    lowest: dict[int, int] = {}
    for customer_id, number in rows:
        lowest[customer_id] = min(number, lowest.get(customer_id, number))
    placed = dict(tx.each(_LAST_PLACED, [(dkey, *one) for one in lowest.items()]))
    given: defaultdict[int, int] = defaultdict(int, placed)
    position = _position(tx, dkey)
    changes = []
    for customer_id, _ in rows:
        position += 1
        given[customer_id] += 1  # the rows say whose turn it is, the numbers which event
        changes.append((position, dkey, customer_id, given[customer_id]))
    if tx.many(_PLACE, changes) != len(changes):
        raise LookupError(f"the events of bucket {dkey} have a gap in their numbers")
    tx.run(_PUT_POSITION, dkey=dkey, position=position)
    return len(changes)


def place_all(tx: Transaction, store_id: int) -> None:
    """Give every event of a store its position. The caller commits."""
    first = store_id * BUCKETS
    after: int | None = first - 1
    while after is not None:
        after = next_unplaced(tx, after)
        if after is None or store_of(after) != store_id:
            return
        place(tx, after, NEVER)


def _position(tx: Transaction, dkey: int) -> int:
    row = tx.row(_POSITION, dkey=dkey)
    return row[0] if row else 0


def positions(tx: Transaction, store_id: int) -> dict[int, int]:
    """The last position that each of a store's buckets has given, by dkey."""
    first = store_id * BUCKETS
    return dict(tx.rows(_POSITIONS, dkey_from=first, dkey_until=first + BUCKETS))


# -- reading ---------------------------------------------------------------------------------------
def after(tx: Transaction, dkey: int, position: int, limit: int) -> list[Placed]:
    """The events of a bucket after a position, in order of position."""
    rows = tx.rows(_AFTER, dkey=dkey, position=position, limit=limit)
    return [_placed(row) for row in rows]


def events_after(tx: Transaction, store_id: int, cursor: str, limit: int) -> Page | Refusal:
    """Up to `limit` (1 ... PAGE_MAX) of a store's events after a cursor; "" is before the first.

    `tx` is a snapshot. The events of a bucket, and so of an account, come in order of position;
    buckets are merged by the instant at which the books learned of them. Refuses CURSOR_INVALID.
    """
    last = positions(tx, store_id)
    reached = read_cursor(cursor, store_id, last)
    if isinstance(reached, Refusal):
        return reached
    found: list[Event] = []
    has_more = False
    walks = [
        _walk(tx, dkey, reached.get(dkey, 0)) for dkey in last if last[dkey] > reached.get(dkey, 0)
    ]
    for placed in merge(*walks, key=lambda placed: placed.event.recorded_at):
        if len(found) == limit:
            has_more = True
            break
        found.append(placed.event)
        reached[placed.event.dkey] = placed.position
    return Page(found, make_cursor(store_id, reached), has_more)


def _walk(tx: Transaction, dkey: int, position: int) -> Iterator[Placed]:
    """The events of a bucket after a position, as far as somebody reads."""
    limit = 8  # most buckets give a few to a page; one that gives many grows
    while page := after(tx, dkey, position, limit):
        yield from page
        position = page[-1].position
        limit = min(limit * 4, PAGE_MAX)


def _placed(row: tuple[Any, ...]) -> Placed:
    return Placed(Event(*row[:-1]), row[-1])


def shown(event: Event) -> dict[str, Any]:
    """An event as the world sees it: in a webhook's body and in the list of events."""
    store_id = store_of(event.dkey)
    return {
        "id": f"{store_id}-{event.customer_id}-{event.number}",
        "type": event.kind,
        "store_id": store_id,
        "customer_id": event.customer_id,
        "number": event.number,
        "version": event.version,
        "points": event.points,
        "balance": {
            "available": event.available,
            "pending": event.pending,
            "held": event.held,
            "owed": event.owed,
            "used": event.used,
        },
        "lot": None if event.lot == _NO_LOT else event.lot,
        "expires_at": None if event.expires_at == NEVER else format_instant(event.expires_at),
        "order_number": event.order_key or None,
        "effective_at": format_instant(event.effective_at),
        "recorded_at": format_instant(event.recorded_at),
    }


# -- cursors ---------------------------------------------------------------------------------------
def make_cursor(store_id: int, reached: dict[int, int]) -> str:
    """An opaque text for the positions that were reached in a store's buckets, by dkey."""
    first = store_id * BUCKETS
    numbers = [store_id, *(reached.get(first + bucket, 0) for bucket in range(BUCKETS))]
    data = _CURSOR_FORM + b"".join(map(_varint, numbers))
    data += crc32(data).to_bytes(4, "big")
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def read_cursor(text: str, store_id: int, last: dict[int, int]) -> dict[int, int] | Refusal:
    """The positions in a cursor, by dkey; "" is 0 everywhere.

    Refuses CURSOR_INVALID for a text that `make_cursor` did not give for this store, and for
    positions beyond the `last`: such a cursor is of books that were put back to an older copy
    since, and whoever went on from it would miss what came after the copy.
    """
    if not text:
        return {}
    numbers = _numbers_in(text)
    if numbers is None or numbers[0] != store_id:
        return refusals.CURSOR_INVALID
    first = store_id * BUCKETS
    reached = {first + bucket: number for bucket, number in enumerate(numbers[1:]) if number}
    if any(number > last.get(dkey, 0) for dkey, number in reached.items()):
        return refusals.CURSOR_INVALID
    return reached if make_cursor(store_id, reached) == text else refusals.CURSOR_INVALID


def _numbers_in(text: str) -> list[int] | None:
    """The numbers in a cursor's text; None where it is none."""
    if len(text) > _CURSOR_LENGTH_MAX or not text.isascii():
        return None
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
    body, check = data[:-4], data[-4:]
    if not body.startswith(_CURSOR_FORM) or crc32(body).to_bytes(4, "big") != check:
        return None
    numbers = [0]
    shift = 0
    for byte in body[1:]:
        numbers[-1] |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(0)
            shift = 0
    is_whole = shift == 0 and len(numbers) == BUCKETS + 2
    return numbers[:-1] if is_whole else None


def _varint(number: int) -> bytes:
    """A number as seven bits a byte, the low ones first."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
