"""Seals and heads: what they cover, the file outside, and older books that are refused."""

import shutil
import threading
from pathlib import Path

import pytest

from nuqta.engine.engine import Engine, make, open_engine
from nuqta.engine.sealing import chain
from nuqta.engine.sealing.chain import Head
from nuqta.engine.sealing.heads import accept_heads, append, read_heads
from nuqta.engine.sealing.keys import is_signed, seal_key_file
from nuqta.storage.faults import CannotStart, StorageFault
from nuqta.storage.statements import statement
from tests.world import World, open_world, settings_in

_HEADS = statement("seals.heads")


def heads(engine: Engine, store_id: int) -> list[Head]:
    return engine.vault.reader().all(_HEADS, Head, store_id=store_id)


def test_what_is_booked_is_sealed_once(world: World) -> None:
    world.adjust(world.aisha, 5)
    world.adjust(world.clara, 7)
    report = world.proof()
    assert (report.sealed, report.unsealed) == (2, 0)
    assert set(report.roots or ()) == {str(world.riyadh.store_id), str(world.kuwait.store_id)}
    assert world.engine.sealer.all().accounts == 0, "there is nothing left"
    assert world.proof().roots == report.roots
    world.spend(world.aisha, 1)
    after = world.proof()
    assert (after.sealed, after.unsealed) == (3, 0)
    assert after.roots != report.roots


def test_a_new_customer_has_nothing_to_seal(world: World) -> None:
    assert world.engine.sealer.all().accounts == 0
    report = world.proof()
    assert (report.sealed, report.unsealed) == (0, 0)
    assert set((report.roots or {}).values()) == {""}


def test_what_is_not_sealed_yet_is_said(world: World) -> None:
    from nuqta.engine.reading.audit import audit

    world.adjust(world.aisha, 5)
    report = audit(world.engine, in_full=True)
    assert report.ok
    assert (report.sealed, report.unsealed) == (0, 1)


def test_long_accounts_are_sealed_part_by_part(world: World) -> None:
    commands = [world.adding(world.aisha, 1) for _ in range(2_500)]
    world.engine.door.post_all(commands)
    first = world.engine.sealer.step()
    assert 0 < first.lines < 2_500
    report = world.proof()
    assert (report.sealed, report.unsealed, report.ok) == (2_500, 0, True)


def test_every_head_is_signed_and_follows_the_one_before(world: World) -> None:
    for _ in range(3):
        world.adjust(world.aisha, 5)
        world.engine.sealer.all()
    found = heads(world.engine, world.riyadh.store_id)
    assert [head.number for head in found] == [1, 2, 3]
    assert [head.lines for head in found] == [1, 2, 3]
    before = chain.START
    for head in found:
        text = chain.signed_part(head, before)
        assert is_signed(world.engine.sealer.public_key, head.signature, text)
        assert not is_signed(world.engine.sealer.public_key, head.signature, text + b" ")
        before = head.root


def test_an_audit_may_ask_for_the_key(world: World) -> None:
    from nuqta.engine.reading.audit import audit

    world.adjust(world.aisha, 5)
    world.engine.sealer.all()
    assert audit(world.engine, in_full=True, key=world.engine.sealer.public_key).ok
    report = audit(world.engine, in_full=True, key=bytes(32))
    assert "is signed by another key" in report.violations[0]


def test_an_audit_beside_a_sealer_finds_nothing_wrong(world: World) -> None:
    """What is sealed while the audit walks over its snapshot is in the file, and not in that."""
    from nuqta.engine.reading.audit import audit

    is_over = threading.Event()

    def seal() -> None:
        while not is_over.is_set():
            world.adjust(world.aisha, 1)
            world.engine.sealer.all()

    sealing = threading.Thread(target=seal)
    sealing.start()
    try:
        found = [audit(world.engine, in_full=True).violations for _ in range(40)]
    finally:
        is_over.set()
        sealing.join()
    assert found == [[]] * 40


# -- the bytes themselves ----------------------------------------------------------------------


def test_no_two_rows_have_the_same_bytes() -> None:
    assert chain.canonical("ab", "c") != chain.canonical("a", "bc")
    assert chain.canonical(1, 23) == b"\x00\x00\x00\x011\x00\x00\x00\x0223"


