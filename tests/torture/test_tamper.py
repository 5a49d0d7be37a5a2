"""Entries changed, removed or swapped by hand in the database: `audit --full` names each.

The hand is a clever one: it mends checksums and the rows of accounts where it can, so that the
audit of what always holds may be content. It comes after the sealer, and has no key that signs.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final, TypeAlias

import apsw
import msgspec

from nuqta.engine.engine import open_engine
from nuqta.engine.reading.audit import audit
from nuqta.engine.sealing import chain
from nuqta.engine.sealing.chain import Head, Seal
from nuqta.engine.sealing.keys import Signer
from nuqta.ledger.commands import Release, Reserve
from nuqta.ledger.holds import Hold
from nuqta.ledger.instants import DAY_US
from nuqta.ledger.lots import Lot
from nuqta.ledger.transfers import Transfer
from nuqta.storage.rows import hold_row, lot_row
from tests.torture.campaign import Campaign
from tests.world import World, open_world, settings_in

FAULT = "tamper"
Hand: TypeAlias = Callable[[apsw.Connection, Random], str]
"""Changes the database, and says which words the audit must use."""

DATED_OF_LOT: Final = (
    "granted_at", "matures_at", "expires_at", "order_key", "rule_id", "rule_revision", "revives",
)  # fmt: skip
SEALED_OF_HOLD: Final = (
    "cart", "method_id", "discount", "currency", "reserved_at", "lapses_at", "order_key",
)  # fmt: skip
_OF_LINE: Final = "dkey, customer_id, version"
_EVERY_LOT: Final = (
    "SELECT dkey, customer_id, lot, granted, left_over, held, is_pending, granted_at, matures_at,"
    " expires_at, order_key, rule_id, rule_revision, expired, revives, is_told FROM lots"
)
_EVERY_HOLD: Final = (
    "SELECT dkey, customer_id, hold, cart, method_id, points, discount, currency, reserved_at,"
    " lapses_at, taken, ending, captured, released, order_key FROM holds"
)
_OTHER_KEY: Final = Signer("cd" * 32, "the hand")


def lived(world: World, luck: Random) -> None:
    """A history of both stores, sealed here and there, and all of it in the end."""
    for step in range(40):
        shopper = luck.choice(world.shoppers)
        base: dict[str, Any] = {
            "dkey": shopper.dkey,
            "customer_id": shopper.customer_id,
            "origin": "cli",
        }
        match luck.randrange(5):
            case 0 | 1:
                world.earn(shopper, luck.randrange(1, 99), expire_days=luck.choice([None, 3, 90]))
            case 2:
                world.adjust(shopper, luck.randrange(1, 50))
            case 3:
                world.post(
                    Reserve(
                        **base, key=f"hold-{step}", points=luck.randrange(1, 20), cart=f"c{step}",
                        method_id="m", discount=100, currency="SAR", holds_max=20,
                        life_us=DAY_US,
                    )
                )  # fmt: skip
            case _:
                world.post(Release(**base, key=f"free-{step}", cart=f"c{step - 3}"))
        world.time.forward(hours=luck.randrange(12))
        if luck.random() < 0.2:
            world.engine.sealer.all()
    for shopper in world.shoppers:
        world.adjust(shopper, 3)
        world.adjust(shopper, 4)
    report = world.proof()
    assert report.ok, report.violations
    assert not report.unsealed


# -- hands ---------------------------------------------------------------------------------------


def one(
    db: apsw.Connection, luck: Random, columns: str, table: str, where: str = "1"
) -> tuple[Any, ...]:
    """A row of a table, by luck."""
    found = rows(db, f"SELECT {columns} FROM {table} WHERE {where}")  # noqa: S608
    return tuple(luck.choice(found))


def rows(db: apsw.Connection, text: str, values: tuple[object, ...] = ()) -> list[Any]:
    """What a statement finds."""
    return list(db.execute(text, values).fetchall())


def other(value: object) -> object:
    """Something else of the same kind."""
    if isinstance(value, int):
        return value - 1 if value else 1
    return value[:-1] + b"\x00\x01" if isinstance(value, bytes) else f"{value}x"


def changed(table: str, column: str, *, keys: str, name: str, where: str = "1") -> Hand:
    """One cell of one row says something else."""

    def hand(db: apsw.Connection, luck: Random) -> str:
        *key, value = one(db, luck, f"{keys}, {column}", table, where)
        wanted = " AND ".join(f"{part} = ?" for part in keys.split(", "))
        db.execute(
            f"UPDATE {table} SET {column} = ? WHERE {wanted}",  # noqa: S608
            (other(value), *key),
        )
        mend(db)
        return name.format(*key)

    return hand


def removed(table: str, *, keys: str, name: str, where: str = "1") -> Hand:
    """One row is gone."""

    def hand(db: apsw.Connection, luck: Random) -> str:
        key = one(db, luck, keys, table, where)
        wanted = " AND ".join(f"{part} = ?" for part in keys.split(", "))
        db.execute(f"DELETE FROM {table} WHERE {wanted}", key)  # noqa: S608
        return name.format(*key)

    return hand


def mend(db: apsw.Connection) -> None:
    """Give every lot and hold the checksum of what now stands in it."""
    for row in rows(db, _EVERY_LOT):
        fields = lot_row(Lot(*row))
        db.execute(
            "UPDATE lots SET crc = ? WHERE dkey = ? AND customer_id = ? AND lot = ?",
            (fields[-1], *fields[:3]),
        )
    for row in rows(db, _EVERY_HOLD):
        taken = msgspec.json.decode(row[10], type=tuple[tuple[int, int], ...])
        fields = hold_row(Hold(*(*row[:10], taken, *row[11:])))
        db.execute(
            "UPDATE holds SET crc = ? WHERE dkey = ? AND customer_id = ? AND hold = ?",
            (fields[-1], *fields[:3]),
        )


def swapped(db: apsw.Connection, luck: Random) -> str:
    """Two lines of an account change their places."""
    dkey, customer_id, version = one(db, luck, _OF_LINE, "transfers", "version > 1")
    of = (dkey, customer_id)
    for old, new in ((version, -1), (version - 1, version), (-1, version - 1)):
        db.execute(
            "UPDATE transfers SET version = ? WHERE version = ? AND dkey = ? AND customer_id = ?",
            (new, old, *of),
        )
    return f"version {version - 1} of account {dkey}/{customer_id} is not the line"


def strangers_swapped(db: apsw.Connection, luck: Random) -> str:
    """Two customers of a shard change their histories; here, of two shards of a store."""
    ((first, a), (second, b)) = rows(
        db, "SELECT dkey, customer_id FROM accounts ORDER BY dkey, customer_id LIMIT 2"
    )
    for table in ("transfers", "lots", "holds", "receipts", "accounts"):
        for old, new in (((first, a), (1, 1)), ((second, b), (first, a)), ((1, 1), (second, b))):
            db.execute(
                f"UPDATE {table} SET dkey = ?, customer_id = ? WHERE dkey = ? AND customer_id = ?",  # noqa: S608
                (*new, *old),
            )
    mend(db)
    return f"of account {first}/{a} is"


def appended(db: apsw.Connection, luck: Random) -> str:
    """A line more, as if it had been sealed."""
    dkey, customer_id, version = one(db, luck, _OF_LINE, "transfers")
    ((last,),) = rows(
        db, "SELECT max(version) FROM transfers WHERE dkey = ? AND customer_id = ?",
        (dkey, customer_id),
    )  # fmt: skip
    row = rows(
        db,
        "SELECT * FROM transfers WHERE dkey = ? AND customer_id = ? AND version = ?",
        (dkey, customer_id, version),
    )[0]
    marks = ", ".join("?" * len(row))
    db.execute(f"INSERT INTO transfers VALUES ({marks})", (*row[:2], last + 1, *row[3:]))  # noqa: S608
    db.execute(
        "UPDATE accounts SET version = ? WHERE dkey = ? AND customer_id = ?",
        (last + 1, dkey, customer_id),
    )
    return f"account ({dkey}, {customer_id})"


def customer_removed(db: apsw.Connection, luck: Random) -> str:
    """Everything of a customer's account is gone."""
    dkey, customer_id = one(db, luck, "dkey, customer_id", "accounts")
    for table in ("transfers", "lots", "holds", "receipts", "notes", "events", "accounts"):
        db.execute(
            f"DELETE FROM {table} WHERE dkey = ? AND customer_id = ?",  # noqa: S608
            (dkey, customer_id),
        )
    return f"version 1 of account {dkey}/{customer_id} is gone"


