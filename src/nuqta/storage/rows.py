"""Rows of the books as records, each checked against its own checksum on the way in.

A flipped bit in an integer cell passes SQLite's checks of a page's form. The checksum makes it a
fault that names the row, never a wrong balance. Source: design, storage ("SQLite").
"""

import struct
from collections.abc import Callable, Sequence
from typing import Any, Final
from zlib import crc32

import msgspec
from msgspec.structs import astuple

from nuqta.ledger.account import Account
from nuqta.ledger.holds import Hold
from nuqta.ledger.lots import Lot
from nuqta.storage.faults import Damaged

ACCOUNT_COLUMNS: Final = 18
_ACCOUNT = struct.Struct("<17q")
_LOT = struct.Struct("<11q")  # its first ten numbers, and the revision of its rule
_ONE = struct.Struct("<q")
_THREE = struct.Struct("<3q")
_encode = msgspec.json.encode
_taken = msgspec.json.Decoder(tuple[tuple[int, int], ...])


def account_from(row: Sequence[Any]) -> Account:
    """The account in 18 numbers and their checksum. Raises Damaged where they disagree."""
    if not _agrees(_account_crc, row, row[ACCOUNT_COLUMNS]):
        raise Damaged(f"account {row[0]}/{row[1]} does not agree with its checksum")
    return Account(*row[:ACCOUNT_COLUMNS])


def account_row(account: Account) -> tuple[int, ...]:
    """The account's numbers in the order of the table, and their checksum."""
    numbers: tuple[int, ...] = astuple(account)
    return (*numbers, _account_crc(numbers))


def _account_crc(row: Sequence[Any]) -> int:
    """Columns that came with a later schema count only where they say something, so that rows
    written before it keep their checksums."""
    crc = crc32(_ACCOUNT.pack(*row[:17]))
    return crc32(_ONE.pack(row[17]), crc) if row[17] != 0 else crc


def _agrees(crc: Callable[[Sequence[Any]], int], row: Sequence[Any], kept: object) -> bool:
    """Whether the row is what its checksum says; a flipped bit may also make a number a text, or
    nothing."""
    try:
        return crc(row) == kept
    except struct.error:
        return False


def lot_from(row: Sequence[Any]) -> Lot:
    """The lot in a row of the table. Raises Damaged where its numbers and checksum disagree."""
    if not (_agrees(_lot_crc, row, row[16]) or _agrees(_numbers_crc, row, row[16])):
        raise Damaged(f"lot {row[0]}/{row[1]}/{row[2]} does not agree with its checksum")
    return Lot(*row[:16])


def lot_row(lot: Lot) -> tuple[object, ...]:
    """The lot's fields in the order of the table, and their checksum."""
    fields = astuple(lot)
    return (*fields, _lot_crc(fields))


def _lot_crc(row: Sequence[Any]) -> int:
    """Of the numbers, and of the order's and the rule's names, which decide whose points are
    cancelled. A row that an older program wrote has a checksum of its numbers alone."""
    crc = _numbers_crc(row)
    return crc if row[10] == row[11] == "" else crc32(_encode((row[10], row[11])), crc)


def _numbers_crc(row: Sequence[Any]) -> int:
    crc = crc32(_LOT.pack(*row[:10], row[12]))
    if row[13] == row[14] == row[15] == 0:
        return crc
    return crc32(_THREE.pack(row[13], row[14], row[15]), crc)


def hold_from(row: Sequence[Any]) -> Hold:
    """The hold in a row of the table. Raises Damaged where its fields and checksum disagree."""
    if crc32(_encode(row[:15])) != row[15]:
        raise Damaged(f"hold {row[0]}/{row[1]}/{row[2]} does not agree with its checksum")
    try:
        taken = _taken.decode(row[10])
    except msgspec.DecodeError as error:
        raise Damaged(f"hold {row[0]}/{row[1]}/{row[2]} names no lots: {error}") from error
    fields = (*row[:10], taken, *row[11:15])
    return Hold(*fields)


def hold_row(hold: Hold) -> tuple[object, ...]:
    """The hold's fields in the order of the table, and the checksum of all of them."""
    fields = astuple(hold)
    texts = (*fields[:10], _encode(fields[10]).decode(), *fields[11:])
    return (*texts, crc32(_encode(texts)))
