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
    value = {**_described(shopper), "created_at": format_instant(shopper.created_at)}
    frame.answer(value, [f"Customer {shopper.customer_id} of {found.name}", value])


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
