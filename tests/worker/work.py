"""The worker's steps one by one, as tests take them; nothing is tested here."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

from nuqta.engine.engine import Engine
from nuqta.engine.outbox import webhooks
from nuqta.engine.outbox.webhooks import Webhook
from nuqta.engine.stores import Store
from nuqta.worker.deliver import Deliveries
from nuqta.worker.publish import publish
from tests.world import World


def subscribe(
    world: World, url: str, *kinds: str, store: Store | None = None, beginning: bool = False
) -> Webhook:
    """A webhook of a store (Riyadh)."""
    store_id = (store or world.riyadh).store_id
    made = world.engine.door.write_now(
        "webhook",
        lambda tx: webhooks.add(
            tx, store_id, url, webhooks.checked_kinds(kinds), world.time.wall, "cli",
            most=10, from_the_beginning=beginning,
        ),
    )  # fmt: skip
    assert isinstance(made, Webhook)
    return made


def deliver(world: World, deliveries: Callable[[Engine], Deliveries] = Deliveries) -> None:
    """Give positions, then tell everything that is due now, until nothing is."""
    publish(world.engine)

    async def tell() -> None:
        running = deliveries(world.engine)
        while running.start_due():
            await running.finish()

    asyncio.run(tell())


def seeded(seed: int) -> Callable[[Engine], Deliveries]:
    """Deliveries with this luck."""
    return lambda engine: Deliveries(engine, luck=random.Random(seed))


def state(world: World, webhook: Webhook) -> dict[str, Any]:
    """A webhook as its owner sees it."""
    with world.engine.vault.snapshot() as tx:
        rows = webhooks.of_store(tx, webhook.store_id)
    return next(webhooks.shown(*row) for row in rows if row[0].webhook_id == webhook.webhook_id)


def resume(world: World, webhook: Webhook) -> None:
    """Let it go on."""
    world.engine.door.write_now(
        "resume", lambda tx: webhooks.resume(tx, webhook.store_id, webhook.webhook_id)
    )


def replay(world: World, webhook: Webhook, cursor: str = "") -> object:
    """Tell it again what came after a cursor."""
    return world.engine.door.write_now(
        "replay", lambda tx: webhooks.replay(tx, webhook.store_id, webhook.webhook_id, cursor)
    )


def numbered(world: World) -> list[tuple[int, int]]:
    """(customer, number) of every event in Riyadh's books, in order of account."""
    store_id = world.riyadh.store_id
    return [
        (row[0], row[1])
        for row in world.engine.vault.reader().rows_of(
            "SELECT customer_id, number FROM events WHERE dkey / 64 = ? ORDER BY 1, 2", (store_id,)
        )
    ]


def firsts(seen: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """What was told, without its repeats, account by account, in the order in which it came."""
    return sorted(dict.fromkeys(seen), key=lambda one: one[0])
