"""Hostile and odd calls, made from the API's own description: no server error, and no answer that
the description does not know.

schemathesis reads /openapi.json of a running house and walks all its phases with credentials that
are right. `make test` makes a few calls of each kind; `make fuzz` sets NUQTA_FUZZ_EXAMPLES (calls
of each route) and takes its time, each time with another seed. NUQTA_FUZZ_SEED repeats a run; a
failure says its seed.
"""

import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import pytest
import schemathesis
from schemathesis.config import (
    CacheConfig,
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
from nuqta.web.routes import Route, pattern_of
from tests.calls.events import webhook
from tests.calls.every import call_of
from tests.http.server import House, open_house
from tests.orders.shop import Shop, basic

EXAMPLES: Final = int(os.environ.get("NUQTA_FUZZ_EXAMPLES", "0"))
"""How many calls of each route are made up; 0 is the few of `make test`."""
SEED: Final = int(os.environ.get("NUQTA_FUZZ_SEED", "0")) or (
    random.randrange(1, 2**32) if EXAMPLES else 1
)
Case: TypeAlias = schemathesis.Case[Any]
Statuses: TypeAlias = dict[str, set[int]]
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


class Callers:
    """Gives every call the credentials of its kind, and lets many lead to what is there.

    Of the calls of a route, the first and every eighth are its good one; of the others' paths two
    of three name what there is, and the rest stay as they were made up. A customer's session is a
    new one for each call, because some calls end it.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        pair = Shop(house, house.world.riyadh).pair()
        self._source = basic(pair.username, pair.password)
        self._routes = {key_of(route): route for route in TABLE}
        self._asked: Counter[str] = Counter()
        self._names = {
            "store": str(house.world.riyadh.store_id),
            "id": str(house.world.aisha.customer_id),
            "order_id": "1001",
            "webhook": str(webhook(house)),
        }

    def get(self, case: Case, context: schemathesis.AuthContext) -> str:
        """Nothing that could be kept between calls."""
        return "one for each call"

    def set(self, case: Case, data: str, context: schemathesis.AuthContext) -> None:
        """Put them in."""
        number = self._asked[case.operation.label]
        self._asked[case.operation.label] += 1
        route = self._routes.get(case.operation.label)
        if route is not None and number % 8 == 0 and case.method == route.method:
            self._be_good(case, route)
        elif number % 3:
            self._lead(case, number)
        self._sign(case)
        for name, value in case.headers.items():
            case.headers[name] = str(value)  # some phases make numbers, which no header is

    def _sign(self, case: Case) -> None:
        schemes = case.operation.definition.raw.get("security", [])
        wanted = {name for one in schemes for name in one}
        house, riyadh = self._house, self._house.world.riyadh
        if "application" in wanted:
            case.headers.update(house.partner(riyadh))
        if "manager" in wanted:
            case.headers.update(house.manager(riyadh))
        if "customer" in wanted:
            case.headers["X-CUSTOMER-TOKEN"] = house.world.login(house.world.aisha)
        if "source" in wanted:
            case.headers["Authorization"] = self._source

    def _be_good(self, case: Case, route: Route) -> None:
        call = call_of(route, self._house)
        url = urlsplit(call.path)
        match = pattern_of(route.path).fullmatch(url.path)
        assert match is not None, call.path
        case.path_parameters = match.groupdict()
        case.query = dict(parse_qsl(url.query))
        case.headers.clear()
        case.headers.update(call.headers)
        if call.body is not None:
            case.body = json.loads(json.dumps(call.body))
            case.media_type = "application/json"

    def _lead(self, case: Case, number: int) -> None:
        for name in case.path_parameters:
            known = "webhook" if "/webhooks/" in case.path and name == "id" else name
            if known in self._names:
                case.path_parameters[name] = self._names[known]
        key = case.headers.get("Idempotency-Key")
        if key is not None:  # an example's key would serve but once
            case.headers["Idempotency-Key"] = f"{key[:200]}{number}"


def configured(house: House, examples: int) -> SchemathesisConfig:
    """All phases, with so many made-up calls of each route."""
    made_up = GenerationConfig(
        max_examples=examples,
        with_security_parameters=False,
        database="none",
        no_shrink=not EXAMPLES,
    )
    project = ProjectConfig(
        base_url=f"http://127.0.0.1:{house.port}",
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
    return SchemathesisConfig(
        seed=SEED, cache=CacheConfig(enabled=False), projects=ProjectsConfig(default=project)
    )


def failures(house: House, document: Any, examples: int) -> tuple[list[str], Statuses]:
    """What went wrong, and with which statuses each operation answered."""
    schema = schemathesis.openapi.from_dict(document, config=configured(house, examples))

    @schema.auth(refresh_interval=None)
    class OfThisHouse(Callers):
        def __init__(self) -> None:
            super().__init__(house)

    found: list[str] = []
    asked: Statuses = {}
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


def described(house: House) -> Any:
    """What the house says of itself."""
    return house.ask("GET", "/openapi.json").json


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
def test_no_answer_is_a_server_error_or_unknown_to_the_description(house: House) -> None:
    found, asked = failures(house, described(house), EXAMPLES or 3)
    assert not found, "\n".join([f"NUQTA_FUZZ_SEED={SEED}", *found[:20]])
    assert set(asked) == {key_of(route) for route in TABLE}
    silent = [name for name, statuses in asked.items() if not statuses & {200, 302, 303}]
    assert silent == [], "no call of these led to what is there"


def test_control_what_the_description_leaves_out_is_found(house: House) -> None:
    document = described(house)
    path = "/v1/managers/store/customers/{id}/login"
    document["paths"] = {path: {"delete": document["paths"][path]["delete"]}}
    del document["paths"][path]["delete"]["responses"]["404"]
    properties = document["components"]["schemas"]["SessionsEnded"]["properties"]
    properties["ended"] = {"type": "string"}
    found, _ = failures(house, document, 20)
    assert any("status_code_conformance" in one for one in found), found
    assert any("response_schema_conformance" in one for one in found), found
