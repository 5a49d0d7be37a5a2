"""Rows of the books as records, each checked against its own checksum on the way in.

A flipped bit in an integer cell passes SQLite's checks of a page's form. The checksum makes it a
fault that names the row, never a wrong balance. Source: design, storage ("SQLite").
"""

import struct
from collections.abc import Sequence
from typing import Any, Final
from zlib import crc32

from msgspec.structs import astuple

from nuqta.ledger.account import Account
from nuqta.ledger.lots import Lot
from nuqta.storage.faults import Damaged

ACCOUNT_COLUMNS: Final = 17
_ACCOUNT = struct.Struct(f"<{ACCOUNT_COLUMNS}q")
_LOT = struct.Struct("<11q")  # its first ten numbers, and the revision of its rule


def account_from(row: Sequence[Any]) -> Account:
    """The account in 17 numbers and their checksum. Raises Damaged where they disagree."""
    numbers = row[:ACCOUNT_COLUMNS]
    if crc32(_ACCOUNT.pack(*numbers)) != row[ACCOUNT_COLUMNS]:
        raise Damaged(f"account {numbers[0]}/{numbers[1]} does not agree with its checksum")
    return Account(*numbers)


def account_row(account: Account) -> tuple[int, ...]:
    """The account's numbers in the order of the table, and their checksum."""
    numbers: tuple[int, ...] = astuple(account)
    return (*numbers, crc32(_ACCOUNT.pack(*numbers)))


def lot_from(row: Sequence[Any]) -> Lot:
    """The lot in a row of the table. Raises Damaged where its numbers and checksum disagree."""
    if crc32(_LOT.pack(*row[:10], row[12])) != row[13]:
        raise Damaged(f"lot {row[0]}/{row[1]}/{row[2]} does not agree with its checksum")
    return Lot(*row[:13])


def lot_row(lot: Lot) -> tuple[object, ...]:
    """The lot's fields in the order of the table, and the checksum of its numbers."""
    fields = astuple(lot)
    return (*fields, crc32(_LOT.pack(*fields[:10], fields[12])))
