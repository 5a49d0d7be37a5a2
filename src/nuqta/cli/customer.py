"""`nuqta customer`: the shoppers of a store."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nuqta.cli.frame import (
    ORIGIN,
    CustomerOption,
    Frame,
    Misused,
    StoreOption,
    command,
    commands,
    find_customer,
    find_store,
    settled,
    understood,
)

if TYPE_CHECKING:
    from nuqta.engine.access.sessions import Session
    from nuqta.loyalty.customers import Customer
    from nuqta.storage.sqlite import Transaction

app = commands("The shoppers of a store.", "customer")


@command(app, "create")
def create(
    frame: Frame,
    store: StoreOption,
    name: Annotated[str, typer.Option(metavar="TEXT", help="The customer's name.")],
    email: Annotated[str, typer.Option(metavar="E", help="E-mail address.")] = "",
    mobile: Annotated[
        str, typer.Option(metavar="M", help="Mobile: +966501234567, or with --country-code.")
    ] = "",
    country_code: Annotated[
        str, typer.Option(metavar="C", help="The country code of a --mobile without one: 966.")
    ] = "",
    chosen_id: Annotated[
        str | None, typer.Option("--id", metavar="I", help="The id it is to have; else a new one.")
    ] = None,
) -> None:
    """Make a customer, with an empty account."""
    from nuqta.engine import customers
    from nuqta.loyalty.customers import canonical_email, checked_id, checked_name

    with understood("--id"):
        number = "" if chosen_id is None else str(checked_id(chosen_id))
    with understood("--name"):
        checked_name(name)
    with understood("--email"):
        canonical = canonical_email(email) if email.strip() else ""
    if country_code.strip() and not mobile.strip():
        raise Misused("--country-code goes with --mobile")
    with understood("--mobile"):
        wish = customers.wished(name, canonical, mobile, number, country_code)
    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        now = engine.clock.now()
        made = settled(
            engine.door.write_now(
                "create customer", lambda tx: customers.create(tx, found.store_id, wish, now)
            )
        )
    value = _described(made)
    frame.answer(value, [f"The customer {made.name} is made.", value])


@command(app, "show")
def show(frame: Frame, store: StoreOption, customer: CustomerOption) -> None:
    """Show who a customer is."""
    from nuqta.loyalty.dates import format_instant

    with frame.open() as engine, engine.vault.snapshot() as tx:
        found = find_store(tx, store)
        shopper = find_customer(tx, found, customer)
    value = {**_tagged(shopper), "created_at": format_instant(shopper.created_at)}
    frame.answer(value, [f"Customer {shopper.customer_id} of {found.name}", _shown(value)])


@command(app, "tag")
def tag(
    frame: Frame,
    store: StoreOption,
    customer: CustomerOption,
    tags: Annotated[
        list[str] | None,
        typer.Option(
            "--tag", metavar="T", help="A tag, in place of all former; may be given again."
        ),
    ] = None,
    level: Annotated[
        str | None, typer.Option(metavar="L", help="The id of the customer's level.")
    ] = None,
) -> None:
    """Set the tags and the level that cashback rules ask for; --tag "" or --level "" takes them
    away. Orders that have earned stay as they are."""
    from nuqta.engine import customers
    from nuqta.loyalty.customers import checked_tag, tags_text

    if tags is None and level is None:
        raise Misused("nothing to set: say what with --tag or --level")
    chosen = None if tags is None else tuple(one for one in tags if one != "")
    with understood("--tag"):
        tags_text(chosen or ())
    with understood("--level"):
        if level:
            checked_tag(level)
    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        shopper = find_customer(engine.vault.reader(), found, customer)
        wish = customers.TagWish(chosen, level)
        tagged = settled(
            engine.door.write_now(
                "tag customer",
                lambda tx: customers.tag(tx, found.store_id, shopper.customer_id, wish),
            )
        )
    value = _tagged(tagged)
    name = tagged.name or f"customer {tagged.customer_id}"
    frame.answer(value, [f"The tags and the level of {name} are set.", _shown(value)])


def _tagged(customer: "Customer") -> dict[str, Any]:
    from nuqta.loyalty.customers import tags_of

    return {
        **_described(customer),
        "tags": sorted(tags_of(customer)),
        "level": customer.level or None,
    }


def _shown(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "tags": ", ".join(value["tags"])}


def _described(customer: "Customer") -> dict[str, Any]:
    return {
        "id": customer.customer_id,
        "name": customer.name,
        "email": customer.email or None,
        "mobile": customer.mobile or None,
    }


@command(app, "login")
def login(frame: Frame, store: StoreOption, customer: CustomerOption) -> None:
    """Sign a customer in: a token for the shopper's own calls."""
    from nuqta.engine.access import sessions
    from nuqta.loyalty.dates import format_instant

    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        now = engine.clock.now()

        def work(tx: "Transaction") -> "Session":
            shopper = find_customer(tx, found, customer)
            return sessions.open_session(
                tx,
                engine.keyring,
                engine.settings,
                found.store_id,
                shopper.customer_id,
                now,
                ORIGIN,
            )

        find_customer(engine.vault.reader(), found, customer)
        session = engine.door.write_now("login", work)
    value = {"customer_token": session.token, "expires_at": format_instant(session.expires_at)}
    frame.answer(
        value,
        [
            f"Customer {session.customer_id} of {found.name} is signed in.",
            value,
            "Keep the token now: it is shown this once and cannot be shown again.",
        ],
    )
