"""`nuqta store`: the merchants' shops."""

from typing import Annotated

import typer

from nuqta.cli.frame import ORIGIN, Frame, command, commands, settled, understood

app = commands("The merchants' shops.", "store")


@command(app, "create")
def create(
    frame: Frame,
    name: Annotated[str, typer.Option(metavar="TEXT", help="What the shop is called.")],
    currency: Annotated[str, typer.Option(metavar="CODE", help="ISO 4217 code.")] = "SAR",
    timezone: Annotated[
        str, typer.Option(metavar="ZONE", help="IANA time zone of dates that name none.")
    ] = "Asia/Riyadh",
    domain: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="A domain of the shop; may be given again."),
    ] = None,
) -> None:
    """Make a store, with its first program and earning rule."""
    from nuqta.engine import stores
    from nuqta.loyalty.dates import format_instant

    with understood():
        domains = tuple(dict.fromkeys(one.strip().lower() for one in domain or ()))
        wish = stores.StoreWish(name, currency, timezone, domains)
    with frame.open() as engine:
        now = engine.clock.now()
        made = settled(
            engine.door.write_now("create store", lambda tx: stores.create(tx, wish, now, ORIGIN))
        )
    value = {
        "id": made.store_id,
        "uuid": made.uuid,
        "name": made.name,
        "currency": made.currency,
        "timezone": made.timezone,
        "domains": list(domains),
        "created_at": format_instant(made.created_at),
    }
    shown = {**value, "domains": ", ".join(domains) or "none"}
    frame.answer(value, [f"The store {made.name} is made.", shown])
