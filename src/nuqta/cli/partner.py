"""`nuqta partner`: applications that call for stores, and the tokens they call with."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from nuqta.cli.frame import (
    Frame,
    StoreOption,
    command,
    commands,
    find_store,
    settled,
    understood,
    whole,
)

if TYPE_CHECKING:
    from nuqta.engine.partners import Installed
    from nuqta.engine.stores import Store

app = commands("Applications that call for stores.", "partner")

ScopeOption = Annotated[
    list[str] | None,
    typer.Option("--scope", metavar="SCOPE", help="What it may do; may be given again."),
]


@command(app, "create")
def create(
    frame: Frame,
    name: Annotated[str, typer.Option(metavar="TEXT", help="What the application is called.")],
    store: StoreOption,
    scope: ScopeOption = None,
) -> None:
    """Make a partner and install it on a store; without --scope it may do everything."""
    from nuqta.engine import partners
    from nuqta.loyalty.customers import checked_name

    with understood():
        scopes = partners.checked_scopes(scope or ())
        checked_name(name)
    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        now = engine.clock.now()
        made = engine.door.write_now(
            "create partner",
            lambda tx: partners.create(tx, engine.keyring, name, found.store_id, scopes, now),
        )
    _show_tokens(frame, made, found)


@command(app, "install")
def install(
    frame: Frame,
    partner: Annotated[str, typer.Option(metavar="ID", help="The partner's id.")],
    store: StoreOption,
    scope: ScopeOption = None,
) -> None:
    """Install a partner on a further store; without --scope it may do what it may elsewhere."""
    from nuqta.engine import partners
    from nuqta.loyalty.customers import ID_MAX

    partner_id = whole(partner, "--partner", 1, ID_MAX)
    with understood():
        scopes = partners.checked_scopes(scope) if scope else ""
    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        now = engine.clock.now()
        made = engine.door.write_now(
            "install partner",
            lambda tx: partners.install(
                tx, engine.keyring, partner_id, found.store_id, scopes, now
            ),
        )
    _show_tokens(frame, settled(made), found)


def _show_tokens(frame: Frame, made: "Installed", store: "Store") -> None:
    frame.answer(
        msgspec.structs.asdict(made),
        [
            f"Partner {made.partner_id} is installed on {store.name}.",
            {"authorization": made.authorization, "access_token": made.access_token},
            "Keep both tokens now: they are shown this once and cannot be shown again.",
        ],
    )
