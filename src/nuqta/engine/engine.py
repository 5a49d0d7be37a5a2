"""An open house: settings, vault, clock, keys and door, put together in one place."""

import asyncio
import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from nuqta.engine.access.tokens import Keyring, key_file, make_key_file, read_keyring
from nuqta.engine.clock import Clock
from nuqta.engine.door import Closed, Door, booked_at
from nuqta.engine.sealing.heads import check_heads, has_heads, heads_file
from nuqta.ledger.instants import SECOND_US
from nuqta.seen.door import DoorMeters
from nuqta.settings import Settings
from nuqta.storage.faults import CannotStart
from nuqta.storage.sqlite import Vault, open_vault
from nuqta.storage.statements import statement

if TYPE_CHECKING:
    from nuqta.engine.access.passwords import Passwords
    from nuqta.engine.sealing.seals import Sealer

P = ParamSpec("P")
T = TypeVar("T")
_LONG_READS: Final = 2
"""Long reads at a time: each takes the interpreter from the loop for 5 ms at every turn. Beside
eight callers of a history of 20,000 lines a balance took 7 ms with six of them, 0.4 with two, and
as many histories were told."""
_HAS_TOKENS = statement("meta.has_tokens")
_SCHEMES: Final = ("sqlite:///", "sqlite://")


class Engine:
    """What every face works with. Made by `open_engine`, closed by `close` or a `with` block."""

    def __init__(
        self, settings: Settings, vault: Vault, clock: Clock, meters: DoorMeters | None = None
    ) -> None:
        self.settings = settings
        self.vault = vault
        self.clock = clock
        self._is_closed = False
        self.door = Door(vault, clock, settings.batch, settings.queue, meters)

    @cached_property
    def keyring(self) -> Keyring:
        """The digest keys, read where they are first needed: a copy of the books alone can be
        looked at and audited. Raises CannotStart where there is none.
        """
        return read_keyring(self.settings.secret, self.vault.path)

    @cached_property
    def passwords(self) -> "Passwords":
        """Where passwords are checked; its threads begin where somebody signs in."""
        from nuqta.engine.access.passwords import Passwords

        return Passwords(self.settings.password_checks, self.settings.password_checks_waiting)

    @cached_property
    def sealer(self) -> "Sealer":
        """Who seals these books. Raises CannotStart where the key that signs is gone."""
        from nuqta.engine.sealing.seals import Sealer

        return Sealer(self)

    def check_seal_key(self) -> None:
        """Whether there is a key to seal under, before anything is served. Raises CannotStart where
        it is gone."""
        _check_seal_key(self.settings, self.vault.path, self.vault)

    @cached_property
    def _readers(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(_LONG_READS, "nuqta-reader")

    async def beside(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """What `work` comes to, on a thread beside the loop: for reads that take their time, so
        that nobody else waits for them. Raises Closed where the process is about to stop."""
        if self._is_closed:
            raise Closed("the server is stopping")
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._readers, partial(work, *arguments, **named))
        except asyncio.CancelledError:
            if self._is_closed:  # it had not begun
                raise Closed("the server is stopping") from None
            raise

    def close(self) -> None:
        """Commit what waits and close the database."""
        self._is_closed = True
        if "_readers" in self.__dict__:
            self._readers.shutdown(cancel_futures=True)
        if "passwords" in self.__dict__:
            self.passwords.close()
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


def make(settings: Settings, *, new_key: bool = False) -> Path:
    """Make the database and its key where they are missing, and migrate it where it is old.

    A key that is missing while there are tokens under it, or heads signed by it, was lost. Making
    another would end all tokens in silence, or let anybody sign: that is done only for `new_key`.
    Returns the database's path. Raises CannotStart.
    """
    from nuqta.engine.sealing.keys import make_seal_key, read_signer

    path = database_path(settings.db)
    _make_file(path)
    vault = _vault(settings, path)
    try:
        is_lost = not settings.secret and not key_file(path).exists() and _has_tokens(vault)
        if not new_key:
            _check_seal_key(settings, path, vault)
    finally:
        vault.close()
    if is_lost and not new_key:
        raise CannotStart(
            f"there are tokens under a key that is gone: put {key_file(path)} back, or set"
            " NUQTA_SECRET; `nuqta init --new-key` makes all of them invalid"
        )
    if not settings.secret:
        make_key_file(path)
    if not settings.seal_key:
        make_seal_key(path)
    read_keyring(settings.secret, path)
    read_signer(settings.seal_key, path)
    _sync_folder(path.parent)
    return path


def _sync_folder(folder: Path) -> None:
    """A synced file has a name after a power cut only once its folder is synced as well, which
    SQLite does for its log, but not for the database."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that knows no such thing
            raise CannotStart(f"{folder} cannot be synced: {error.strerror}") from error
    finally:
        os.close(handle)


def _check_seal_key(settings: Settings, path: Path, vault: Vault) -> None:
    from nuqta.engine.sealing.keys import seal_key_file

    if settings.seal_key or seal_key_file(path).exists() or not has_heads(vault.reader()):
        return
    raise CannotStart(
        f"the books are sealed under a key that is gone: put {seal_key_file(path)} back, or set"
        " NUQTA_SEAL_KEY; `nuqta init --new-key` seals under a new one from now on"
    )


def _make_file(path: Path) -> None:
    """An empty file that only its owner reads: what lies beside it takes over its mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise CannotStart(f"{path} cannot be made: {error.strerror}") from error


def _has_tokens(vault: Vault) -> bool:
    return bool(vault.reader().rows(_HAS_TOKENS)[0][0])


def open_engine(
    settings: Settings,
    clock: Clock | None = None,
    *,
    past_gates: bool = False,
    meters: DoorMeters | None = None,
) -> Engine:
    """Open the database that the settings name. What its door does is counted in `meters`, or for
    itself. Raises CannotStart, also where there is none.

    `past_gates` opens books whose clock or whose heads are wrong: to look at them, or to accept it.
    """
    path = database_path(settings.db)
    if path.is_dir():
        raise CannotStart(f"{path.absolute()} is a folder, not a database")
    if not path.is_file():
        raise CannotStart(
            f"there is no database at {path.absolute()}: say where it is with --db or NUQTA_DB, or"
            " make one with `nuqta init`"
        )
    clock = clock or Clock(settings.clock_jump_seconds)
    vault = _vault(settings, path)
    if not past_gates:
        try:
            _check_clock(vault, clock, settings)
            check_heads(vault.reader(), heads_file(settings.heads_file, path))
        except CannotStart:
            vault.close()
            raise
    return Engine(settings, vault, clock, meters)


def _check_clock(vault: Vault, clock: Clock, settings: Settings) -> None:
    behind = booked_at(vault.reader()) - clock.now()
    if behind > settings.clock_jump_seconds * SECOND_US:
        raise CannotStart(
            f"the clock is {behind // SECOND_US} seconds behind the books: set it right, or, if it"
            " is right, run `nuqta clock accept`"
        )


def _vault(settings: Settings, path: Path) -> Vault:
    return open_vault(path, lock_seconds=settings.lock_seconds)
