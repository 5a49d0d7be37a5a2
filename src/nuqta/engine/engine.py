"""An open house: settings, vault, clock, keys and door, put together in one place."""

from pathlib import Path
from types import TracebackType
from typing import Final

from nuqta.engine.clock import Clock
from nuqta.engine.door import Door, booked_at
from nuqta.engine.tokens import Keyring, make_key_file, read_keyring
from nuqta.ledger.instants import SECOND_US
from nuqta.settings import Settings
from nuqta.storage.faults import CannotStart
from nuqta.storage.sqlite import Vault, open_vault

_SCHEMES: Final = ("sqlite:///", "sqlite://")


class Engine:
    """What every face works with. Made by `open_engine`, closed by `close` or a `with` block."""

    def __init__(self, settings: Settings, vault: Vault, clock: Clock, keyring: Keyring) -> None:
        self.settings = settings
        self.vault = vault
        self.clock = clock
        self.keyring = keyring
        self.door = Door(vault, clock, settings.batch, settings.queue)

    def close(self) -> None:
        """Commit what waits and close the database."""
        self.door.close()
        self.vault.close()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def database_path(db: str) -> Path:
    """The file that a path or an `sqlite:///` URL names. Raises CannotStart for another engine."""
    for scheme in _SCHEMES:
        if db.startswith(scheme):
            return Path(db.removeprefix(scheme))
    if "://" in db:
        raise CannotStart(f"{db.split('://', 1)[0]}:// is no engine that this nuqta has")
    return Path(db)


def make(settings: Settings) -> Path:
    """Make the database and its key where they are missing, and migrate it where it is old.

    Returns the database's path. Raises CannotStart.
    """
    path = database_path(settings.db)
    vault = _vault(settings, path)
    vault.close()
    if not settings.secret:
        make_key_file(path)
    read_keyring(settings.secret, path)
    return path


def open_engine(
    settings: Settings, clock: Clock | None = None, *, whatever_the_clock: bool = False
) -> Engine:
    """Open the database that the settings name. Raises CannotStart, also where there is none."""
    path = database_path(settings.db)
    if not path.is_file():
        raise CannotStart(f"there is no database at {path}: make one with `nuqta init`")
    clock = clock or Clock(settings.clock_jump_seconds)
    keyring = read_keyring(settings.secret, path)
    vault = _vault(settings, path)
    behind = booked_at(vault.reader()) - clock.now()
    if behind > settings.clock_jump_seconds * SECOND_US and not whatever_the_clock:
        vault.close()
        raise CannotStart(
            f"the clock is {behind // SECOND_US} seconds behind the books: set it right, or, if it"
            " is right, run `nuqta clock accept`"
        )
    return Engine(settings, vault, clock, keyring)


def _vault(settings: Settings, path: Path) -> Vault:
    return open_vault(path, lock_seconds=settings.lock_seconds)