def forgotten(db: apsw.Connection, luck: Random) -> str:
    """The last seals and the last head of a store, as if they had never been."""
    (dkey,) = one(db, luck, "dkey", "seals")
    db.execute(
        "DELETE FROM seals WHERE dkey = ?1 AND number = (SELECT max(number) FROM seals"
        " WHERE dkey = ?1)",
        (dkey,),
    )
    db.execute(
        "DELETE FROM heads WHERE store_id = ?1 AND number = (SELECT max(number) FROM heads"
        " WHERE store_id = ?1)",
        (dkey // 64,),
    )
    return f"the books of store {dkey // 64} do not reach head"


def resealed(db: apsw.Connection, luck: Random) -> str:
    """A line says something else, and every seal of its shard is made anew to agree with it."""
    dkey, customer_id, version = one(db, luck, _OF_LINE, "transfers")
    db.execute(
        "UPDATE transfers SET points = points + 1 WHERE dkey = ? AND customer_id = ?"
        " AND version = ?",
        (dkey, customer_id, version),
    )
    before = chain.START
    found = rows(db, "SELECT * FROM seals WHERE dkey = ? ORDER BY number", (dkey,))
    for seal in (Seal(*row) for row in found):
        lines = rows(
            db,
            "SELECT * FROM transfers WHERE dkey = ? AND customer_id = ?"
            " AND version BETWEEN ? AND ? ORDER BY version",
            (dkey, seal.customer_id, seal.version_from, seal.version_until),
        )
        digests = [chain.of_transfer(Transfer(*line)) for line in lines]
        before = chain.link(before, seal, digests)
        db.execute(
            "UPDATE seals SET lines = ?, digest = ? WHERE dkey = ? AND number = ?",
            (b"".join([one[: chain.LINE_BYTES] for one in digests]), before, dkey, seal.number),
        )
    return f"the shards of store {dkey // 64} do not come to its head"


def signed_by_another(db: apsw.Connection, luck: Random) -> str:
    """As before, and every head of the store signed anew under a key of the hand's."""
    said = resealed(db, luck)
    store_id = int(said.split()[4])
    ends = rows(
        db,
        "SELECT dkey, number, digest FROM seals s WHERE dkey / 64 = ? AND number ="
        " (SELECT max(number) FROM seals WHERE dkey = s.dkey) ORDER BY dkey",
        (store_id,),
    )
    before = chain.START
    of_store = rows(db, "SELECT * FROM heads WHERE store_id = ? ORDER BY number", (store_id,))
    found = [Head(*row) for row in of_store]
    for head in found:
        root = chain.root(ends) if head is found[-1] else head.root
        forged = msgspec.structs.replace(head, root=root, public_key=_OTHER_KEY.public_key)
        signature = _OTHER_KEY.sign(chain.signed_part(forged, before))
        before = root
        db.execute(
            "UPDATE heads SET root = ?, public_key = ?, signature = ? WHERE store_id = ?"
            " AND number = ?",
            (root, _OTHER_KEY.public_key, signature, store_id, head.number),
        )
    return f"head 1 of store {store_id} is signed by another key"


_LINE: Final = {"keys": _OF_LINE, "name": "version {2} of account {0}/{1} "}
_LOT: Final = {"keys": "dkey, customer_id, lot", "name": "lot {2} of account {0}/{1} "}
_HOLD: Final = {"keys": "dkey, customer_id, hold", "name": "hold {2} of account {0}/{1} "}
_SEAL: Final = {"keys": "dkey, number", "name": "of shard {0}"}
_HEAD: Final = {"keys": "store_id, number", "name": "of store {0}"}

HANDS: Final[dict[str, Hand]] = {
    **{
        f"a line's {column}": changed("transfers", column, **_LINE)
        for column in Transfer.__struct_fields__[3:]
    },
    "a line removed": removed("transfers", **_LINE),
    "two lines swapped": swapped,
    "two histories swapped": strangers_swapped,
    "a line added": appended,
    "a customer removed": customer_removed,
    **{f"a lot's {column}": changed("lots", column, **_LOT) for column in DATED_OF_LOT},
    "a lot removed": removed("lots", **_LOT),
    **{f"a hold's {column}": changed("holds", column, **_HOLD) for column in SEALED_OF_HOLD},
    "a hold removed": removed("holds", **_HOLD),
    "a receipt removed": removed(
        "receipts", keys="dkey, customer_id, key", name="({0}, {1})",
        where="origin <> 'system' AND EXISTS (SELECT 1 FROM transfers t WHERE t.dkey ="
        " receipts.dkey AND t.customer_id = receipts.customer_id AND t.key = receipts.key)",
    ),
    **{
        f"a seal's {column}": changed("seals", column, **_SEAL)
        for column in Seal.__struct_fields__[2:]
    },
    "a seal removed": removed(
        "seals", where="number < (SELECT max(number) FROM seals n WHERE n.dkey = seals.dkey)",
        **_SEAL,
    ),
    **{
        f"a head's {column}": changed("heads", column, **_HEAD)
        for column in Head.__struct_fields__[2:]
    },
    "a head removed": removed(
        "heads", where="number < (SELECT max(number) FROM heads n WHERE n.store_id ="
        " heads.store_id)", **_HEAD,
    ),
    "the end forgotten": forgotten,
    "a line changed and sealed anew": resealed,
    "signed anew by another key": signed_by_another,
}  # fmt: skip


# -- the campaign --------------------------------------------------------------------------------


@contextmanager
def tampered(path: Path) -> Iterator[apsw.Connection]:
    """The database in the hand, whose changes are taken back."""
    db = apsw.Connection(str(path))
    db.pragma("foreign_keys", 0)
    db.pragma("ignore_check_constraints", 1)
    db.execute("BEGIN")
    try:
        yield db
        db.execute("COMMIT")
    finally:
        db.close()


def test_every_hand_is_named(campaign: Campaign, tmp_path: Path) -> None:
    unnoticed = []
    for turn in range(campaign.rounds(1, 20)):
        folder = tmp_path / str(turn)
        folder.mkdir()
        with open_world(folder, is_audited=False) as world:
            lived(world, campaign.random)
        original = (folder / "nuqta.db").read_bytes()
        for name, hand in HANDS.items():
            (folder / "nuqta.db").write_bytes(original)
            with tampered(folder / "nuqta.db") as db:
                words = hand(db, campaign.random)
            settings, clock = settings_in(folder), world.time.clock()
            with open_engine(settings, clock, past_gates=True) as engine:
                key = engine.sealer.public_key
                report = audit(engine, in_full=True, key=key)
                assert any(words in one for one in report.violations), (name, words, report)
                if audit(engine).ok:
                    unnoticed.append(name)
            campaign.count("entries")
    assert unnoticed, "the audit of what always holds finds all of it: the seals prove nothing"
    share = f"{len(unnoticed)} of {len(HANDS) * campaign.rounds(1, 20)} changes went unnoticed"
    campaign.control("`audit` without `--full`, which asks no seal", share)


def test_books_that_nobody_touched_are_in_order(campaign: Campaign, tmp_path: Path) -> None:
    """Control of the other kind: no finding where there is nothing to find."""
    with open_world(tmp_path, is_audited=False) as world:
        lived(world, campaign.random)
        key = world.engine.sealer.public_key
        assert audit(world.engine, in_full=True, key=key).violations == []
