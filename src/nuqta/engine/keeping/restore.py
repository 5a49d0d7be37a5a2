"""Restoring: a copy becomes the books again, once it is proved whole; what it replaces is kept.

Everything is decided on the copy's own copy, beside the place where it is to stand: it is checked,
migrated and audited there. Only then is the present database moved aside, and the new one takes its
name. A kill at any moment leaves the old books, the new ones, or none under that name, with both
beside it; never a mixture.
"""

import copy as copying
import os
from pathlib import Path

import msgspec

from nuqta.engine.access.tokens import key_file
from nuqta.engine.engine import Engine, open_engine
from nuqta.engine.keeping.backup import KEYS, digest_file, digest_of, put, stamp
from nuqta.engine.reading.audit import audit
from nuqta.engine.sealing.heads import accept_heads, heads_file, read_heads, strangers
from nuqta.ledger.instants import Instant
from nuqta.settings import Settings
from nuqta.storage import copies
from nuqta.storage.copies import Facts
from nuqta.storage.faults import CannotStart, StorageFault


class Restored(msgspec.Struct, frozen=True):
    """What stands in the books' place now. `aside` is where the former books lie, None where there
    were none; `has_key` says whether there is a key file for the tokens; `given_up` are sentences
    about what was sealed and is not in these books."""

    path: Path
    facts: Facts
    aside: Path | None
    has_key: bool
    given_up: list[str]


def restore(
    source: Path,
    target: Path,
    settings: Settings,
    now: Instant,
    *,
    replace: bool = False,
    accept_older: bool = False,
) -> Restored:
    """Put the books of a copy at `target`. With `replace`, books that stand there are moved aside
    and never deleted. Keys beside the copy come along where the target has none.

    Raises CannotStart where the copy is damaged, too new or does not add up; where books stand in
    the way, or another process has them open; and where the heads outside the database know of more
    than the copy, unless it is said that older books are meant. Raises StorageFault where the disk
    fails. In all of these the present books stay as they are.
    """
    if not source.is_file():
        raise CannotStart(f"there is no copy at {source.absolute()}")
    if source.is_symlink():
        source = source.resolve()  # its log, digest and keys lie beside the file itself
    if not target.parent.is_dir() or target.is_dir():
        raise CannotStart(f"{target} cannot be a database: give the path of a file in a folder")
    if target.exists() and os.path.samefile(source, target):
        raise CannotStart(f"{source} is the database itself, and no copy of it")
    try:
        with copies.alone_in(target.parent):
            is_there = target.exists()
            if is_there and target.stat().st_size > 0 and not replace:
                raise CannotStart(f"there are books at {target}: --replace moves them aside")
            part = target.with_name(f".{target.name}.restoring")
            work = _Work(source, target, part, settings, now, is_there)
            return _proved(work, accept_older)
    except OSError as error:
        raise StorageFault(f"{target} could not be restored: {error.strerror}") from error


class _Work(msgspec.Struct, frozen=True):
    """What is restored from where to where; `part` is where it is proved, `is_there` whether a file
    had the name."""

    source: Path
    target: Path
    part: Path
    settings: Settings
    now: Instant
    is_there: bool

    def open(self, path: Path) -> Engine:
        """The books at a path, whatever their heads."""
        there = copying.copy(self.settings)
        there.db = str(path)
        there.heads_file = str(self.heads)
        return open_engine(there, past_gates=True)

    @property
    def heads(self) -> Path:
        """Where the heads of the target are kept."""
        return heads_file(self.settings.heads_file, self.target)


def _proved(work: _Work, accept_older: bool) -> Restored:
    try:
        copies.discard(work.part)
        if not work.is_there:
            return _restored(work, accept_older)
        with copies.nobody_has(work.target):
            return _restored(work, accept_older)
    finally:
        copies.discard(work.part)


def _restored(work: _Work, accept_older: bool) -> Restored:
    _copy(work.source, work.part)
    with work.open(work.part) as engine:
        given_up = strangers(engine.vault.reader(), read_heads(work.heads))
        report = audit(engine, most=1 + len(given_up), in_full=True)
    faults = [one for one in report.violations if one not in given_up]
    if faults:
        raise CannotStart(f"the books in {work.source} do not add up: {faults[0]}")
    if given_up and not accept_older:
        raise CannotStart(
            f"{given_up[0]}, which {work.heads} knows: {work.source} is older; --accept-older says"
            " that it is meant"
        )
    copies.sync(work.part)
    facts = copies.check(work.part)
    aside = _put(work)
    if given_up:
        with work.open(work.target) as engine:
            accept_heads(engine.vault.reader(), work.heads, work.now)
    return Restored(work.target, facts, aside, key_file(work.target).exists(), given_up)


def _copy(source: Path, part: Path) -> None:
    """Copy the copy, where it is whole."""
    digest = digest_file(source)
    if digest.is_file() and digest.read_bytes().split()[:1] != [digest_of(source).encode()]:
        raise CannotStart(f"{source} is damaged: its digest is not the one in {digest}")
    copies.copy(source, part, is_still=True)
    try:
        copies.check(part)
    except CannotStart as no:
        raise CannotStart(no.sentence.replace(str(part), str(source))) from no


def _put(work: _Work) -> Path | None:
    """The new books take the name; a log without its database goes aside too. Where the former
    books are now."""
    target = work.target
    aside = target.with_name(f"{target.name}.before-{stamp(work.now)}")
    was_there = target.exists()
    if was_there and not work.is_there:
        raise CannotStart(f"a database was made at {target} meanwhile")
    if was_there or copies.log_of(target).exists():
        copies.move_aside(target, aside)
    os.rename(work.part, target)
    for place in KEYS:
        if place(work.source).is_file() and not place(target).exists():
            put(place(target), place(work.source).read_bytes())
    copies.sync(target.parent)
    return aside if was_there else None
