"""An import earns by the program that is in force when an order is booked, not when it was read."""

from pathlib import Path

from nuqta import refusals
from nuqta.engine import stores
from nuqta.engine.imports import BATCH, Result, import_orders
from nuqta.engine.stores import ProgramWish
from tests.world import World

ROWS = 3 * BATCH


def test_a_program_that_is_switched_off_meanwhile_earns_no_more(
    world: World, tmp_path: Path
) -> None:
    outcome = imported(world, tmp_path, ProgramWish(is_on=False))
    reasons = {bad.reason for bad in outcome.refused}
    assert (outcome.new, reasons) == (BATCH, {refusals.PROGRAM_OFF.text})
    assert [bad.line for bad in outcome.refused] == list(range(BATCH + 2, ROWS + 2))


def test_a_rule_that_changes_meanwhile_counts_from_then_on(world: World, tmp_path: Path) -> None:
    before = world.balance(world.aisha).available
    outcome = imported(world, tmp_path, ProgramWish(earn_points=7))
    assert outcome.new == ROWS
    earned = world.balance(world.aisha).available - before
    assert earned == BATCH * 1 + (ROWS - BATCH) * 7


def imported(world: World, folder: Path, wish: ProgramWish) -> Result:
    """An import of orders of 1.00 each, in which the program changes once the first batch is in."""
    store, engine = world.riyadh, world.engine
    file = folder / "orders.csv"
    rows = "".join(f"{n},{world.aisha.customer_id},2020-01-01,1.00\n" for n in range(ROWS))
    file.write_text("order_number,customer_id,placed_on,total\n" + rows)
    world.program(store, ProgramWish(is_on=True, earn_points=1, earn_amount=100, expiry_days=0))
    is_changed = False

    def change(_: int) -> None:
        nonlocal is_changed
        known = engine.vault.reader().rows_of("SELECT count(*) FROM order_events", ())[0][0]
        if known >= BATCH and not is_changed:
            is_changed = True
            now = engine.clock.now()
            engine.door.write_now(
                "change", lambda tx: stores.change_program(tx, store.store_id, wish, now, "cli")
            )

    outcome = import_orders(engine, file, store, progress=change)
    assert isinstance(outcome, Result)
    return outcome
