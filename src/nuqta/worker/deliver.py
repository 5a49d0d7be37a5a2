"""Delivery: every webhook is told of every event of its store, at least once, in order.

A lane is one webhook in one bucket. In a lane one event is sent at a time, and the next only when
the position of the last is written; so the events of an account, which all lie in one bucket, come
in order, and whatever is killed in between is told again and never left out. Lanes do not wait for
each other. Source: issue text of the life of a point.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from typing import Final

import httpx
import msgspec

from nuqta.engine.engine import Engine
from nuqta.engine.outbox import events, webhooks
from nuqta.engine.outbox.events import Placed
from nuqta.engine.outbox.webhooks import Reached
from nuqta.ledger.account import BUCKETS
from nuqta.ledger.instants import SECOND_US, Instant
from nuqta.storage.faults import StorageFault
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement
from nuqta.worker import post
from nuqta.worker.post import Outcome

_log = logging.getLogger("nuqta.deliver")
_DUE = statement("webhooks.due")
_LANES_MAX: Final = 4_096
"""Lanes looked at in one turn; those that fail stand behind those that do not."""
_PAGE: Final = 100
_DOUBLINGS_MAX: Final = 20
_HOUR_US: Final = 3_600 * SECOND_US


class Lane(msgspec.Struct):
    """One webhook in one bucket, how far it was told there, and how it has failed since."""

    store_id: int
    webhook_id: int
    url: str
    secret: str
    kinds: str
    dkey: int
    position: int
    tries: int
    failing_since: Instant

    @property
    def key(self) -> tuple[int, int]:
        """(webhook id, dkey)."""
        return (self.webhook_id, self.dkey)


class Deliveries:
    """The lanes of one worker. `may_go_on` is asked before each event, `luck` spreads the tries."""

    def __init__(
        self,
        engine: Engine,
        may_go_on: Callable[[], bool] = lambda: True,
        luck: random.Random | None = None,
    ) -> None:
        self.engine = engine
        self.may_go_on = may_go_on
        self._luck = luck or random.Random()
        self._running: dict[tuple[int, int], asyncio.Task[None]] = {}
        self._rests_until: dict[tuple[int, int], float] = {}  # after a fault of ours

    # -- lanes ------------------------------------------------------------------------------------
    def start_due(self) -> int:
        """Start every lane that has something to tell and is due, as far as there is room; how
        many. Raises StorageFault."""
        settings = self.engine.settings
        share = max(1, settings.delivery_concurrency // 4)
        now = self.engine.clock.wall()
        latest = now + settings.webhook_pause_seconds_max * SECOND_US
        started = 0
        for row in self.engine.vault.reader().rows(
            _DUE, now=now, latest=latest, buckets=BUCKETS, limit=_LANES_MAX
        ):
            if len(self._running) >= settings.delivery_concurrency:
                break
            lane = Lane(*row)
            same = sum(webhook_id == lane.webhook_id for webhook_id, _ in self._running)
            if lane.key in self._running or same >= share or self._rests(lane):
                continue
            task = asyncio.create_task(self._run(lane))
            self._running[lane.key] = task
            started += 1
        return started

    def _rests(self, lane: Lane) -> bool:
        until = self._rests_until.get(lane.key, 0.0)
        if asyncio.get_running_loop().time() < until:
            return True
        self._rests_until.pop(lane.key, None)
        return False

    async def rest(self, seconds: float) -> None:
        """Wait until a lane has ended, or for so long."""
        if self._running:
            await asyncio.wait(
                self._running.values(), timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        else:
            await asyncio.sleep(seconds)

    async def finish(self) -> None:
        """Wait for every lane that runs."""
        while self._running:
            await asyncio.wait(self._running.values())

    async def stop(self) -> None:
        """End at once: what is under way is told again later."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self, lane: Lane) -> None:
        try:
            async with post.client(self.engine.settings) as http:
                await self._tell(lane, http)
        except StorageFault as fault:
            self._rest_after_fault(lane)
            _log.error("webhook %d: %s", lane.webhook_id, fault)
        except Exception:
            self._rest_after_fault(lane)
            _log.exception("webhook %d failed", lane.webhook_id)
        finally:
            del self._running[lane.key]

    def _rest_after_fault(self, lane: Lane) -> None:
        """What was sent may not have been noted: without a pause it would be sent again at once,
        and again, for as long as the fault lasts."""
        pause_s = self.engine.settings.webhook_pause_seconds
        self._rests_until[lane.key] = asyncio.get_running_loop().time() + pause_s

    async def _tell(self, lane: Lane, http: httpx.AsyncClient) -> None:
        """Tell events one by one, until there is none, one fails, or the lane is not ours."""
        reader = self.engine.vault.reader
        while page := events.after(reader(), lane.dkey, lane.position, _PAGE):
            passed = lane.position
            for placed in page:
                if lane.kinds and placed.event.kind not in lane.kinds.split():
                    passed = placed.position
                    continue
                if not self.may_go_on() or not await self.tell_one(lane, placed, http):
                    return
                passed = placed.position
            if passed != lane.position and not await self.reach(lane, passed):
                return

    # -- one event --------------------------------------------------------------------------------
    async def tell_one(self, lane: Lane, placed: Placed, http: httpx.AsyncClient) -> bool:
        """Send one event, and only then write its position; whether the next may go."""
        outcome = await self.send(lane, placed, http)
        if not outcome.error:
            return await self.reach(lane, placed.position)
        await self.fail(lane, outcome)
        return False

    async def send(self, lane: Lane, placed: Placed, http: httpx.AsyncClient) -> Outcome:
        """One try of one event."""
        shown = events.shown(placed.event)
        return await post.send(
            http, self.engine.settings, lane.url, lane.secret, shown["id"],
            msgspec.json.encode(shown), self.engine.clock.wall(), lane.tries,
        )  # fmt: skip

    async def reach(self, lane: Lane, position: int) -> bool:
        """Write that a lane was told up to a position; whether it is still ours to go on with."""
        reached = Reached(lane.dkey, lane.webhook_id, position)
        if not await self._write(lane, reached, ""):
            return False
        lane.position, lane.tries, lane.failing_since = position, 0, 0
        return True

    async def fail(self, lane: Lane, outcome: Outcome) -> None:
        """Write when a lane is tried again; a webhook that failed for too long, or is gone, is
        paused."""
        settings, clock = self.engine.settings, self.engine.clock
        now = clock.wall()
        since = lane.failing_since or now
        wait_us = self._wait_us(lane.tries, outcome.wait_s)
        reason = ""
        if outcome.is_gone:
            reason = f"the address says that it is gone ({outcome.error})"
        # A clock that has jumped must not make three days out of a moment.
        elif now - since >= settings.webhook_retry_hours * _HOUR_US and not clock.has_moved():
            reason = f"failing for {settings.webhook_retry_hours} hours: {outcome.error}"
        error = outcome.error[: webhooks.REASON_LENGTH_MAX]
        failed = Reached(
            lane.dkey, lane.webhook_id, lane.position, lane.tries + 1, since, now + wait_us, error
        )
        await self._write(lane, failed, reason)
        _log.warning("webhook %d: %s", lane.webhook_id, reason or error)

    def _wait_us(self, tries: int, asked_s: int) -> int:
        """Exponential, with full jitter, and at least what the other side asked for, up to the
        longest pause."""
        settings = self.engine.settings
        longest = settings.webhook_pause_seconds_max * SECOND_US
        doubled = settings.webhook_pause_seconds * SECOND_US << min(tries, _DOUBLINGS_MAX)
        wait = self._luck.randint(0, min(doubled, longest))
        return min(max(wait, asked_s * SECOND_US), longest)

    async def _write(self, lane: Lane, reached: Reached, reason: str) -> bool:
        """Write where a lane stands, unless somebody has moved it; whether it may go on."""
        now = self.engine.clock.wall()

        def work(tx: Transaction) -> bool:
            webhook = webhooks.find(tx, lane.store_id, lane.webhook_id)
            if webhook is None or not webhooks.reach(tx, reached, lane.position):
                return False
            if reason:
                webhooks.pause(tx, lane.store_id, lane.webhook_id, reason, now)
            return not webhook.paused_at

        return await self.engine.door.write("deliver", work, whatever_the_clock=True)
