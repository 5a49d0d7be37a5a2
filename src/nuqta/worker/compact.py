"""After an erasure: a file that is small is written anew at once, a large one at a quiet hour."""

import logging

from nuqta.engine.engine import Engine
from nuqta.engine.keeping.compact import compact, is_due, is_quick

_log = logging.getLogger("nuqta.worker")


def compact_when_due(engine: Engine) -> bool:
    """Write the file anew where somebody was erased since: whether it was done. Raises
    StorageFault.

    A file larger than NUQTA_CHECK_MEBIBYTES would stop writers for too long; a person does it with
    `nuqta compact`.
    """
    if not is_due(engine):
        return False
    if not is_quick(engine):
        _log.warning("somebody was erased: run `nuqta compact` at a quiet hour")
        return False
    return compact(engine)
