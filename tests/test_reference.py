"""The reference pages are made from the tables; `make reference` writes them anew.

A setting, refusal or route that is not documented, or is documented otherwise than it is, fails.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nuqta.api.app import request_meters
from nuqta.api.routes import TABLE as ROUTES
from nuqta.api.seeing.metrics import BOOKS
from nuqta.refusals import ALL
from nuqta.seen.door import FAMILIES
from nuqta.settings import TABLE as SETTINGS
from nuqta.texts import ARABIC, say

_FOLDER = Path(__file__).parent.parent / "docs" / "reference"


def settings_page() -> str:
    """Every setting."""
    lines = [
        "# Settings",
        "",
        "Read from the environment when a command starts; a value outside its limits stops it.",
        "",
        "| name | default | limits | what it is |",
        "|---|---|---|---|",
    ]
    for row in SETTINGS:
        limits = f"{row.least} … {row.most}" if isinstance(row.default, int) else ""
        default = f"`{row.default}`" if row.default != "" else "(empty)"
        lines.append(f"| `NUQTA_{row.name}` | {default} | {limits} | {row.sentence} |")
    return "\n".join(lines) + "\n"


def refusals_page() -> str:
    """Every refusal."""
    lines = [
        "# Refusals",
        "",
        'Every expected "no", as `message.code` of the error envelope; a retry has a new key.',
        "",
        "| code | status | retry | English | Arabic |",
        "|---|---|---|---|---|",
    ]
    for row in ALL:
        retry = "can help" if row.can_retry else "cannot help"
        lines.append(
            f"| `{row.code}` | {row.status} | {retry} | {row.text} | {say(row.text, ARABIC)} |"
        )
    return "\n".join(lines) + "\n"


def routes_page() -> str:
    """Every route."""
    lines = [
        "# Routes",
        "",
        "With and without a slash at the end. `manager`: `Authorization` and `X-Manager-Token`;",
        "`partner`: `Authorization`; `shopper`: `Authorization` and `X-CUSTOMER-TOKEN`;",
        "`source`: `Authorization` with the store's own Basic pair (`nuqta store webhook`).",
        "",
        "| method | path | who | scope | what it does |",
        "|---|---|---|---|---|",
    ]
    for row in ROUTES:
        scope = f"`{'` or `'.join(row.scopes)}`" if row.scopes else "none"
        lines.append(f"| {row.method} | `{row.path}` | {row.who} | {scope} | {row.sentence} |")
    return "\n".join(lines) + "\n"


def metrics_page() -> str:
    """Every figure of /metrics."""
    lines = [
        "# Metrics",
        "",
        "What `/metrics` tells Prometheus; how to read it is in [operate.md](../operate.md). Those",
        "with a label `worker` stand for each process; all others are summed over all processes of",
        "the server. Beside them are Prometheus' own `process_…`, and `nuqta_build_info`.",
        "",
        "| name | kind | labels | what it is |",
        "|---|---|---|---|",
    ]
    for family in (*FAMILIES, *request_meters().sheet.families):
        name = f"{family.name}_total" if family.kind == "counter" else family.name
        labels = (*family.labels, "worker") if family.kind == "gauge" else family.labels
        shown = ", ".join(f"`{label}`" for label in labels)
        lines.append(f"| `{name}` | {family.kind} | {shown} | {family.sentence} |")
    lines += [f"| `{name}` | gauge |  | {sentence} |" for name, (sentence, _) in BOOKS.items()]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("settings.md", settings_page),
        ("refusals.md", refusals_page),
        ("routes.md", routes_page),
        ("metrics.md", metrics_page),
    ],
)
def test_a_reference_page_says_what_its_table_says(name: str, page: Callable[[], str]) -> None:
    """The page in docs/reference is the one that the table makes."""
    path = _FOLDER / name
    if os.environ.get("NUQTA_UPDATE_SNAPSHOTS") == "1":
        path.write_text(page(), encoding="utf-8")
    assert path.read_text(encoding="utf-8") == page(), f"{name} is old: run `make reference`"


def test_a_page_that_lacks_a_row_differs() -> None:
    """The control: a row more in a table makes another page."""
    assert settings_page() != settings_page().replace(f"`NUQTA_{SETTINGS[0].name}`", "")
