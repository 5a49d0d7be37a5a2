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
    money_or_none,
    one_of,
    settled,
    whole_or_none,
)
from nuqta.refusals import Refusal

if TYPE_CHECKING:
    from nuqta.engine.stores import Store
    from nuqta.storage.sqlite import Transaction

app = commands("What a store has decided about its points.", "program")


def _switch(words: str, sentence: str) -> Any:
    return typer.Option(words, help=sentence, show_default=False)


def _option(metavar: str, sentence: str) -> Any:
    return typer.Option(metavar=metavar, help=sentence)


OnOption = Annotated[bool | None, _switch("--on/--off", "Whether orders earn.")]
EarnPointsOption = Annotated[
    str | None,
    _option("P", "Points for each --earn-amount spent: changes the rule for everybody online."),
]
EarnAmountOption = Annotated[str | None, _option("A", "A plain decimal in the store's currency.")]
MaturityDaysOption = Annotated[str | None, _option("N", "Days until earned points can be spent.")]
MaturityFromOption = Annotated[
    str | None, _option("placed|delivered", "From when these days count.")
]
ExpiryDaysOption = Annotated[
    str | None, _option("N", "Days that points live; 0: they never expire.")
]
OwedOption = Annotated[
    str | None, _option("owe|forgive", "Who bears points that were already spent.")
]
EarnAtOption = Annotated[
    str | None,
    _option("STATUS", "When an order earns: new, preparing, ready, in_delivery or delivered."),
]
ShippingOption = Annotated[
    bool | None, _switch("--with-shipping/--without-shipping", "Whether shipping earns too.")
]
TaxOption = Annotated[bool | None, _switch("--with-tax/--without-tax", "Whether tax earns too.")]
HoldMinutesOption = Annotated[
    str | None, _option("N", "Minutes for which a cart holds points: 1 to 10080.")
]
GraceDaysOption = Annotated[
    str | None, _option("N", "Most days that points live which come back after their end.")
]


@command(app, "set")
def change(
    frame: Frame,
    store: StoreOption,
    is_on: OnOption = None,
    earn_points: EarnPointsOption = None,
    earn_amount: EarnAmountOption = None,
    maturity_days: MaturityDaysOption = None,
    maturity_from: MaturityFromOption = None,
    expiry_days: ExpiryDaysOption = None,
    owed: OwedOption = None,
    earn_at: EarnAtOption = None,
    with_shipping: ShippingOption = None,
    with_tax: TaxOption = None,
    hold_minutes: HoldMinutesOption = None,
    grace_days: GraceDaysOption = None,
) -> None:
    """Change a store's program; what is not named stays as it is."""
    from nuqta.engine import stores
    from nuqta.ledger.instants import POINTS_MAX
    from nuqta.loyalty.program import DAYS_MAX, EARN_AT, GRACE_DAYS_MAX, HOLD_MINUTES_MAX

    points = whole_or_none(earn_points, "--earn-points", 1, POINTS_MAX)
    days = whole_or_none(maturity_days, "--maturity-days", 0, DAYS_MAX)
    expiry = whole_or_none(expiry_days, "--expiry-days", 0, DAYS_MAX)
    start = one_of(maturity_from, "--maturity-from", "placed", "delivered")
    bearer = one_of(owed, "--owed", "owe", "forgive")
    status = one_of(earn_at, "--earn-at", *EARN_AT)
    minutes = whole_or_none(hold_minutes, "--hold-minutes", 1, HOLD_MINUTES_MAX)
    grace = whole_or_none(grace_days, "--grace-days", 0, GRACE_DAYS_MAX)
    without_tax = None if with_tax is None else not with_tax
    decided = (days, start, expiry, bearer, status, with_shipping, without_tax, minutes, grace)
    if all(one is None for one in (is_on, points, earn_amount, *decided)):
        raise Misused("nothing to change: say what with --on, --earn-points, --expiry-days, …")
    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        amount = money_or_none(earn_amount, "--earn-amount", found.currency)
        wish = stores.ProgramWish(is_on, points, amount, *decided)
        now = engine.clock.now()

        def work(tx: "Transaction") -> dict[str, Any] | Refusal:
            refusal = stores.change_program(tx, found.store_id, wish, now, ORIGIN)
            return refusal or _described(tx, found)

        value = settled(engine.door.write_now("change program", work))
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
    """The program and its online rule for everybody; without an active one, nulls."""
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
        "earn_at": program.earn_at,
        "with_shipping": bool(program.with_shipping),
        "with_tax": not program.without_tax,
        "hold_minutes": program.hold_minutes,
        "grace_days": program.grace_days,
        "rule_revision": rule.revision if rule else None,
    }
