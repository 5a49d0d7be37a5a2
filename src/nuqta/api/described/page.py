"""The readable page: the table of routes as one HTML page that asks no other host for anything.

It has no script, and its policy allows none; its one style stands in it and is allowed by digest.
"""

import json
import shlex
from base64 import b64encode
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

import msgspec
from jinja2 import Environment, StrictUndefined

from nuqta import __version__
from nuqta.api.described import openapi, outcomes
from nuqta.api.described.examples import Example
from nuqta.api.described.schemas import key_of
from nuqta.refusals import Refusal
from nuqta.web.fields import Field
from nuqta.web.routes import Route, Who

_WHO: Final[dict[Who, str]] = {
    "manager": "An application with a manager token of the store.",
    "partner": "An application on the store.",
    "shopper": "An application, for a customer who has signed in.",
    "source": "The store's own source of orders, by its Basic pair.",
    "public": "Anybody.",
    "storefront": "A customer's browser, on the store's own domain.",
    "page": "Anybody's browser.",
}
_CREDENTIALS: Final[dict[Who, tuple[str, ...]]] = {
    "manager": ("Authorization: Bearer $APPLICATION", "X-Manager-Token: $MANAGER"),
    "partner": ("Authorization: Bearer $APPLICATION",),
    "shopper": ("Authorization: Bearer $APPLICATION", "X-CUSTOMER-TOKEN: $CUSTOMER"),
    "storefront": ("X-CUSTOMER-TOKEN: $CUSTOMER",),
}
_KINDS: Final = {
    "whole": "whole number", "amount": "decimal", "text": "text", "flag": "true or false",
    "any": "any",
}  # fmt: skip
_SHOWN_MOST: Final = 80


class Row(msgspec.Struct, frozen=True):
    """A field as the page lists it."""

    name: str
    where: str
    kind: str
    is_required: bool
    sentence: str
    example: str


class Shown(msgspec.Struct, frozen=True):
    """A route as the page shows it."""

    anchor: str
    method: str
    path: str
    sentence: str
    who: str
    scopes: tuple[str, ...]
    rows: list[Row]
    refusals: list[Refusal]
    curl: str
    answer: str


def page(table: tuple[Route, ...], examples: dict[str, Example]) -> str:
    """The page for a table of routes, with the examples that are there by `key_of`."""
    nouns: dict[str, list[Shown]] = {}
    for route in table:
        found = nouns.setdefault(openapi.noun_of(route).replace("_", " "), [])
        found.append(_shown(route, examples.get(key_of(route))))
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_file("docs.html")).render(
        version=__version__,
        about=openapi.ABOUT,
        style=_file("docs.css"),
        nouns=nouns,
        everywhere=sorted(outcomes.EVERYWHERE, key=lambda row: row.status),
        schemes=openapi.SCHEMES,
    )


def policy() -> bytes:
    """The page's Content-Security-Policy: its own style, and nothing else."""
    digest = b64encode(sha256(_file("docs.css").encode()).digest())
    return (
        b"default-src 'none'; style-src 'sha256-%b'; base-uri 'none'; form-action 'none';"
        b" frame-ancestors 'none'" % digest
    )


@lru_cache(maxsize=4)
def _file(name: str) -> str:
    return files("nuqta.api.described").joinpath(name).read_text(encoding="utf-8")


def _shown(route: Route, example: Example | None) -> Shown:
    return Shown(
        anchor=openapi.name_of(route),
        method=route.method,
        path=route.path,
        sentence=route.sentence,
        who=_WHO[route.who],
        scopes=route.scopes,
        rows=[
            *_rows("query", route.queries),
            *_rows("header", route.headers),
            *_rows("body", route.fields),
        ],
        refusals=outcomes.own(route),
        curl=_curl(route, example) if example else "",
        answer=_json(example.answer) if example and example.answer is not None else "",
    )


def _rows(where: str, fields: Sequence[Field]) -> list[Row]:
    return [
        Row(
            field.name, where, _kind(field), field.is_required, field.sentence,
            _example(field.example),
        )
        for field in fields
    ]  # fmt: skip


def _kind(field: Field) -> str:
    if field.choices:
        return "one of " + ", ".join(field.choices)
    return _KINDS[field.kind]


def _example(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_MOST else text[:_SHOWN_MOST] + "…"


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _curl(route: Route, example: Example) -> str:
    """The example's call for a shell, with credentials from the environment."""
    command = "curl" if route.method == "GET" else f"curl -X {route.method}"
    lines = [f'{command} "$NUQTA{example.path}"']
    if route.who == "source":
        lines.append('-u "$SOURCE"')
    lines += [f'-H "{header}"' for header in _CREDENTIALS.get(route.who, ())]
    lines += [f"-H {shlex.quote(f'{name}: {one}')}" for name, one in example.headers.items()]
    if example.body is not None:
        lines.append("-H 'Content-Type: application/json'")
        lines.append(f"-d {shlex.quote(_json(example.body))}")
    return " \\\n  ".join(lines)
