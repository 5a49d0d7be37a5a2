"""Whether the server is alive, and whether it is ready: /healthz and /readyz.

Anybody may ask, no pace is counted, and nothing is told but names. Alive is who answers and has a
writer: a server that is not is to be started anew. Ready is who can do all that it is asked for;
one that is not may become so by itself, and needs no new start.
"""

from typing import Final, Literal

import msgspec

from nuqta.engine.engine import Engine
from nuqta.storage.faults import StorageFault
from nuqta.storage.migrate import newest
from nuqta.web.replies import NO_STORE, encode
from nuqta.web.routes import Outcome, Page, Paper, Request, Route

_JSON: Final = b"application/json"


class Health(msgspec.Struct, frozen=True):
    """`failing` names what fails, and is empty where all is well."""

    status: Literal["ok", "failing"]
    failing: list[str]


async def healthz(request: Request) -> Outcome:
    """Whether the server is alive: it answers, and its writer lives. 503 names what does not:
    `writer`."""
    return _answer([] if request.engine.door.state().is_alive else ["writer"])


async def readyz(request: Request) -> Outcome:
    """Whether the server is ready: it can read, and its last commit was made. 503 names what
    fails: `writer` has died; `closing`; `queue_full`; `clock_moved`; `full`, `busy`, `unknown` or
    `storage` for a commit that failed; `read`; `migrations`. Where a commit failed, one is tried
    again, once a second at most."""
    engine = request.engine
    failing = _of_door(engine)
    if failing and not {"writer", "closing", "queue_full"} & set(failing):
        await engine.door.try_again()
        failing = _of_door(engine)
    return _answer(failing + _of_file(engine))


def _of_door(engine: Engine) -> list[str]:
    state = engine.door.state()
    found = {
        "writer": not state.is_alive and not state.is_closed,
        "closing": state.is_closed,
        "queue_full": not state.has_room,
        "clock_moved": engine.clock.has_moved(),
    }
    if state.trouble:
        found[state.trouble] = True
    return [name for name, is_so in found.items() if is_so]


def _of_file(engine: Engine) -> list[str]:
    """One small read answers for all: that the file is there, and that its schema is ours."""
    try:
        ((version,),) = engine.vault.reader().rows_of("PRAGMA user_version", ())
        ((_,),) = engine.vault.reader().rows_of("SELECT count(*) FROM (SELECT 1 FROM stores)", ())
    except StorageFault:
        return ["read"]
    return [] if version == newest() else ["migrations"]


def _answer(failing: list[str]) -> Page:
    body = encode(Health("failing" if failing else "ok", failing))
    return Page(503 if failing else 200, _JSON, body, (NO_STORE,))


_PAPER: Final = Paper({200: "application/json", 503: "application/json"})

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/healthz", "page", "", healthz, "Whether the server is alive.", takes_more=True,
          answer=_PAPER),
    Route("GET", "/readyz", "page", "", readyz, "Whether the server is ready, or what fails.",
          takes_more=True, answer=_PAPER),
)  # fmt: skip
