"""Good calls: the pages on which the API describes itself, and those for who watches it."""

from typing import Final

from tests.calls.every import Call, Maker
from tests.http.server import METRICS_TOKEN

CALLS: Final[dict[str, Maker]] = {
    "GET /openapi.json": lambda house: Call("/openapi.json"),
    "GET /docs": lambda house: Call("/docs"),
    "GET /healthz": lambda house: Call("/healthz"),
    "GET /readyz": lambda house: Call("/readyz"),
    "GET /metrics": lambda house: Call(
        "/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}
    ),
}
