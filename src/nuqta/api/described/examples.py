"""Examples: one call of every route and its answer, as a test has really sent and received it.

The file beside this one is written by that test, with fixed words where each run has its own.
"""

from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

import msgspec

FILE: Final = "examples.json"


class Example(msgspec.Struct, frozen=True):
    """A call and its answer: `answer` is null where it is no JSON, and `body` where none was sent.

    `path_values` and `query` are the parts of the path and of the query by name.
    """

    path: str
    path_values: dict[str, str]
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    status: int
    answer: Any


@lru_cache(maxsize=1)
def examples() -> dict[str, Example]:
    """Every example, by "METHOD /path"."""
    data = files("nuqta.api.described").joinpath(FILE).read_bytes()
    return msgspec.json.decode(data, type=dict[str, Example])