@pytest.mark.parametrize("count", range(1, 9))
def test_the_root_tells_every_leaf(count: int) -> None:
    leaves = [(dkey, 1, bytes([dkey]) * 32) for dkey in range(count)]
    roots = {chain.root(leaves)}
    for place in range(count):
        dkey, number, digest = leaves[place]
        for other in ((dkey, number, bytes(32)), (dkey, 2, digest), (99, number, digest)):
            roots.add(chain.root([*leaves[:place], other, *leaves[place + 1 :]]))
    for place in range(count - 1):
        swapped = [*leaves]
        swapped[place], swapped[place + 1] = swapped[place + 1], swapped[place]
        roots.add(chain.root(swapped))
    # The first leaf with 32 zero bytes is what it was.
    assert len(roots) == 1 + 3 * count - 1 + (count - 1)


# -- the file outside ----------------------------------------------------------------------------


def test_the_file_knows_the_last_head_of_every_store(world: World) -> None:
    for shopper in (world.aisha, world.clara, world.aisha):
        world.adjust(shopper, 5)
        world.engine.sealer.all()
    path = world.engine.sealer.file
    assert path.stat().st_mode & 0o777 == 0o600
    known = read_heads(path)
    assert {store: line.head for store, line in known.items()} == {
        world.riyadh.store_id: 2, world.kuwait.store_id: 1,
    }  # fmt: skip
    root = heads(world.engine, world.riyadh.store_id)[-1].root.hex()
    assert known[world.riyadh.store_id].root == root


def test_a_file_that_fell_behind_is_brought_up_to_date(tmp_path: Path) -> None:
    """A kill between the commit of a head and its line."""
    with open_world(tmp_path) as world:
        world.adjust(world.aisha, 5)
        world.engine.sealer.all()
        path, before = world.engine.sealer.file, world.engine.sealer.file.read_bytes()
        world.adjust(world.aisha, 5)
        world.engine.sealer.all()
        after = path.read_bytes()
    path.write_bytes(before + after[len(before) :][:40])  # and half a line was written
    with open_engine(settings_in(tmp_path), world.time.clock()) as engine:
        engine.sealer.all()
        assert path.read_bytes() == after


