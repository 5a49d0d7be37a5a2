"""Bits that flip in a number of an account or a lot: a fault that names the row, never a balance.

Control: the flipped number is in the file, and a read without the checksum would show it.
"""

from pathlib import Path

import apsw
import pytest
from msgspec.structs import replace

from nuqta.engine.reading.balances import show
from nuqta.engine.reading.history import history
from nuqta.ledger.account import Account
from nuqta.ledger.lots import Lot
from nuqta.storage import books
from nuqta.storage.faults import Damaged
from nuqta.storage.rows import lot_row
from tests.world import Shopper, World, open_world

ACCOUNT_NUMBERS = [*Account.__struct_fields__, "crc"]
LOT_NUMBERS = [
    *("left_over" if name == "left" else name for name in Lot.__struct_fields__
      if name not in ("order_key", "rule_id")),
    "crc",
]  # fmt: skip
BITS = (0, 6, 40)
"""64 points are left: bit 6 makes nothing of them."""


def flip(path: Path, table: str, column: str, bit: int) -> tuple[int, int]:
    """Flip one bit in the only interesting row of a table; what stood there, and what does now."""
    other = apsw.Connection(str(path))
    other.pragma("ignore_check_constraints", 1)
    other.pragma("foreign_keys", 0)
    try:
        where = "WHERE version > 0" if table == "accounts" else "WHERE left_over > 0"
        ((found,),) = other.execute(f"SELECT {column} FROM {table} {where}").fetchall()  # noqa: S608
        before = int(found or 0)
        other.execute(f"UPDATE {table} SET {column} = ? {where}", (before ^ (1 << bit),))  # noqa: S608
        return before, before ^ (1 << bit)
    finally:
        other.close()


def furnished(world: World) -> Shopper:
    """Aisha has one lot with 64 of 100 points left, which expires in 30 days; nobody has others."""
    world.earn(world.aisha, 100, expire_days=30)
    world.spend(world.aisha, 36)
    assert world.balance(world.aisha).available == 64
    return world.aisha


@pytest.mark.parametrize("bit", BITS)
@pytest.mark.parametrize("column", ACCOUNT_NUMBERS)
def test_a_flipped_bit_in_an_account(tmp_path: Path, column: str, bit: int) -> None:
    with open_world(tmp_path, is_audited=False) as world:
        aisha = furnished(world)
        before, after = flip(world.engine.vault.path, "accounts", column, bit)
        assert before != after
        if column in ("dkey", "customer_id"):  # the row stands elsewhere: nobody is told its points
            assert show(world.engine, aisha.store_id, aisha.customer_id) is None
        else:
            name = f"account {aisha.dkey}/{aisha.customer_id} "
            with pytest.raises(Damaged, match=name):
                world.balance(aisha)
            with pytest.raises(Damaged, match=name):
                world.spend(aisha, 1)
        report = world.audit()
        assert not report.ok
        assert any("checksum" in sentence for sentence in report.violations)


@pytest.mark.parametrize("bit", BITS)
@pytest.mark.parametrize("column", LOT_NUMBERS)
def test_a_flipped_bit_in_a_lot(tmp_path: Path, column: str, bit: int) -> None:
    with open_world(tmp_path, is_audited=False) as world:
        aisha = furnished(world)
        flip(world.engine.vault.path, "lots", column, bit)
        assert world.balance(aisha).available == 64  # one row, which holds
        with pytest.raises(Damaged, match=rf"(lot|account) {aisha.dkey}/{aisha.customer_id}"):
            world.spend(aisha, 1)
        world.time.forward(days=30)
        with pytest.raises(Damaged, match=rf"(lot|account) {aisha.dkey}/{aisha.customer_id}"):
            world.balance(aisha)
        assert not world.audit().ok


def strike(path: Path, statement: str) -> None:
    """Change rows as bits would: no check and no key holds it up."""
    other = apsw.Connection(str(path))
    other.pragma("ignore_check_constraints", 1)
    other.pragma("foreign_keys", 0)
    other.execute(statement)
    assert other.changes() == 1
    other.close()


def test_a_flipped_bit_in_the_order_of_a_lot(tmp_path: Path) -> None:
    """It would have the points of another order cancelled."""
    with open_world(tmp_path, is_audited=False) as world:
        aisha = furnished(world)
        strike(world.engine.vault.path, "UPDATE lots SET order_key = 'prder-1'")
        with pytest.raises(Damaged, match=f"lot {aisha.dkey}/{aisha.customer_id}/1 "):
            world.spend(aisha, 1)


