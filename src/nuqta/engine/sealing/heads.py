"""Heads outside the database: a file of JSON lines that an older copy of the books cannot rewrite.

The last line of a store says how far its books had come. Books that do not know that head were
replaced by an older copy, or by others: they are not opened until a person says that it is meant.
A line is written after its head's commit, so the file is never ahead of the books by a crash; where
it is behind, the next sealing brings it up to date.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Final

import msgspec

from nuqta.engine.sealing.chain import Head, written
from nuqta.ledger.instants import Instant
from nuqta.storage.faults import CannotStart, StorageFault
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_HEAD = statement("seals.head")
_LAST_HEADS = statement("seals.last_heads")
_MOST_BYTES: Final = 2**20
"""A longer file is written anew with the last line of each store; the database has them all."""


_Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line: a head, its bytes in hex. `accepted_at` is set where a person said that books
    which do not know the heads before it are meant."""

    store: _Number
    head: _Number
    root: str
    lines: _Number
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
        head.store_id, head.number, head.root.hex(), head.lines, written(head.sealed_at),
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


def tell(path: Path, heads: Iterable[Head]) -> dict[int, Line]:
    """Add a line for each head that the file does not know yet; its last line of each store then.

    Of two processes that seal, the one that committed first may write last: the file never goes
    back to an earlier head for it. Raises StorageFault, and CannotStart for a file of others.
    """
    known = read_heads(path)
    if not behind(known, heads):
        return known
    with _alone(path) as handle:
        known = read_heads(path)
        lines = [line_of(head) for head in behind(known, heads)]
        _add(handle, path, lines)
    return known | {line.store: line for line in lines}


def behind(known: dict[int, Line], heads: Iterable[Head]) -> list[Head]:
    """Those of the heads that the file does not know yet."""
    return [
        head
        for head in heads
        if head.store_id not in known or known[head.store_id].head < head.number
    ]


def append(path: Path, lines: Iterable[Line]) -> None:
    """Add the lines, on disk before it returns. Raises StorageFault."""
    with _alone(path) as handle:
        _add(handle, path, lines)


@contextmanager
def _alone(path: Path) -> Iterator[int]:
    """The file, made where there is none, while no other process adds to it. Raises StorageFault,
    also for what the disk refuses in the block."""
    try:
        while True:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                if _is_still(handle, path):
                    yield handle
                    return
            finally:
                os.close(handle)
    except OSError as error:
        raise StorageFault(f"{path}: {error.strerror}", "write the heads") from error


def _is_still(handle: int, path: Path) -> bool:
    """Whether the path names the open file, and no other that took its place meanwhile."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(handle), path.stat())
    return False


def _add(handle: int, path: Path, lines: Iterable[Line]) -> None:
    _cut_unfinished(handle)
    text = _as_text(lines)
    if os.fstat(handle).st_size > _MOST_BYTES:
        _write_anew(path, _as_text(read_heads(path).values()) + text)
    else:
        _write(handle, text)


def _as_text(lines: Iterable[Line]) -> bytes:
    return b"".join([msgspec.json.encode(line) + b"\n" for line in lines])


def _write(handle: int, text: bytes) -> None:
    """All of it, on disk: a write may take a part, and say so."""
    while text:
        text = text[os.write(handle, text) :]
    os.fsync(handle)


def _cut_unfinished(handle: int) -> None:
    """Cut off a last line that a crash left half written."""
    size = os.fstat(handle).st_size
    if size and os.pread(handle, 1, size - 1) != b"\n":
        os.ftruncate(handle, os.pread(handle, size, 0).rfind(b"\n") + 1)


def _write_anew(path: Path, text: bytes) -> None:
    """The file anew, with the last line of each store and what is new."""
    beside = path.with_name(path.name + ".new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        _write(handle, text)
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
    accepted_at = written(now)
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
