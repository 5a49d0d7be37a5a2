"""Every route has an example in the documentation, and each is what the server really answers.

`make reference` (NUQTA_UPDATE_SNAPSHOTS=1) writes src/nuqta/api/described/examples.json anew from
the good calls of tests/calls. What differs from run to run (tokens, secrets, ids by chance) stands
in it as fixed words; the world's clock stands still.
"""

import os
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from nuqta.api import described
from nuqta.api.described.examples import FILE, Example
from nuqta.api.described.schemas import is_page, key_of
from nuqta.api.routes import TABLE
from nuqta.web.routes import Route, pattern_of
from tests.calls.callers import good, send
from tests.http.server import House

PATH: Final = Path(str(described.__file__)).with_name(FILE)
IS_WRITING: Final = os.environ.get("NUQTA_UPDATE_SNAPSHOTS") == "1"
TOKEN: Final = re.compile(r"(nq[a-z])_[0-9a-f]{8}_(?:[0-9a-f]{1,16}_)?[0-9a-f]{64}")
SECRET: Final = re.compile(r"(nq[a-z])_[0-9a-f]{64}")
UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
CURSOR: Final = re.compile(r"A[A-Za-z0-9_-]{90,}")
NUMBER: Final = re.compile(r"(?<![0-9.])[0-9]{13,16}(?![0-9.])")
CHANCE_LEAST: Final = 2**40
"""Ids by chance begin here, and nothing else in an example comes so far."""


class Fixed:
    """Puts fixed words in the place of what differs from run to run; equal things stay equal."""

    def __init__(self) -> None:
        self._uuids: dict[str, str] = {}
        self._numbers: dict[str, int] = {}

    def value(self, value: Any) -> Any:
        """A JSON value with fixed words."""
        if isinstance(value, dict):
            return {name: self.value(one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.value(one) for one in value]
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, int) and abs(value) >= CHANCE_LEAST:
            return self._number(str(value))
        return value

    def text(self, text: str) -> str:
        """A text with fixed words."""
        text = SECRET.sub(r"\1_example", TOKEN.sub(r"\1_example", text))
        text = UUID.sub(lambda found: self._uuid(found[0]), CURSOR.sub("cursor-example", text))
        return NUMBER.sub(lambda found: str(self._number(found[0])), text)

    def _uuid(self, text: str) -> str:
        number = len(self._uuids) + 1
        return self._uuids.setdefault(text, f"00000000-0000-4000-8000-{number:012}")

    def _number(self, text: str) -> int:
        return self._numbers.setdefault(text, 7001 + len(self._numbers))


def example_of(route: Route, house: House) -> Example:
    """The route's good call, sent now, and what came back."""
    call, headers = good(house, route)
    answer = send(house, route, call, headers)
    fixed = Fixed()
    url = urlsplit(fixed.text(call.path))
    match = pattern_of(route.path).fullmatch(url.path)
    assert match is not None, (route.path, call.path)
    return Example(
        path=fixed.text(call.path),
        path_values=match.groupdict(),
        query=dict(parse_qsl(url.query)),
        headers={name: fixed.text(value) for name, value in call.headers.items()},
        body=fixed.value(call.body),
        status=answer.status,
        answer=None if is_page(route) else fixed.value(answer.json),
    )


def stored() -> dict[str, Example]:
    """The examples as they stand in the file."""
    return msgspec.json.decode(PATH.read_bytes(), type=dict[str, Example])


def write(examples: dict[str, Example]) -> None:
    """Write those that are of the table, in its order."""
    kept = {key_of(row): examples[key_of(row)] for row in TABLE if key_of(row) in examples}
    PATH.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=1) + b"\n")


@pytest.mark.parametrize("route", TABLE, ids=key_of)
def test_an_example_is_what_is_answered(alone: House, route: Route) -> None:
    found = example_of(route, alone)
    if IS_WRITING:
        write({**stored(), key_of(route): found})
    assert found.status < 400, found.answer
    assert stored().get(key_of(route)) == found, "run `make reference`, and read the difference"


def test_every_example_is_of_a_route() -> None:
    if IS_WRITING:
        write(stored())
    assert list(stored()) == [key_of(route) for route in TABLE]


def test_no_example_has_a_secret_that_looks_real() -> None:
    text = PATH.read_text(encoding="utf-8")
    assert re.findall(r"[0-9a-f]{32}", text) == []
    assert re.findall(r"nq[a-z]_(?!example)", text) == []


def test_control_what_differs_is_fixed_and_what_is_equal_stays_equal() -> None:
    token, one, two = "nqc_00000000_1f_" + "ab" * 32, 2**52, 2**51
    body = {"a": token, "b": one, "c": [one, two, 5], "d": "nqw_" + "0" * 64}
    assert Fixed().value(body) == {
        "a": "nqc_example", "b": 7001, "c": [7001, 7002, 5], "d": "nqw_example",
    }  # fmt: skip
    assert Fixed().text(f"/v1/webhooks/{one}/resume") == "/v1/webhooks/7001/resume"
