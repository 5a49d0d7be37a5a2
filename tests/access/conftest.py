"""Houses in which callers have addresses of their own, and in which work is measured."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import apsw
import pytest

from nuqta.engine.access.tokens import Keyring, key_file
from tests.attack.running import serving as serving_processes
from tests.http.server import House, Log, logging_all, open_house, serving
from tests.world import World, open_world

FORWARDED: Final = "X-Forwarded-For"
"""The header by which a test says from which address it calls."""


class CountingKeyring(Keyring):
    """The keys of a database; it counts what is digested."""

    digested = 0

    def digest(self, token: str) -> bytes:
        self.digested += 1
        return super().digest(token)

    def digest_of(self, *parts: object) -> bytes:
        self.digested += 1
        return super().digest_of(*parts)


class Meter:
    """What a server does for its callers: the statements that it runs, in order, and how often it
    digests something."""

    def __init__(self, keyring: CountingKeyring) -> None:
        self._keyring = keyring
        self._statements: list[str] = []

    def watch(self, connection: apsw.Connection) -> None:
        """Every statement of the connection is noted from now on."""
        connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, self._note)

    def _note(self, event: dict[str, Any]) -> None:
        self._statements.append(str(event["sql"]))

    def done(self) -> tuple[list[str], int]:
        """What was done since it was last asked for."""
        found = self._statements, self._keyring.digested
        self._statements, self._keyring.digested = [], 0
        return found


@contextmanager
def measured(folder: Path) -> Iterator[tuple[House, Meter]]:
    """A house whose work is measured."""
    with (
        logging_all() as log,
        open_world(folder, None, is_audited=False, rate_limit=0, failed_tries=0,
                   code_pause_seconds=0, codes_per_hour=1_000, sign_in_tries=1_000,
                   sign_in_tries_address=1_000) as world,
    ):  # fmt: skip
        file = key_file(world.engine.vault.path)
        keyring = CountingKeyring(file.read_text().split(), str(file), file)
        world.engine.keyring = keyring
        meter = Meter(keyring)
        meter.watch(world.engine.vault._writer)
        apsw.connection_hooks.append(meter.watch)
        try:
            with serving(world.engine) as port:
                yield House(world, port, log), meter
        finally:
            apsw.connection_hooks.remove(meter.watch)
        assert log.faults == []


@contextmanager
def working(world: World, workers: int) -> Iterator[House]:
    """A server with several workers, once one answers: its port is open before they are there."""
    with serving_processes(world, workers) as (port, _):
        house = House(world, port, Log())
        for _ in range(8):  # a busy machine takes its time to start them
            with suppress(TimeoutError):
                house.ask("GET", "/nothing")
                break
        yield house


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house in which an address may fail three times a minute, and a network five times."""
    with open_house(
        tmp_path_factory.mktemp("strict"), proxy_header=FORWARDED, failed_tries=3,
        failed_tries_prefix=5, code_pause_seconds=0, codes_per_hour=1_000,
    ) as one:  # fmt: skip
        yield one
