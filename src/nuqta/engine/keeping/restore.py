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
from nuqta.engine.engine import open_engine
from nuqta.engine.keeping.backup import digest_file, digest_of, put, stamp
from nuqta.engine.reading.audit import audit
from nuqta.ledger.instants import Instant
from nuqta.settings import Settings
from nuqta.storage import copies
from nuqta.storage.copies import Facts
from nuqta.storage.faults import CannotStart, StorageFault


class Restored(msgspec.Struct, frozen=True):
    """What stands in the books' place now. `aside` is where the former books lie, None where there
    were none; `has_key` says whether there is a key file for the tokens."""

    path: Path
    facts: Facts
    aside: Path | None
    has_key: bool


def restore(
    source: Path, target: Path, settings: Settings, now: Instant, *, replace: bool = False
) -> Restored:
    """Put the books of a copy at `target`. With `replace`, books that stand there are moved aside
    and never deleted. A key beside the copy comes along where the target has none.

    Raises CannotStart where the copy is damaged, too new or does not add up, where books stand in
    the way, or where another process has them open; StorageFault where the disk fails. In all of
    these the present books stay as they are.
    """
    if not source.is_file():
        raise CannotStart(f"there is no copy at {source.absolute()}")
    if not target.parent.is_dir() or target.is_dir():
        raise CannotStart(f"{target} cannot be a database: give the path of a file in a folder")
    if target.exists() and os.path.samefile(source, target):
        raise CannotStart(f"{source} is the database itself, and no copy of it")
    is_there = target.exists() and target.stat().st_size > 0
    if is_there and not replace:
        raise CannotStart(f"there are books at {target}: --replace moves them aside")
    part = target.with_name(f".{target.name}.restoring")
    try:
        copies.discard(part)
        if not target.exists():
            facts = _prove(source, part, settings)
            return _put(source, part, target, facts, now)
        with copies.nobody_has(target):
            facts = _prove(source, part, settings)
            return _put(source, part, target, facts, now)
    except OSError as error:
        raise StorageFault(f"{target} could not be restored: {error.strerror}") from error
    finally:
        copies.discard(part)


def _prove(source: Path, part: Path, settings: Settings) -> Facts:
    """Copy the copy, bring it up to date, and audit all of it."""
    digest = digest_file(source)
    if digest.is_file() and digest.read_text().split()[:1] != [digest_of(source)]:
        raise CannotStart(f"{source} is damaged: its digest is not the one in {digest}")
    copies.copy(source, part, is_still=True)
    try:
        copies.check(part)
    except CannotStart as no:
        raise CannotStart(no.sentence.replace(str(part), str(source))) from no
    there = copying.copy(settings)
    there.db = str(part)
    with open_engine(there, whatever_the_clock=True) as engine:
        report = audit(engine, most=1)
    if not report.ok:
        raise CannotStart(f"the books in {source} do not add up: {report.violations[0]}")
    copies.sync(part)
    return copies.check(part)


def _put(source: Path, part: Path, target: Path, facts: Facts, now: Instant) -> Restored:
    """The new books take the name; a log without its database goes aside too."""
    aside = target.with_name(f"{target.name}.before-{stamp(now)}")
    was_there = target.exists()
    if was_there or copies.log_of(target).exists():
        copies.move_aside(target, aside)
    os.rename(part, target)
    if not key_file(target).exists() and key_file(source).is_file():
        put(key_file(target), key_file(source).read_bytes())
    copies.sync(target.parent)
    return Restored(target, facts, aside if was_there else None, key_file(target).exists())
