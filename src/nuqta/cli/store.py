"""`nuqta store`: the merchants' shops."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nuqta.cli.frame import (
    ORIGIN,
    Frame,
    Misused,
    Refused,
    StoreOption,
    command,
    commands,
    find_store,
    settled,
    understood,
)

if TYPE_CHECKING:
    from nuqta.engine.stores import Store

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
    from nuqta.loyalty.customers import checked_name
    from nuqta.loyalty.dates import zone_of
    from nuqta.loyalty.money import is_currency

    code = currency.strip().upper()
    if not (currency.isascii() and is_currency(code)):  # ſ is a small S too
        raise Misused(f"--currency: {currency[:40]!r} is no currency of ISO 4217, such as SAR")
    with understood("--name"):
        checked_name(name)
    with understood("--timezone"):
        zone_of(timezone)
    domains = tuple(dict.fromkeys(one.strip().lower() for one in domain or ()))
    with understood("--domain"):
        wish = stores.StoreWish(name, code, timezone, domains)
    with frame.open() as engine:
        now = engine.clock.now()
        made = settled(
            engine.door.write_now("create store", lambda tx: stores.create(tx, wish, now, ORIGIN))
        )
    value = _described(made, list(domains))
    frame.answer(value, [f"The store {made.name} is made.", _shown(value)])


@command(app, "list")
def every(frame: Frame) -> None:
    """List every store, the oldest first."""
    from nuqta.engine import stores

    with frame.open() as engine, engine.vault.snapshot() as tx:
        values = [_described(store, domains) for store, domains in stores.every(tx)]
    lines: list[str | dict[str, Any]] = []
    for value in values:
        lines += [value["name"], _shown(value)]
    frame.answer(values, lines or ["There is no store yet: `nuqta store create` makes one."])


@command(app, "webhook")
def webhook(
    frame: Frame,
    store: StoreOption,
    revoke: Annotated[
        bool,
        typer.Option("--revoke", help="End the pair: no order comes in any more.",
                     show_default=False),
    ] = False,
) -> None:  # fmt: skip
    """Make the user name and password with which a store's orders come in, shown this once. A
    former pair ends at once."""
    from nuqta.engine.access import credentials

    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        if revoke:
            is_gone = engine.door.write_now(
                "revoke credential", lambda tx: credentials.revoke(tx, found.store_id)
            )
            if not is_gone:
                raise Refused(f"{found.name} has no user name and password for its orders")
            frame.answer({"revoked": True}, [f"{found.name} takes no order webhook any more."])
            return
        now = engine.clock.now()
        has_ended, made = engine.door.write_now(
            "make credential",
            lambda tx: (
                credentials.revoke(tx, found.store_id),
                credentials.make(tx, engine.keyring, found.store_id, now),
            ),
        )
    value = {
        "method": "POST",
        "path": f"/v1/webhooks/orders/{found.store_id}",
        "username": made.username,
        "password": made.password,
    }
    former = " The former pair has ended." if has_ended else ""
    frame.answer(
        value,
        [
            f"Orders of {found.name} come in with this user name and password.{former}",
            value,
            "Enter them at Zid for its order webhooks, with the path under this server's address.",
            "Keep the password now: it is shown this once and cannot be shown again.",
        ],
    )


def _described(store: "Store", domains: list[str]) -> dict[str, Any]:
    from nuqta.loyalty.dates import format_instant

    return {
        "id": store.store_id,
        "uuid": store.uuid,
        "name": store.name,
        "currency": store.currency,
        "timezone": store.timezone,
        "domains": domains,
        "created_at": format_instant(store.created_at),
    }


def _shown(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "domains": ", ".join(value["domains"])}
