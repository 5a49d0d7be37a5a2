"""`nuqta customer`: the shoppers of a store."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nuqta.cli.frame import (
    ORIGIN,
    CustomerOption,
    Frame,
    Misused,
    Refused,
    StoreOption,
    command,
    commands,
    find_customer,
    find_store,
    settled,
    understood,
    write_json,
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
        shopper = find_customer(tx, found, customer, or_erased=True)
    value = {**_tagged(shopper), "created_at": format_instant(shopper.created_at)}
    if shopper.erased_at:
        value["erased_at"] = format_instant(shopper.erased_at)
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


@command(app, "erase")
def erase(
    frame: Frame,
    store: StoreOption,
    customer: CustomerOption,
    is_sure: Annotated[
        bool, typer.Option("--yes", help="Do it without asking.", show_default=False)
    ] = False,
) -> None:
    """Forget a person for good: name, addresses, tags, sessions, the words beside the books. The
    points stay on the books, under the id alone. Copies made before still know the person."""
    from nuqta.engine.keeping import compact, erase
    from nuqta.loyalty.dates import format_instant

    with frame.open() as engine:
        reader = engine.vault.reader()
        found = find_store(reader, store)
        shopper = find_customer(reader, found, customer, or_erased=True)
        if not is_sure:
            _be_sure(shopper, found.name)
        ids = (found.store_id, shopper.customer_id)
        seen, now = erase.looked_through(engine, *ids), engine.clock.now()
        done = settled(
            engine.door.write_now(
                "erase customer", lambda tx: erase.erase(tx, *ids, seen, now, ORIGIN)
            )
        )
        is_gone = compact.is_quick(engine) and compact.compact(engine)
    value = {"id": done.customer_id, "erased_at": format_instant(done.erased_at)}
    lines: list[str | dict[str, Any]] = [f"Customer {done.customer_id} is erased.", value]
    if not is_gone:
        lines.append("The file's free space may still hold what was deleted: run `nuqta compact`.")
    frame.answer(value, lines)


@command(app, "export")
def export(
    frame: Frame,
    store: StoreOption,
    customer: CustomerOption,
    to: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A file that is not there yet; else stdout.",
                     show_default=False),
    ] = None,
) -> None:  # fmt: skip
    """Write everything that is kept of a person as one JSON document."""
    import msgspec

    from nuqta.engine.keeping.backup import put
    from nuqta.engine.keeping.export import export as told

    with frame.open(past_gates=True) as engine:
        found = find_store(engine.vault.reader(), store)
        shopper = find_customer(engine.vault.reader(), found, customer, or_erased=True)
        document = told(engine, found.store_id, shopper.customer_id)
    if to is None:
        write_json(document)
        return
    put(Path(to), msgspec.json.format(msgspec.json.encode(document)) + b"\n")
    frame.answer({"file": to}, [f"Everything kept of customer {shopper.customer_id} is in {to}."])


def _be_sure(customer: "Customer", store: str) -> None:
    """Ask at the terminal. Refused where the answer is no; Misused where nobody can be asked."""
    if not sys.stdin.isatty():
        raise Misused("whether it is meant is asked for at a terminal: use --yes")
    who = f"{customer.name} (customer {customer.customer_id})".strip()
    if not typer.confirm(f"Erase what is known of {who} at {store} for good?", err=True):
        raise Refused("nothing was erased")