def test_a_lot_that_an_older_program_wrote_is_whole(tmp_path: Path) -> None:
    """Its checksum is of its numbers alone."""
    with open_world(tmp_path) as world:
        aisha = furnished(world)
        with world.engine.vault.snapshot() as tx:
            (lot,) = books.all_lots(tx, aisha.key)
        older = lot_row(replace(lot, order_key="", rule_id=""))[-1]
        strike(world.engine.vault.path, f"UPDATE lots SET crc = {older}")  # noqa: S608
        world.spend(aisha, 1)
        assert world.balance(aisha).available == 63


def told(world: World, shopper: Shopper) -> object:
    """A customer's whole history."""
    return history(world.engine, shopper.store_id, shopper.customer_id)


@pytest.mark.parametrize(
    "change",
    [
        "points = 37", "source = 'pending'", "move = 'spenf'", "version = 66", "hold = 4",
        "effective_at = effective_at + 9223372036",
    ],
)  # fmt: skip
def test_a_flipped_bit_in_a_transfer(tmp_path: Path, change: str) -> None:
    """It has no checksum: the account's row, its lots and its holds tell of it."""
    with open_world(tmp_path, is_audited=False) as world:
        aisha = furnished(world)
        strike(world.engine.vault.path, f"UPDATE transfers SET {change} WHERE version = 2")  # noqa: S608
        with pytest.raises(Damaged, match=f"account {aisha.dkey}/{aisha.customer_id} "):
            told(world, aisha)
        assert world.balance(aisha).available == 64  # one row, which holds


@pytest.mark.parametrize(
    "change", ["points = 101", "order_key = 'other'", "lot = 9", "hold = 4", "undoes = 8"]
)
def test_a_flipped_bit_in_what_an_order_did(tmp_path: Path, change: str) -> None:
    """News of it would undo something else."""
    with open_world(tmp_path, is_audited=False) as world:
        aisha = furnished(world)
        strike(world.engine.vault.path, f"UPDATE transfers SET {change} WHERE version = 1")  # noqa: S608
        with pytest.raises(Damaged, match=f"account {aisha.dkey}/{aisha.customer_id} "):
            world.earn(aisha, 100, order="order-1")
        assert world.balance(aisha).available == 64


@pytest.mark.parametrize(("table", "column"), [("transfers", "key"), ("notes", "reason")])
def test_a_text_that_is_none(tmp_path: Path, table: str, column: str) -> None:
    with open_world(tmp_path, is_audited=False) as world:
        aisha = furnished(world)
        world.adjust(aisha, 1)
        strike(
            world.engine.vault.path,
            f"UPDATE {table} SET {column} = CAST(x'fe41' AS TEXT)"  # noqa: S608
            f" WHERE version = (SELECT max(version) FROM {table})",
        )
        with pytest.raises(Damaged):
            told(world, aisha)


def test_a_line_that_stands_where_the_next_one_should(tmp_path: Path) -> None:
    with open_world(tmp_path, is_audited=False) as world:
        aisha = furnished(world)
        strike(world.engine.vault.path, "UPDATE transfers SET version = 3 WHERE version = 2")
        with pytest.raises(Damaged, match="a line stands where there is none"):
            world.spend(aisha, 1)
        assert world.balance(aisha).available == 64


def test_a_receipt_of_a_refusal_that_is_none(tmp_path: Path) -> None:
    with open_world(tmp_path, is_audited=False) as world:
        aisha = furnished(world)
        world.spend(aisha, 1000, key="much")
        strike(
            world.engine.vault.path,
            "UPDATE receipts SET refusal = 'ERROR_NOT_ENOUGH_POMNTS' WHERE key = 'much'",
        )
        with pytest.raises(Damaged, match=f"receipt {aisha.dkey}/{aisha.customer_id} cli much "):
            world.spend(aisha, 1000, key="much")


def test_control_a_read_without_the_checksum_shows_a_wrong_balance(tmp_path: Path) -> None:
    with open_world(tmp_path, is_audited=False) as world:
        aisha = furnished(world)
        assert flip(world.engine.vault.path, "accounts", "available", 40) == (64, 2**40 + 64)
        raw = world.engine.vault.reader().rows_of(
            "SELECT available FROM accounts WHERE dkey = ?1 AND customer_id = ?2", aisha.key
        )
        assert raw == [(2**40 + 64,)]


def test_control_whole_rows_are_not_called_damaged(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        aisha = furnished(world)
        flip(world.engine.vault.path, "accounts", "pending", 3)
        flip(world.engine.vault.path, "accounts", "pending", 3)
        world.time.forward(days=30)
        assert world.balance(aisha).available == 0
