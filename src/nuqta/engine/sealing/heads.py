"""Heads outside the database: a file of JSON lines that an older copy of the books cannot rewrite.

The last line of a store says how far its books had come. Books that do not know that head were
replaced by an older copy, or by others: they are not opened until a person says that it is meant.
A line is written after its head's commit, so the file is never ahead of the books by a crash; where
it is behind, the next sealing brings it up to date.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from nuqta.engine.sealing.chain import Head
from nuqta.ledger.instants import Instant
from nuqta.loyalty.dates import format_instant
from nuqta.storage.faults import CannotStart, StorageFault
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_HEAD = statement("seals.head")
_LAST_HEADS = statement("seals.last_heads")
_MOST_BYTES: Final = 2**20
"""A longer file is written anew with the last line of each store; the database has them all."""


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line: a head, its bytes in hex. `accepted_at` is set where a person said that books
    which do not know the heads before it are meant."""

    store: int
    head: int
    root: str
    lines: int
    sealed_at: str
    public_key: str = ""
    signature: str = ""
    accepted_at: str = ""


def heads_file(given: str, database: Path) -> Path:
    """Where the heads of a database are kept: the setting, or beside it."""
    return Path(given) if given else database.with_name(database.name + ".heads")


def line_of(head: Head) -> Line:
    """A head as its line."""
    return Line(
        head.store_id, head.number, head.root.hex(), head.lines, format_instant(head.sealed_at),
        head.public_key.hex(), head.signature.hex(),
    )  # fmt: skip


def read_heads(path: Path) -> dict[int, Line]:
    """The last line of each store; nothing where there is no file. Raises CannotStart.

    A last line that a crash cut short was never finished, and is none.
    """
    try:
        texts = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise CannotStart(f"the heads in {path} cannot be read: {error.strerror}") from error
    found: dict[int, Line] = {}
    for number, text in enumerate(texts[:-1], 1):
        try:
            line = msgspec.json.decode(text, type=Line)
        except msgspec.MsgspecError as error:
            raise CannotStart(f"line {number} of {path} is no head: {error}") from error
        found[line.store] = line
    return found


def append(path: Path, lines: Iterable[Line]) -> None:
    """Add the lines, on disk before it returns. Raises StorageFault."""
    text = b"".join([msgspec.json.encode(line) + b"\n" for line in lines])
    try:
        if path.exists() and path.stat().st_size > _MOST_BYTES:
            _shorten(path)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            _cut_unfinished(handle)
            os.write(handle, text)
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise StorageFault(f"{path}: {error.strerror}", "write the heads") from error


def _cut_unfinished(handle: int) -> None:
    """Cut off a last line that a crash left half written."""
    size = os.fstat(handle).st_size
    if size and os.pread(handle, 1, size - 1) != b"\n":
        os.ftruncate(handle, os.pread(handle, size, 0).rfind(b"\n") + 1)


def _shorten(path: Path) -> None:
    """The file anew, with the last line of each store."""
    kept = b"".join([msgspec.json.encode(line) + b"\n" for line in read_heads(path).values()])
    beside = path.with_name(path.name + ".new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, kept)
        os.fsync(handle)
    finally:
        os.close(handle)
    beside.replace(path)


def has_heads(tx: Transaction) -> bool:
    """Whether anything was ever sealed."""
    return bool(tx.rows(_LAST_HEADS))


def strangers(tx: Transaction, known: dict[int, Line]) -> list[str]:
    """A sentence for each store whose books do not know the head that the file knows."""
    found = []
    for line in known.values():
        if line.head == 0:  # books that had no head were accepted
            continue
        head = tx.one(_HEAD, Head, store_id=line.store, number=line.head)
        if head is None or head.root.hex() != line.root:
            what = "do not reach" if head is None else "are others than those of"
            found.append(
                f"the books of store {line.store} {what} head {line.head}, sealed at"
                f" {line.sealed_at} with {line.lines} transfers"
            )
    return found


def check_heads(tx: Transaction, path: Path) -> None:
    """Refuse books that are older than what was sealed, or others. Raises CannotStart."""
    found = strangers(tx, read_heads(path))
    if found:
        raise CannotStart(
            f"{found[0]}, which {path} knows: an older copy was put in their place. Put the newer"
            " one back or, if this is meant, run `nuqta seal accept`"
        )


def accept_heads(tx: Transaction, path: Path, now: Instant) -> list[str]:
    """A person says that these books are meant: what the file knew better, as sentences.

    The file keeps what it had; a line for each such store says what holds from now on. Raises
    StorageFault.
    """
    known = read_heads(path)
    found = strangers(tx, known)
    last = {head.store_id: head for head in tx.all(_LAST_HEADS, Head)}
    accepted_at = format_instant(now)
    lines = []
    for store, line in known.items():
        head = last.get(store)
        if head is not None:
            lines.append(msgspec.structs.replace(line_of(head), accepted_at=accepted_at))
        else:
            lines.append(Line(store, 0, "", 0, line.sealed_at, accepted_at=accepted_at))
    if found:
        append(path, lines)
    return found
