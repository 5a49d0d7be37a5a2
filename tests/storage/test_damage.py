"""Bits that flip in a number of an account or a lot: a fault that names the row, never a balance.

Control: the flipped number is in the file, and a read without the checksum would show it.
"""

from pathlib import Path

import apsw
import pytest

from nuqta.engine.reading.balances import show
from nuqta.ledger.account import Account
from nuqta.ledger.lots import Lot
from nuqta.storage.faults import Damaged
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
