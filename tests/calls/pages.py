"""Good calls: the pages on which the API describes itself."""

from typing import Final

from tests.calls.every import Call, Maker

CALLS: Final[dict[str, Maker]] = {
    "GET /openapi.json": lambda house: Call("/openapi.json"),
    "GET /docs": lambda house: Call("/docs"),
}
