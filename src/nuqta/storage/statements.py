"""Named SQL: every statement lives in a .sql file of its noun, and is read here once.

A statement opens with `-- name: ...` and a comment that says what it is. Parameters are written
`:name` and translated to the engine's own form once, when the file is read. A statement on rows of
customers names one `dkey`, or its comment opens with `store-wide:` and the reason.
"""

import re
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

_PARAMETER = re.compile(r":([a-z_]+)")
_HEAD = re.compile(r"^-- name: ([a-z_]+)$", re.MULTILINE)


class Statement(msgspec.Struct, frozen=True):
    """One named statement: `text` with numbered parameters, and their names in that order."""

    name: str
    sentence: str
    text: str
    parameters: tuple[str, ...]

    def bind(self, values: dict[str, object]) -> tuple[object, ...]:
        """The values in the statement's order. Raises KeyError where one is missing."""
        return tuple([values[name] for name in self.parameters])


@cache
def noun(name: str) -> dict[str, Statement]:
    """Every statement of a noun's file."""
    text = files("nuqta.storage").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    pieces = _HEAD.split(text)
    return {
        short: _parsed(f"{name}.{short}", body)
        for short, body in zip(pieces[1::2], pieces[2::2], strict=True)
    }


def statement(name: str) -> Statement:
    """The statement called `noun.name`. Raises KeyError where there is none."""
    file, short = name.split(".")
    return noun(file)[short]


NOUNS: Final = (
    "points", "holds", "orders", "redemption", "events", "webhooks", "leases", "customers",
    "sessions", "partners", "staff", "oauth", "program", "cashback", "pages", "replies", "seals",
    "meta",
)  # fmt: skip
"""The .sql files there are."""


def _parsed(name: str, body: str) -> Statement:
    lines = body.strip().splitlines()
    comments = [line.removeprefix("--").strip() for line in lines if line.startswith("--")]
    text = "\n".join(line for line in lines if not line.startswith("--")).rstrip(";\n ")
    parameters: list[str] = []

    def numbered(match: re.Match[str]) -> str:
        if match[1] not in parameters:
            parameters.append(match[1])
        return f"?{parameters.index(match[1]) + 1}"

    return Statement(name, " ".join(comments), _PARAMETER.sub(numbered, text), tuple(parameters))
