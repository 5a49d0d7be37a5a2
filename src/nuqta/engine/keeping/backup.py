"""Backups: copies of the books by name and instant in a folder, of which only so many are kept.

The name of a copy is the instant at which it was begun, so the folder alone says what there is. A
copy under its name is whole, checked and on the disk; what was not finished lies under a name with
a dot in front and is cleared away by a later run. Beside a copy lies its digest, as `sha256sum`
writes it: SQLite sees no letter that changed in a name. The keys are not in it: with the key of
the tokens a copy of the books is as good as every session in it, and with the other one anybody
signs.
"""

import os
import re
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import file_digest
from pathlib import Path
from typing import Final

import msgspec

from nuqta.engine.access.tokens import key_file
from nuqta.engine.sealing.keys import seal_key_file
from nuqta.ledger.instants import Instant
from nuqta.storage import copies
from nuqta.storage.copies import Facts
from nuqta.storage.faults import CannotStart, StorageFault

_NAME: Final = re.compile(r"nuqta-(\d{8}T\d{6}\.\d{6})Z\.db")
_STAMP: Final = "%Y%m%dT%H%M%S.%f"
_PART: Final = re.compile(r"\.nuqta-.*\.part(-wal|-shm)?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
KEYS: Final = (key_file, seal_key_file)
"""Where the keys of a database lie, if no settings give them."""
_FORGOTTEN_S: Final = 3_600
"""Seconds without a byte after which an unfinished copy is nobody's any more."""


class Kept(msgspec.Struct, frozen=True):
    """A copy in a folder: when it was begun, and its size in bytes."""

    path: Path
    taken_at: Instant
    size: int


class Made(msgspec.Struct, frozen=True):
    """A copy that was just made, what it holds, and where its keys lie, if they came along."""

    copy: Kept
    facts: Facts
    keys: list[Path]


def stamp(instant: Instant) -> str:
    """An instant as it stands in names: in UTC, and in the order of time."""
    return f"{(_EPOCH + timedelta(microseconds=instant)).strftime(_STAMP)}Z"


def kept_in(folder: Path) -> list[Kept]:
    """The copies in a folder, the newest first. Raises StorageFault where it cannot be read."""
    found = []
    try:
        for path in folder.iterdir():
            match = _NAME.fullmatch(path.name)
            if match is not None and path.is_file():
                taken_at = _instant(match[1])
                found.append(Kept(path, taken_at, path.stat().st_size))
    except OSError as error:
        raise StorageFault(f"{folder} cannot be read: {error.strerror}", "backups") from error
    return sorted(found, key=lambda one: one.taken_at, reverse=True)


def back_up(
    source: Path,
    to: Path,
    now: Instant,
    *,
    with_key: bool = False,
    may_go_on: Callable[[], bool] = lambda: True,
) -> Made:
    """Copy the books at `source`, while they are worked on, into a folder, or to a file that is not
    there yet, `….db`; `now` names it. Writers go on meanwhile.

    `with_key` puts the keys beside it: of the tokens, and the one that signs. Raises CannotStart
    where there is nothing to copy or nowhere to put it, and StorageFault, Full too, after which
    nothing new lies there.
    """
    target = to / f"nuqta-{stamp(now)}.db" if to.is_dir() else to
    if not source.is_file():
        raise CannotStart(f"there is no database at {source.absolute()}")
    if target == to and to.suffix != ".db" and not to.exists():
        # Else the first copy into a folder that was not made yet would be a file of its name.
        raise CannotStart(
            f"there is no folder {to.absolute()}: make it first, or name a file that ends in .db"
        )
    if not target.parent.is_dir():
        raise CannotStart(f"there is no folder {target.parent.absolute()} to put a copy into")
    if target.exists():
        raise CannotStart(f"{target} is there already: a copy never takes the place of a file")
    keys = [place for place in KEYS if with_key and place(source).is_file()]
    if with_key and not keys:
        raise CannotStart(f"there is no key file {key_file(source)} to copy")
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        _clear(target.parent)
        copies.copy(source, part, may_go_on)
        try:
            facts = copies.check(part, may_go_on)
            _name(part, target, {place(target): place(source).read_bytes() for place in keys})
        finally:
            copies.discard(part)
        size = target.stat().st_size
    except OSError as error:
        raise StorageFault(f"{target} could not be made: {error.strerror}", "backup") from error
    return Made(Kept(target, now, size), facts, [place(target) for place in keys])


def thin_out(folder: Path, keep: int, made: Path) -> list[Path]:
    """Remove all but the `keep` newest copies of a folder, with what lies beside them: only files
    that are named as we name them, and never the one that was just `made`. Raises StorageFault."""
    gone = [one.path for one in kept_in(folder)[keep:] if one.path != made]
    try:
        for path in gone:
            for one in (path, digest_file(path), *(place(path) for place in KEYS)):
                one.unlink(missing_ok=True)
    except OSError as error:
        raise StorageFault(f"an old copy could not be removed: {error}", "backups") from error
    return gone


def digest_file(path: Path) -> Path:
    """Where the digest of a copy lies."""
    return path.with_name(path.name + ".sha256")


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits. Raises OSError."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def put(path: Path, content: bytes) -> None:
    """Write a small new file that only its owner reads, and sync it. Raises OSError, also where
    there is one, and StorageFault."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    copies.sync(path)


def _name(part: Path, target: Path, keys: dict[Path, bytes]) -> None:
    """What is proved whole gets its name, after what lies beside it."""
    beside = {digest_file(target): f"{digest_of(part)}  {target.name}\n".encode(), **keys}
    made: list[Path] = []
    digest_file(target).unlink(missing_ok=True)  # of a run that was killed before there was a copy
    try:
        for path, content in beside.items():
            put(path, content)
            made.append(path)
        os.rename(part, target)
        copies.sync(target.parent)
    except BaseException:
        for path in made:
            path.unlink(missing_ok=True)
        raise


def _clear(folder: Path) -> None:
    """Remove what runs that were killed left unfinished."""
    for path in folder.iterdir():
        if _PART.fullmatch(path.name) and path.stat().st_mtime < time.time() - _FORGOTTEN_S:
            path.unlink(missing_ok=True)


def _instant(text: str) -> Instant:
    """The instant in a name. A name that only looks like one is as old as can be."""
    try:
        taken = datetime.strptime(text, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return 0
    return (taken - _EPOCH) // timedelta(microseconds=1)
