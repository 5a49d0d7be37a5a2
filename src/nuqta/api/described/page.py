"""The readable page: the table of routes as one HTML page that asks no other host for anything."""

from typing import Final

from nuqta.api.described.examples import Example
from nuqta.web.routes import Route

POLICY: Final = b"default-src 'none'"


def page(table: tuple[Route, ...], examples: dict[str, Example]) -> str:
    """The page."""
    return f"<!doctype html>{len(table)} {len(examples)}"
