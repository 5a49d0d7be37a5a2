"""Copies on a schedule: whoever works on the books copies them, and keeps so many copies."""

import logging
from collections.abc import Callable
from pathlib import Path

from nuqta.engine.engine import Engine
from nuqta.engine.keeping.backup import Made, back_up, kept_in, thin_out
from nuqta.ledger.instants import SECOND_US

_log = logging.getLogger("nuqta.worker")


def back_up_when_due(engine: Engine, may_go_on: Callable[[], bool] = lambda: True) -> Made | None:
    """Copy the books into NUQTA_BACKUP_FOLDER where the last copy there is NUQTA_BACKUP_HOURS old,
    and remove the oldest beyond NUQTA_BACKUP_KEEP; None where none was due. Raises StorageFault.

    The folder alone tells when the last one was made, whoever made it. A copy from the future, made
    by a clock that was wrong, counts as none.
    """
    settings, now = engine.settings, engine.clock.now()
    if not settings.backup_folder:
        return None
    folder = Path(settings.backup_folder)
    taken = [one.taken_at for one in kept_in(folder) if one.taken_at <= now]
    if taken and max(taken) > now - settings.backup_hours * 3_600 * SECOND_US:
        return None
    made = back_up(engine.vault.path, folder, now, may_go_on=may_go_on)
    thin_out(folder, settings.backup_keep, made.copy.path)
    _log.info("copied the books to %s", made.copy.path)
    return made