def test_a_long_file_is_shortened(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        world.adjust(world.aisha, 5)
        world.engine.sealer.all()
        path = world.engine.sealer.file
        line = read_heads(path)[world.riyadh.store_id]
        append(path, [line] * 3_000)
        assert path.stat().st_size > 2**20
        world.adjust(world.aisha, 5)
        world.engine.sealer.all()
        assert len(path.read_bytes().splitlines()) == 2
        assert read_heads(path)[world.riyadh.store_id].head == 2


def test_a_file_that_cannot_be_written_loses_nothing(tmp_path: Path) -> None:
    aside = tmp_path / "elsewhere" / "heads"
    with open_world(tmp_path, heads_file=str(aside)) as world:
        world.adjust(world.aisha, 5)
        with pytest.raises(StorageFault, match="No such file"):
            world.engine.sealer.all()
        aside.parent.mkdir()
        world.engine.sealer.all()
        assert read_heads(aside)[world.riyadh.store_id].head == 1


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nuqta.db.heads").write_text("hello\n")
    make(settings_in(tmp_path))
    with pytest.raises(CannotStart, match=r"line 1 of .*heads is no head"):
        open_engine(settings_in(tmp_path))


# -- older books ---------------------------------------------------------------------------------


def sealed_and_copied(tmp_path: Path) -> World:
    """Books that were copied, changed and sealed; `older.db` is the copy."""
    with open_world(tmp_path) as world:
        world.adjust(world.aisha, 5)
        world.engine.sealer.all()
    shutil.copy(tmp_path / "nuqta.db", tmp_path / "older.db")
    with open_engine(settings_in(tmp_path), world.time.clock()) as engine:
        engine.door.post_all([world.adding(world.aisha, 3, key="later")])
        engine.sealer.all()
    return world


def test_an_older_copy_is_noticed_and_refused_until_a_person_says_so(tmp_path: Path) -> None:
    world = sealed_and_copied(tmp_path)
    clock, settings = world.time.clock(), settings_in(tmp_path)
    open_engine(settings, clock).close()  # control: the newer ones open
    shutil.copy(tmp_path / "older.db", tmp_path / "nuqta.db")
    with pytest.raises(CannotStart, match=r"do not reach head 2.*nuqta seal accept"):
        open_engine(settings, clock)
    with open_engine(settings, clock, past_gates=True) as engine:
        sentences = accept_heads(engine.vault.reader(), engine.sealer.file, clock.now())
        assert len(sentences) == 1
    with open_engine(settings, clock) as engine:
        engine.door.post_all([world.adding(world.aisha, 4, key="another")])
        engine.sealer.all()
    open_engine(settings, clock).close()


def test_other_books_are_noticed(tmp_path: Path) -> None:
    """They have as many heads, and others."""
    world = sealed_and_copied(tmp_path)
    clock, settings = world.time.clock(), settings_in(tmp_path)
    heads_then = (tmp_path / "nuqta.db.heads").read_bytes()
    shutil.copy(tmp_path / "older.db", tmp_path / "nuqta.db")
    with open_engine(settings, clock, past_gates=True) as engine:
        engine.door.post_all([world.adding(world.aisha, 4, key="another")])
        (tmp_path / "nuqta.db.heads").unlink()
        engine.sealer.all()
    (tmp_path / "nuqta.db.heads").write_bytes(heads_then)
    with pytest.raises(CannotStart, match="are others than those of head 2"):
        open_engine(settings, clock)


def test_books_without_a_head_are_accepted_too(tmp_path: Path) -> None:
    world = sealed_and_copied(tmp_path)
    clock, settings = world.time.clock(), settings_in(tmp_path)
    for name in ("nuqta.db", "nuqta.db.seal-key"):
        (tmp_path / name).unlink()
    make(settings)
    with pytest.raises(CannotStart, match="do not reach head 2"):
        open_engine(settings, clock)
    with open_engine(settings, clock, past_gates=True) as engine:
        assert accept_heads(engine.vault.reader(), engine.sealer.file, clock.now())
    open_engine(settings, clock).close()


# -- the key that signs --------------------------------------------------------------------------


def test_a_lost_key_is_not_replaced_in_silence(tmp_path: Path) -> None:
    with open_world(tmp_path) as world:
        world.adjust(world.aisha, 5)
    settings = settings_in(tmp_path)
    seal_key_file(tmp_path / "nuqta.db").unlink()
    with pytest.raises(CannotStart, match="sealed under a key that is gone"):
        make(settings)
    with (
        open_engine(settings, world.time.clock()) as engine,
        pytest.raises(CannotStart, match="cannot be read"),
    ):
        engine.sealer.all()
    make(settings, new_key=True)
    with open_engine(settings, world.time.clock()) as engine:
        engine.sealer.all()


@pytest.mark.parametrize("text", ["", "12", "z" * 64, "é" * 64])
def test_a_key_that_is_none(tmp_path: Path, text: str) -> None:
    make(settings_in(tmp_path))
    seal_key_file(tmp_path / "nuqta.db").write_text(text)
    with (
        open_engine(settings_in(tmp_path)) as engine,
        pytest.raises(CannotStart, match="64 hex digits"),
    ):
        engine.sealer.all()


def test_the_key_may_come_from_the_environment(tmp_path: Path) -> None:
    with open_world(tmp_path, seal_key="ab" * 32) as world:
        assert not seal_key_file(tmp_path / "nuqta.db").exists()
        world.adjust(world.aisha, 5)
        assert world.proof().ok


def test_a_damaged_account_keeps_no_other_from_being_sealed(tmp_path: Path) -> None:
    with open_world(tmp_path, is_audited=False) as world:
        world.adjust(world.aisha, 5)
        world.adjust(world.badr, 5)
        tx = world.engine.vault
        tx.write("damage", lambda tx: tx.rows_of(
            "UPDATE lots SET crc = crc + 1 WHERE customer_id = ?1", (world.aisha.customer_id,)
        ))  # fmt: skip
        assert world.engine.sealer.all().accounts == 1
        assert world.engine.sealer.all().accounts == 0
