"""`nuqta webhook`: who is told of a store's events, and from where."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nuqta.cli.frame import (
    ORIGIN,
    Frame,
    Refused,
    StoreOption,
    command,
    commands,
    find_store,
    plain,
    settled,
    understood,
    whole,
)

if TYPE_CHECKING:
    from nuqta.engine.outbox.webhooks import Webhook

app = commands("Addresses that are told of a store's events.", "webhook")

WebhookOption = Annotated[str, typer.Option("--webhook", metavar="ID", help="The webhook's id.")]


@command(app, "add")
def add(
    frame: Frame,
    store: StoreOption,
    url: Annotated[str, typer.Option(metavar="URL", help="The http or https address to tell.")],
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="A kind of event, such as points.earned; may be given again; else every kind.",
        ),
    ] = None,
    beginning: Annotated[
        bool,
        typer.Option(
            "--from-the-beginning",
            help="Tell everything that ever happened; else what happens from now on.",
            show_default=False,
        ),
    ] = False,
) -> None:
    """Add a webhook and show its secret, this once."""
    from nuqta.engine.outbox import webhooks
    from nuqta.web import targets

    with understood("--kind"):
        kinds = webhooks.checked_kinds(kind or ())
    with frame.open() as engine:
        settings = engine.settings
        found = find_store(engine.vault.reader(), store)
        refusal = targets.check(url, private=bool(settings.webhook_private_targets))
        if refusal is not None:
            said = plain(refusal.text)
            raise Refused(f"{said} (NUQTA_WEBHOOK_PRIVATE_TARGETS=1 allows private ones)")
        now = engine.clock.now()
        made = settled(
            engine.door.write_now(
                "add webhook",
                lambda tx: webhooks.add(
                    tx, found.store_id, url, kinds, now, ORIGIN,
                    most=settings.webhooks_per_store, from_the_beginning=beginning,
                ),
            )
        )  # fmt: skip
    value = {**webhooks.shown(made), "secret": made.secret}
    frame.answer(
        value,
        [
            f"Webhook {made.webhook_id} is told of {found.name}'s events.",
            _lines(value),
            "Keep the secret now: it is shown this once and cannot be shown again.",
        ],
    )


@command(app, "list")
def every(frame: Frame, store: StoreOption) -> None:
    """List a store's webhooks, and what is wrong with them."""
    from nuqta.engine.outbox import webhooks

    with frame.open() as engine, engine.vault.snapshot() as tx:
        found = webhooks.of_store(tx, find_store(tx, store).store_id)
    values = [webhooks.shown(*one) for one in found]
    lines: list[str | dict[str, Any]] = []
    for value in values:
        lines += [_state(value), _lines(value)]
    frame.answer(values, lines or ["The store has no webhook."])


@command(app, "remove")
def remove(frame: Frame, store: StoreOption, webhook: WebhookOption) -> None:
    """Remove a webhook: it is told nothing more."""
    from nuqta.engine.outbox import webhooks

    webhook_id = _webhook_id(webhook)
    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        is_gone = engine.door.write_now(
            "remove webhook", lambda tx: webhooks.remove(tx, found.store_id, webhook_id)
        )
    if not is_gone:
        raise _unknown(webhook_id, found.name)
    frame.answer({"removed": webhook_id}, [f"Webhook {webhook_id} is told nothing more."])


@command(app, "resume")
def resume(frame: Frame, store: StoreOption, webhook: WebhookOption) -> None:
    """Let a webhook that was paused go on from where it stood."""
    from nuqta.engine.outbox import webhooks

    webhook_id = _webhook_id(webhook)
    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        resumed = engine.door.write_now(
            "resume webhook", lambda tx: webhooks.resume(tx, found.store_id, webhook_id)
        )
    if resumed is None:
        raise _unknown(webhook_id, found.name)
    _answer(frame, resumed, f"Webhook {webhook_id} goes on from where it stood.")


@command(app, "replay")
def replay(
    frame: Frame,
    store: StoreOption,
    webhook: WebhookOption,
    after: Annotated[
        str,
        typer.Option(
            metavar="CURSOR", help="What came after it is told again; else everything.",
            show_default=False,
        ),
    ] = "",
) -> None:  # fmt: skip
    """Tell a webhook again what came after a cursor."""
    from nuqta.engine.outbox import webhooks
    from nuqta.refusals import WEBHOOK_NOT_FOUND

    webhook_id = _webhook_id(webhook)
    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        replayed = engine.door.write_now(
            "replay webhook", lambda tx: webhooks.replay(tx, found.store_id, webhook_id, after)
        )
    if replayed is WEBHOOK_NOT_FOUND:
        raise _unknown(webhook_id, found.name)
    _answer(frame, settled(replayed), f"Webhook {webhook_id} is told again.")


def _webhook_id(text: str) -> int:
    from nuqta.loyalty.customers import ID_MAX

    return whole(text, "--webhook", 1, ID_MAX)


def _unknown(webhook_id: int, store: str) -> Refused:
    return Refused(f"there is no webhook {webhook_id} in {store}")


def _answer(frame: Frame, webhook: "Webhook", sentence: str) -> None:
    from nuqta.engine.outbox import webhooks

    value = webhooks.shown(webhook)
    frame.answer(value, [sentence, _lines(value)])


def _lines(value: dict[str, Any]) -> dict[str, Any]:
    from nuqta.ledger.events import KINDS

    kinds = "every kind" if len(value["kinds"]) == len(KINDS) else ", ".join(value["kinds"])
    return {**value, "kinds": kinds}


def _state(value: dict[str, Any]) -> str:
    """How a webhook fares, in one sentence."""
    named = f"Webhook {value['id']}"
    if value["paused_at"] is not None:
        return f"{named} is paused: {value['pause_reason'] or 'no reason is known'}."
    if value["failing_since"] is not None:
        return f"{named} has failed since {value['failing_since']} and is tried again."
    return f"{named} is told what happens."
