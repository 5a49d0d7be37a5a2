"""One good call for every route of the table, about Aisha in Riyadh.

A module beside this one has those of a noun, by method and path as the table writes them; each
makes what its call is about. Whoever tests all routes takes them from here; the examples of the
documentation are these calls. A route without one fails.
"""

import pkgutil
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TypeAlias

import msgspec

from nuqta.web.routes import Route
from tests.http.server import House


class Call(msgspec.Struct, frozen=True):
    """What is sent beside the credentials: path, body as JSON, headers of the call's own."""

    path: str
    body: object = None
    headers: Mapping[str, str] = {}


Maker: TypeAlias = Callable[[House], Call]


def makers() -> dict[str, Maker]:
    """Every call there is, by "METHOD /path"."""
    found: dict[str, Maker] = {}
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name not in ("every", "callers"):
            found.update(import_module(f"tests.calls.{module.name}").CALLS)
    return found


def call_of(route: Route, house: House) -> Call:
    """The good call of a route. Raises KeyError where nobody wrote one."""
    return makers()[f"{route.method} {route.path}"](house)
