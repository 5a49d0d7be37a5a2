"""`nuqta partner`: applications that call for stores, and the tokens they call with."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nuqta.cli.frame import (
    Frame,
    Misused,
    Refused,
    StoreOption,
    command,
    commands,
    find_store,
    settled,
    understood,
    whole,
)
from nuqta.refusals import PARTNER_NOT_FOUND
from nuqta.settings import PER_MINUTE_MAX

_DEFAULT = "default"

if TYPE_CHECKING:
    from nuqta.engine.access.clients import Registered
    from nuqta.engine.access.partners import Installed
    from nuqta.engine.stores import Store

app = commands("Applications that call for stores.", "partner")

ScopeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--scope",
        metavar="SCOPE",
        help="What it may do; may be given again: loyalty_program.read, loyalty_program.read_write,"
        " customers.read, customers.read_write, customers.login, orders.read, orders.read_write,"
        " webhooks.read_write.",
    ),
]
PaceOption = Annotated[
    str | None,
    typer.Option(
        "--per-minute",
        metavar="N|default",
        help="Requests a minute on managers' routes; 0: no limit.",
        show_default=False,
    ),
]
ShopperPaceOption = Annotated[
    str | None,
    typer.Option(
        "--shopper-per-minute",
        metavar="N|default",
        help="Requests a minute of each customer's token; 0: no limit.",
        show_default=False,
    ),
]
PartnerOption = Annotated[str, typer.Option("--partner", metavar="ID", help="The partner's id.")]


@command(app, "create")
def create(
    frame: Frame,
    name: Annotated[str, typer.Option(metavar="TEXT", help="What the application is called.")],
    store: StoreOption,
    scope: ScopeOption = None,
) -> None:
    """Make a partner and install it on a store; without --scope it may do everything."""
    from nuqta.engine.access import partners
    from nuqta.loyalty.customers import checked_name

    with understood("--scope"):
        scopes = partners.checked_scopes(scope or ())
    with understood("--name"):
        checked_name(name)
    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        now = engine.clock.now()
        made = engine.door.write_now(
            "create partner",
            lambda tx: partners.create(tx, engine.keyring, name, found.store_id, scopes, now),
        )
    _show_tokens(frame, made, found)


@command(app, "register")
def register(
    frame: Frame,
    name: Annotated[str, typer.Option(metavar="TEXT", help="What the application is called.")],
) -> None:
    """Make a partner that is installed nowhere yet: stores let it in by OAuth."""
    from nuqta.engine.access import partners
    from nuqta.loyalty.customers import checked_name

    with understood("--name"):
        checked_name(name)
    with frame.open() as engine:
        now = engine.clock.now()
        made = engine.door.write_now(
            "register partner", lambda tx: partners.register(tx, name, now)
        )
    value = {"partner_id": made.partner_id, "name": made.name}
    frame.answer(
        value,
        [
            f"Partner {made.partner_id} is registered, and installed nowhere.",
            value,
            f"`nuqta partner oauth --partner {made.partner_id} --redirect URI` gives it a secret.",
        ],
    )


@command(app, "oauth")
def oauth(
    frame: Frame,
    partner: PartnerOption,
    redirect: Annotated[
        list[str],
        typer.Option("--redirect", metavar="URI", help="Where its codes may go, to the letter: "
                     "https, or http to this machine; may be given again."),
    ],
    scope: ScopeOption = None,
    new_secret: Annotated[
        bool,
        typer.Option("--new-secret", help="Make another secret; the former ends at once.",
                     show_default=False),
    ] = False,
) -> None:  # fmt: skip
    """Let a partner ask stores to let it in: its client id, and its secret, shown this once.

    The addresses take the place of former ones; without --scope it asks for what it asked before,
    and at first for everything.
    """
    from nuqta.engine.access import clients, partners

    partner_id = _partner_id(partner)
    with understood("--scope"):
        scopes = partners.checked_scopes(scope) if scope else ""
    with frame.open() as engine:
        with understood("--redirect"):
            addresses = clients.checked_redirects(redirect, engine.settings.redirects_per_partner)
        now = engine.clock.now()
        made = engine.door.write_now(
            "register client",
            lambda tx: clients.register(
                tx, engine.keyring, partner_id, addresses, scopes, now, new_secret=new_secret
            ),
        )
    if made is PARTNER_NOT_FOUND:
        raise Refused(f"there is no partner {partner_id}")
    _show_client(frame, settled(made))


@command(app, "install")
def install(
    frame: Frame,
    partner: PartnerOption,
    store: StoreOption,
    scope: ScopeOption = None,
) -> None:
    """Install a partner on a further store, or give it further tokens where it is installed.

    Without --scope it may do what it may there already, and on a further store what it may do
    where it was installed first.
    """
    from nuqta.engine.access import partners

    partner_id = _partner_id(partner)
    with understood("--scope"):
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
    if made is PARTNER_NOT_FOUND:
        raise Refused(f"there is no partner {partner_id}")
    _show_tokens(frame, settled(made), found)


@command(app, "uninstall")
def uninstall(frame: Frame, partner: PartnerOption, store: StoreOption) -> None:
    """Take a partner off a store: all its tokens there end at once."""
    from nuqta.engine.access import partners

    partner_id = _partner_id(partner)
    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        revoked = engine.door.write_now(
            "uninstall partner", lambda tx: partners.uninstall(tx, partner_id, found.store_id)
        )
    if revoked is None:
        raise Refused(f"partner {partner_id} is not installed on {found.name}")
    frame.answer(
        {"partner_id": partner_id, "store": found.store_id, "revoked": revoked},
        [f"Partner {partner_id} is off {found.name}; tokens that ended: {revoked:,}."],
    )


@command(app, "limit")
def limit(
    frame: Frame,
    partner: Annotated[str, typer.Argument(metavar="PARTNER", help="The partner's id.")],
    store: Annotated[
        str | None,
        typer.Option(metavar="ID", help="One store's id or UUID; else all where it is installed."),
    ] = None,
    per_minute: PaceOption = None,
    shopper_per_minute: ShopperPaceOption = None,
) -> None:
    """Give a partner limits of its own on a store, from the next request on.

    A number stands in place of NUQTA_RATE_LIMIT or NUQTA_RATE_LIMIT_SHOPPER, 0 is no limit, and
    `default` is the setting again. Where NUQTA_RATE_LIMIT is 0, nothing is limited all the same.
    """
    from nuqta.engine.access import partners

    partner_id = _partner_id(partner, "PARTNER")
    pace = _pace(per_minute, "--per-minute")
    shopper_pace = _pace(shopper_per_minute, "--shopper-per-minute")
    if pace is None and shopper_pace is None:
        raise Misused("nothing to change: say --per-minute or --shopper-per-minute")
    with frame.open() as engine:
        found = None if store is None else find_store(engine.vault.reader(), store)
        store_id = None if found is None else found.store_id
        changed = engine.door.write_now(
            "limit partner",
            lambda tx: partners.change_pace(tx, partner_id, store_id, pace, shopper_pace),
        )
    if changed is PARTNER_NOT_FOUND:
        raise Refused(f"there is no partner {partner_id}")
    stores = settled(changed)
    if not stores:
        where = "any store" if found is None else found.name
        raise Refused(f"partner {partner_id} is not installed on {where}")
    changes = {"per_minute": _shown(pace), "shopper_per_minute": _shown(shopper_pace)}
    changes = {name: value for name, value in changes.items() if value is not None}
    frame.answer(
        {"partner_id": partner_id, "store": store_id, "stores": stores, **changes},
        [f"Partner {partner_id} has other limits on {_stores(stores)}.", changes],
    )


@command(app, "list")
def every(
    frame: Frame,
    store: Annotated[
        str | None, typer.Option(metavar="ID", help="One store's id or UUID; else all.")
    ] = None,
) -> None:
    """List where partners are installed and what they may do there; tokens are only counted."""
    from nuqta.engine.access import partners
    from nuqta.loyalty.dates import format_instant

    with frame.open() as engine, engine.vault.snapshot() as tx:
        chosen = None if store is None else find_store(tx, store).store_id
        found = partners.installations(tx, chosen, engine.clock.now())
    values: list[dict[str, Any]] = [
        {
            "partner_id": one.partner_id,
            "name": one.name,
            "store": one.store_id,
            "scopes": one.scopes.split(),
            "installed_at": one.installed_at and format_instant(one.installed_at),
            "tokens": one.tokens,
            "per_minute": _shown(one.rate_limit),
            "shopper_per_minute": _shown(one.rate_limit_shopper),
        }
        for one in found
    ]
    lines: list[str | dict[str, Any]] = []
    for value in values:
        lines += [value["name"], {**value, "scopes": ", ".join(value["scopes"])}]
    frame.answer(values, lines or ["No partner is installed."])


def _partner_id(text: str, option: str = "--partner") -> int:
    from nuqta.loyalty.customers import ID_MAX

    return whole(text, option, 1, ID_MAX)


def _pace(text: str | None, option: str) -> int | None:
    """A limit as it is kept: -1 for the setting; None where the option was left out."""
    if text is None:
        return None
    return -1 if text == _DEFAULT else whole(text, option, 0, PER_MINUTE_MAX)


def _stores(count: int) -> str:
    return "1 store" if count == 1 else f"{count:,} stores"


def _shown(pace: int | None) -> int | str | None:
    """A limit as it is typed."""
    return _DEFAULT if pace == -1 else pace


def _show_client(frame: Frame, made: "Registered") -> None:
    client, scopes = made.client, made.client.scopes.split()
    known = {"client_id": client.client_id, "client_secret": made.secret}
    value = {**known, "redirects": list(client.redirects), "scopes": scopes}
    shown = {**known, "redirects": ", ".join(client.redirects), "scopes": ", ".join(scopes)}
    if made.secret is None:
        shown["client_secret"] = "as before"
        said = "Its secret is the former one; --new-secret makes another."
    else:
        said = "Keep the secret now: it is shown this once and cannot be shown again."
    frame.answer(value, [f"{client.name} may ask stores to let it in.", shown, said])


def _show_tokens(frame: Frame, made: "Installed", store: "Store") -> None:
    """The keys of the JSON are an interface; what else is good to know is told to people."""
    from nuqta.loyalty.dates import format_instant

    tokens = {"authorization": made.authorization, "access_token": made.access_token}
    frame.answer(
        {"partner_id": made.partner_id, **tokens},
        [
            f"Partner {made.partner_id} is installed on {store.name}.",
            {
                **tokens,
                "scopes": ", ".join(made.scopes.split()),
                "tokens end at": format_instant(made.ends_at),
            },
            "Keep both tokens now: they are shown this once and cannot be shown again.",
        ],
    )
