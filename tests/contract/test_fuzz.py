"""Hostile and odd calls, made from the API's own description: no server error, and no answer that
the description does not know.

schemathesis reads /openapi.json of a running house and walks all its phases with credentials that
are right. `make test` makes a few calls of each kind; `make fuzz` sets NUQTA_FUZZ_EXAMPLES (calls
of each route) and takes its time. NUQTA_FUZZ_SEED repeats a run; a failure says its seed.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import schemathesis
from schemathesis.config import (
    ChecksConfig,
    CoveragePhaseConfig,
    ExamplesPhaseConfig,
    FuzzingPhaseConfig,
    GenerationConfig,
    PhasesConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
    StatefulPhaseConfig,
)
from schemathesis.engine import events, from_schema

from nuqta.api.described.schemas import key_of
from nuqta.api.routes import TABLE
from tests.calls.events import webhook
from tests.http.server import House, open_house
from tests.orders.shop import Shop, basic

EXAMPLES: Final = int(os.environ.get("NUQTA_FUZZ_EXAMPLES", "0"))
"""How many calls of each route are made up; 0 is the few of `make test`."""
SEED: Final = int(os.environ.get("NUQTA_FUZZ_SEED", "0")) or random.randrange(1, 2**32)
CHECKS: Final = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_headers_conformance", "response_schema_conformance", "unsupported_method",
)  # fmt: skip


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house without limits, so that nothing but the calls themselves is judged."""
    with open_house(
        tmp_path, code_pause_seconds=0, codes_per_hour=1_000, webhooks_per_store=1_000,
    ) as one:  # fmt: skip
        yield one


class Credentials:
    """Gives every call the credentials of its kind, and most of them a path that leads somewhere.

    A customer's session is a new one for each call, because some calls end it.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        shop = Shop(house, house.world.riyadh)
        pair = shop.pair()
        self._number = 0
        self._source = basic(pair.username, pair.password)
        self._names = {
            "store": str(house.world.riyadh.store_id),
            "id": str(house.world.aisha.customer_id),
            "order_id": "1001",
            "webhook": str(webhook(house)),
        }

    def get(self, case: schemathesis.Case, context: schemathesis.AuthContext) -> str:
        """Nothing that could be kept between calls."""
        return "one for each call"

    def set(
        self, case: schemathesis.Case, data: str, context: schemathesis.AuthContext
    ) -> None:
        """Put them in."""
        schemes = case.operation.definition.raw.get("security", [{}])
        wanted = set().union(*schemes) if schemes else set()
        headers = case.headers
        riyadh, world = self._house.world.riyadh, self._house.world
        if "application" in wanted:
            headers.update(self._house.partner(riyadh))
        if "manager" in wanted:
            headers.update(self._house.manager(riyadh))
        if "customer" in wanted:
            headers["X-CUSTOMER-TOKEN"] = world.login(world.aisha)
        if "source" in wanted:
            headers["Authorization"] = self._source
        if "public" in wanted or "session" in wanted:
            headers["Host"] = "riyadh.example"
        key = headers.get("Idempotency-Key")
        if key is not None and self._number % 4:  # else an example's key would serve but once
            headers["Idempotency-Key"] = f"{key[:200]}{self._number}"
        self._lead(case)

    def _lead(self, case: schemathesis.Case) -> None:
        """Three of four paths lead to what is there; the rest stay as they were made up."""
        self._number += 1
        for name in case.path_parameters:
            known = "webhook" if "/webhooks/" in case.path and name == "id" else name
            if known in self._names and self._number % 4:
                case.path_parameters[name] = self._names[known]


def configured(examples: int) -> SchemathesisConfig:
    """All phases, with so many made-up calls of each route."""
    made_up = GenerationConfig(
        max_examples=examples, with_security_parameters=False, database="none", no_shrink=not EXAMPLES
    )
    project = ProjectConfig(
        continue_on_failure=True,
        checks=ChecksConfig.from_dict(
            {"enabled": False, **{name: {"enabled": True} for name in CHECKS}}
        ),
        generation=made_up,
        phases=PhasesConfig(
            examples=ExamplesPhaseConfig(),
            coverage=CoveragePhaseConfig(),
            fuzzing=FuzzingPhaseConfig(),
            stateful=StatefulPhaseConfig(max_steps=4),
        ),
    )
    return SchemathesisConfig(seed=SEED, projects=ProjectsConfig(default=project))


def failures(
    house: House, config: SchemathesisConfig
) -> tuple[list[str], dict[str, set[int]]]:
    """What went wrong, and with which statuses each operation answered."""
    schema = schemathesis.openapi.from_url(
        f"http://127.0.0.1:{house.port}/openapi.json", config=config
    )

    @schema.auth(refresh_interval=None)
    class OfThisHouse(Credentials):
        def __init__(self) -> None:
            super().__init__(house)

    found: list[str] = []
    asked: dict[str, set[int]] = {}
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError):
            found.append(f"{event.label}: {event.value!r}")
        if isinstance(event, events.FatalError):
            found.append(repr(event.exception))
        if isinstance(event, events.ScenarioFinished):
            found += told(event)
            for number, one in event.recorder.interactions.items():
                label = event.recorder.cases[number].value.operation.label
                status = one.response.status_code if one.response else 0
                asked.setdefault(label, set()).add(status)
    return found, asked


def told(event: events.ScenarioFinished) -> list[str]:
    """The failures of a scenario, each with its call."""
    found = []
    for checks in event.recorder.checks.values():
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info
                found.append(
                    f"{event.phase.value} {event.label} {check.name}: {failure.failure}\n"
                    f"  {failure.code_sample}"
                )
    return found


def test_no_answer_is_a_server_error_or_unknown_to_the_description(house: House) -> None:
    found, asked = failures(house, configured(EXAMPLES or 3))
    assert not found, "\n".join([f"NUQTA_FUZZ_SEED={SEED}", *found[:20]])
    print(asked)
    # Its own document is what schemathesis leaves out.
    assert set(asked) == {key_of(route) for route in TABLE} - {"GET /openapi.json"}
