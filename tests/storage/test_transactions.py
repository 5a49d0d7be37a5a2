"""Transactions: whole or not at all, one writer at a time, a bounded wait, readers untouched."""

import os
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from nuqta.storage.faults import Busy, CannotStart
from nuqta.storage.sqlite import Transaction, Vault
from nuqta.storage.statements import statement
from tests.storage.conftest import Open

PUT = statement("meta.put")
GET = statement("meta.get")


def put(tx: Transaction, value: int) -> int:
    return tx.run(PUT, name="test", value=value)


def kept(vault: Vault) -> int | None:
    row = vault.reader().row(GET, name="test")
    return None if row is None else int(row[0])


class Trouble(Exception):
    """What a piece of work may raise."""


@pytest.fixture
def other(vault: Vault) -> Iterator[apsw.Connection]:
    """Another process, as far as SQLite can tell."""
    connection = apsw.Connection(str(vault.path))
    yield connection
    connection.close()


def test_what_was_written_is_there(vault: Vault) -> None:
    assert vault.write("put", lambda tx: put(tx, 1)) == 1
    assert kept(vault) == 1


@pytest.mark.parametrize("trouble", [Trouble, KeyboardInterrupt])
def test_work_that_raises_is_rolled_back(vault: Vault, trouble: type[BaseException]) -> None:
    def work(tx: Transaction) -> None:
        put(tx, 2)
        raise trouble

    vault.write("put", lambda tx: put(tx, 1))
    with pytest.raises(trouble):
        vault.write("trouble", work)
    assert kept(vault) == 1
    vault.write("put", lambda tx: put(tx, 3))
    assert kept(vault) == 3


def test_control_without_a_transaction_half_of_it_stays(
    vault: Vault, other: apsw.Connection
) -> None:
    def work(tx: Transaction) -> None:
        put(tx, 2)
        raise Trouble

    with pytest.raises(Trouble):
        work(Transaction(other))
    assert kept(vault) == 2


def test_a_statement_that_fails_rolls_the_rest_back(vault: Vault) -> None:
    def work(tx: Transaction) -> None:
        put(tx, 2)
        tx.rows_of("INSERT INTO stores (store_id) VALUES (1)", ())

    with pytest.raises(apsw.ConstraintError):
        vault.write("trouble", work)
    assert kept(vault) is None


def test_busy_while_another_process_writes(vault: Vault, other: apsw.Connection) -> None:
    other.execute("BEGIN IMMEDIATE")
    ran = []
    with pytest.raises(Busy, match="late"):
        vault.write("late", lambda tx: ran.append(put(tx, 1)))
    assert ran == []
    other.execute("COMMIT")
    vault.write("put", lambda tx: put(tx, 2))
    assert kept(vault) == 2


def test_a_reader_cannot_write(vault: Vault) -> None:
    with pytest.raises(apsw.ReadOnlyError):
        put(vault.reader(), 1)


def test_reads_go_on_while_a_write_is_open(vault: Vault) -> None:
    vault.write("put", lambda tx: put(tx, 1))

    def work(tx: Transaction) -> int | None:
        put(tx, 2)
        return kept(vault)  # by the reader, in the middle of the write

    assert vault.write("put", work) == 1
    assert kept(vault) == 2


def test_a_snapshot_does_not_see_what_comes_after_it(vault: Vault) -> None:
    vault.write("put", lambda tx: put(tx, 1))
    with vault.snapshot() as tx:
        assert tx.row(GET, name="test") == (1,)
        vault.write("put", lambda tx: put(tx, 2))
        assert tx.row(GET, name="test") == (1,)
    assert kept(vault) == 2


def test_two_vaults_on_one_file_see_each_other(
    open_engine_vault: Open, vault: Vault, tmp_path: Path
) -> None:
    second = open_engine_vault(tmp_path)
    second.write("put", lambda tx: put(tx, 7))
    assert kept(vault) == 7
    second.close()


def test_what_the_file_promises(vault: Vault) -> None:
    """Durability is on, and text cannot stand where a number belongs."""
    vault.write("look", _promises)
    with pytest.raises(apsw.ConstraintError):
        vault.write("text", lambda tx: tx.run(PUT, name="test", value="much"))


def _promises(tx: Transaction) -> None:
    for pragma, value in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
        assert tx.rows_of(f"PRAGMA {pragma}", ()) == [(value,)]


def test_a_file_that_may_not_be_written_is_not_opened(
    open_engine_vault: Open, tmp_path: Path
) -> None:
    open_engine_vault(tmp_path).close()
    (file,) = tmp_path.glob("*.db")
    file.chmod(0o400)
    if os.geteuid() == 0:  # root may write every file
        return
    with pytest.raises(CannotStart, match="cannot be written"):
        open_engine_vault(tmp_path)
