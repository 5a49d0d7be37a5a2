"""The ways in which Zid's clients send one thing. Nothing is tested here.

Source: contract, zid-loyalty, section 1.5; decisions, section 4, items 3 and 10.
"""

import json
from typing import Any, Final
from urllib.parse import urlencode

from nuqta.engine.stores import Store
from tests.http.server import Answer, House
from tests.http.test_bodies import BOUNDARY, multipart

WAYS: Final = ("nested", "flat", "texts", "url-encoded", "multipart")
"""JSON with objects; JSON with names in brackets; the same with every value as a text; forms."""
SLASHES: Final = ("", "/")


def in_brackets(body: dict[str, Any]) -> dict[str, Any]:
    """The body under the names that its fields have in a form."""
    flat: dict[str, Any] = {}
    for name, value in body.items():
        if isinstance(value, dict):
            flat.update({f"{name}[{inner}]": one for inner, one in value.items()})
        else:
            flat[name] = value
    return flat


def written(way: str, body: dict[str, Any]) -> tuple[bytes, str]:
    """The bytes of a nested body sent in one of the ways, and their content type."""
    texts = {name: str(value) for name, value in in_brackets(body).items()}
    if way == "url-encoded":
        return urlencode(texts).encode(), "application/x-www-form-urlencoded"
    if way == "multipart":
        return multipart(texts), f"multipart/form-data; boundary={BOUNDARY}"
    sent = {"nested": body, "flat": in_brackets(body), "texts": texts}[way]
    return json.dumps(sent).encode(), "application/json"


def manage(
    house: House, method: str, path: str, body: dict[str, Any], way: str, store: Store
) -> Answer:
    """One call of a store's manager, sent in one of the ways."""
    data, kind = written(way, body)
    return house.ask(method, path, {**house.manager(store), "Content-Type": kind}, data)


def as_written(value: object) -> str:
    """JSON in which the order of the keys counts, and 1 is not 1.0."""
    return json.dumps(value)
