"""`nuqta program`: what a store has decided about its points."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nuqta.cli.frame import (
    ORIGIN,
    Frame,
    Misused,
    StoreOption,
    command,
    commands,
    find_store,
    one_of,
    understood,
    whole_or_none,
)

if TYPE_CHECKING:
    from nuqta.engine.stores import Store
    from nuqta.storage.sqlite import Transaction

app = commands("What a store has decided about its points.", "program")


@command(app, "set")
def change(
    frame: Frame,
    store: StoreOption,
    is_on: Annotated[
        bool | None, typer.Option("--on/--off", help="Whether orders earn.", show_default=False)
    ] = None,
    earn_points: Annotated[
        str | None, typer.Option(metavar="P", help="Points for each --earn-amount spent.")
    ] = None,
    earn_amount: Annotated[
        str | None, typer.Option(metavar="A", help="A plain decimal in the store's currency.")
    ] = None,
    maturity_days: Annotated[
        str | None, typer.Option(metavar="N", help="Days until earned points can be spent.")
    ] = None,
    maturity_from: Annotated[
        str | None, typer.Option(metavar="placed|delivered", help="From when these days count.")
    ] = None,
    expiry_days: Annotated[
        str | None, typer.Option(metavar="N", help="Days that points live; 0: they never expire.")
    ] = None,
    owed: Annotated[
        str | None,
        typer.Option(metavar="owe|forgive", help="Who bears points that were already spent."),
    ] = None,
) -> None:
    """Change a store's program; what is not named stays as it is."""
    from nuqta.engine import stores
    from nuqta.ledger.instants import POINTS_MAX
    from nuqta.loyalty.program import DAYS_MAX

    points = whole_or_none(earn_points, "--earn-points", 1, POINTS_MAX)
    days = whole_or_none(maturity_days, "--maturity-days", 0, DAYS_MAX)
    expiry = whole_or_none(expiry_days, "--expiry-days", 0, DAYS_MAX)
    start = one_of(maturity_from, "--maturity-from", "placed", "delivered")
    bearer = one_of(owed, "--owed", "owe", "forgive")
    if all(one is None for one in (is_on, points, earn_amount, days, start, expiry, bearer)):
        raise Misused("nothing to change: say what with --on, --earn-points, --expiry-days, …")
    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        amount = None if earn_amount is None else _amount(earn_amount, found.currency)
        wish = stores.ProgramWish(is_on, points, amount, days, start, expiry, bearer)
        now = engine.clock.now()

        def work(tx: "Transaction") -> dict[str, Any]:
            stores.change_program(tx, found.store_id, wish, now, ORIGIN)
            return _described(tx, found)

        value = engine.door.write_now("change program", work)
    frame.answer(value, [f"The program of {found.name} is set.", value])


@command(app, "show")
def show(frame: Frame, store: StoreOption) -> None:
    """Show the program that is in force."""
    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        with engine.vault.snapshot() as tx:
            value = _described(tx, found)
    frame.answer(value, [f"The program of {found.name}", value])


def _described(tx: "Transaction", store: "Store") -> dict[str, Any]:
    """The program and its online rule; without an active one, nothing is earned: nulls."""
    from nuqta.engine import stores
    from nuqta.loyalty.money import format_amount

    program = stores.program_of(tx, store.store_id)
    rule = stores.rule_for(tx, store.store_id, "online")
    return {
        "store": store.store_id,
        "revision": program.revision,
        "on": bool(program.is_on),
        "earn_points": rule.points_rewarded if rule else None,
        "earn_amount": format_amount(rule.amount_to_spend, store.currency) if rule else None,
        "currency": store.currency,
        "maturity_days": program.maturity_days,
        "maturity_from": program.maturity_from,
        "expiry_days": program.expiry_days,
        "owed": program.owed,
        "rule_revision": rule.revision if rule else None,
    }


def _amount(text: str, currency: str) -> int:
    """An amount of a rule in minor units. It is never rounded: a rule says exactly what it says."""
    from nuqta.loyalty.money import decimals_of, parse_amount

    with understood("--earn-amount"):
        minor = parse_amount(text, currency)
    if text.partition(".")[2][decimals_of(currency) :].strip("0"):
        raise Misused(f"--earn-amount: {text[:40]!r} has more decimals than {currency} has")
    if not minor:
        raise Misused("--earn-amount takes an amount above 0")
    return minor
