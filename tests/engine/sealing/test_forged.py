"""Forged seals: whoever writes into the database has no new head signed over what was changed."""

from pathlib import Path

import msgspec
import pytest

from nuqta.engine.sealing import chain
from nuqta.engine.sealing.chain import Head, Seal
from nuqta.engine.sealing.heads import read_heads, tell
from nuqta.ledger.transfers import Transfer
from nuqta.storage.faults import CannotStart
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement
from tests.world import Shopper, World, open_world

_HEADS = statement("seals.heads")
_CHAIN = statement("seals.chain")
_TRANSFERS = statement("seals.transfers_of_shard")


def forged(tx: Transaction, shopper: Shopper) -> None:
    """Another instant stands in the shopper's lines, and every seal of the shard fits to it."""
    tx.rows_of("UPDATE transfers SET effective_at = 1 WHERE dkey = ?1", (shopper.dkey,))
    lines = [Transfer(*row) for row in tx.rows(_TRANSFERS, dkey=shopper.dkey)]
    before = chain.START
    for seal in tx.all(_CHAIN, Seal, dkey=shopper.dkey):
        digests = [chain.of_transfer(line) for line in lines]
        kept = b"".join(digest[: chain.LINE_BYTES] for digest in digests)
        made = msgspec.structs.replace(seal, lines=kept)
        before = chain.link(before, made, digests)
        tx.rows_of(
            "UPDATE seals SET lines = ?1, digest = ?2 WHERE dkey = ?3 AND number = ?4",
            (kept, before, seal.dkey, seal.number),
        )


def found_at(world: World, text: str) -> list[str]:
    return [one for one in world.proof().violations if text in one]


def test_no_head_is_signed_over_seals_that_were_changed(tmp_path: Path) -> None:
    with open_world(tmp_path, is_audited=False) as world:
        world.adjust(world.aisha, 5)
        assert world.proof().ok
        world.engine.vault.write("forge", lambda tx: forged(tx, world.aisha))
        assert found_at(world, "do not come to its head 1")
        world.adjust(world.badr, 5)
        world.adjust(world.clara, 5)
        assert world.engine.sealer.all().accounts == 1, "another store's are sealed"
        assert found_at(world, "do not come to its head 1"), "also after the next sealing"


def gone_back(tx: Transaction, shopper: Shopper) -> None:
    """The second seal and the second head are gone, as if they had never been."""
    tx.rows_of("DELETE FROM seals WHERE dkey = ?1 AND number = 2", (shopper.dkey,))
    tx.rows_of("DELETE FROM heads WHERE store_id = ?1 AND number = 2", (shopper.store_id,))
    tx.rows_of(
        "UPDATE accounts SET sealed = 1, is_sealed = 0 WHERE customer_id = ?1 AND dkey = ?2",
        (shopper.customer_id, shopper.dkey),
    )


def test_no_head_is_signed_where_the_file_knows_a_later_one(tmp_path: Path) -> None:
    with open_world(tmp_path, is_audited=False) as world:
        for _ in range(2):
            world.adjust(world.aisha, 5)
            world.engine.sealer.all()
        world.engine.vault.write("forge", lambda tx: gone_back(tx, world.aisha))
        assert world.engine.sealer.all().accounts == 0
        assert found_at(world, "do not reach head 2")


def test_books_without_their_heads_get_no_new_ones(tmp_path: Path) -> None:
    with open_world(tmp_path, is_audited=False) as world:
        world.adjust(world.aisha, 5)
        world.engine.sealer.all()
        world.engine.vault.write("forge", lambda tx: tx.rows_of("DELETE FROM heads", ()))
        world.adjust(world.aisha, 5)
        assert world.engine.sealer.all().accounts == 0
        assert found_at(world, "and it has no head")


def test_two_that_seal_never_take_the_file_back(world: World) -> None:
    """Who committed first may write last."""
    for _ in range(2):
        world.adjust(world.aisha, 5)
        world.engine.sealer.all()
    path, store_id = world.engine.sealer.file, world.riyadh.store_id
    first, second = world.engine.vault.reader().all(_HEADS, Head, store_id=store_id)
    path.unlink()
    assert tell(path, [second])[store_id].head == 2
    assert tell(path, [first])[store_id].head == 2
    assert read_heads(path)[store_id].head == 2
    assert len(path.read_bytes().splitlines()) == 1


@pytest.mark.parametrize("field", ["store", "head", "lines"])
@pytest.mark.parametrize("number", ["-1", str(2**63), "1" + "0" * 30])
def test_a_line_with_a_number_that_cannot_be(tmp_path: Path, field: str, number: str) -> None:
    line = {"store": "7", "head": "1", "lines": "1", "root": '""', "sealed_at": '""'}
    path = tmp_path / "heads"
    for fields in (line, line | {field: number}):
        text = ",".join(f'"{name}":{value}' for name, value in fields.items())
        path.write_text("{" + text + "}\n")
        if fields is line:
            assert read_heads(path)[7].head == 1  # control
    with pytest.raises(CannotStart, match="is no head"):
        read_heads(path)
