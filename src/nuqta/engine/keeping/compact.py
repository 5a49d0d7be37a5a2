"""Writing the file anew after an erasure: SQLite leaves what was deleted in the file's free space.

Measured on 20,000 customers whose rows were written as shops tell of them: of 1,000 who were
erased, 998 could still be read in the file, and 125 with `secure_delete`, which does not reach what
a page left behind when it was split. A file that is written anew holds none.
"""

from typing import Final

from nuqta.engine.engine import Engine
from nuqta.engine.keeping.erase import ERASURES
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_GET = statement("meta.get")
_RAISE = statement("meta.raise")
_COMPACTED: Final = "compacted"
_MEBIBYTE: Final = 2**20


def is_due(engine: Engine) -> bool:
    """Whether somebody was erased since the file was last written anew. Raises StorageFault."""
    reader = engine.vault.reader()
    return _number(reader, ERASURES) > _number(reader, _COMPACTED)


def is_quick(engine: Engine) -> bool:
    """Whether the file is so small that nobody notices: at most NUQTA_CHECK_MEBIBYTES."""
    return engine.vault.path.stat().st_size <= engine.settings.check_mebibytes * _MEBIBYTE


def compact(engine: Engine) -> bool:
    """Write the file anew, and empty the log: whether nothing of what was deleted is left. Writers
    wait meanwhile. Raises StorageFault."""
    erasures = _number(engine.vault.reader(), ERASURES)
    if not engine.vault.compact():
        return False
    engine.door.write_now(
        "compact",
        lambda tx: tx.run(_RAISE, name=_COMPACTED, value=erasures),
        whatever_the_clock=True,
    )
    return True


def _number(tx: Transaction, name: str) -> int:
    row = tx.row(_GET, name=name)
    return int(row[0]) if row else 0
