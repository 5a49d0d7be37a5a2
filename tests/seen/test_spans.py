"""Spans, as OpenTelemetry's own package keeps them; and what happens where it is not installed."""

import subprocess
import sys
from pathlib import Path

from nuqta.api.points import PATH
from tests.seen.traced import open_traced


def test_a_request_has_a_span_and_the_transaction_that_did_it_points_there(tmp_path: Path) -> None:
    with open_traced(tmp_path) as (house, kept):
        world = house.world
        path = f"/v1/managers/store/customers/{world.badr.customer_id}/login"
        headers = {**house.manager(world.riyadh), "X-Request-Id": "r-1"}
        assert house.send("POST", path, headers).status == 200
        route = "/v1/managers/store/customers/{id}/login"
        (span,) = kept.named(f"POST {route}")
        assert dict(span.attributes or {}) == {
            "http.request.method": "POST", "http.route": route, "http.response.status_code": 200,
            "nuqta.request_id": "r-1", "nuqta.outcome": "done",
            "nuqta.store_id": world.riyadh.store_id, "nuqta.partner_id": world.partner,
        }  # fmt: skip
        (done,) = kept.named("door ")
        assert dict(done.attributes or {}) == {"nuqta.batch": 1}
        assert [link.context for link in done.links] == [span.context]
        assert span.start_time is not None
        assert done.start_time is not None
        assert done.end_time is not None
        assert span.start_time <= done.start_time <= done.end_time


def test_a_refusal_is_named_and_what_was_asked_for_in_vain_is_not(tmp_path: Path) -> None:
    with open_traced(tmp_path) as (house, kept):
        assert house.ask("GET", "/v1/managers/rules/aisha@shop.example").status == 404
        (span,) = kept.named("no route")
        found = dict(span.attributes or {})
        assert found["error.type"] == "ERROR_NOT_FOUND"
        assert "aisha" not in f"{span.name} {found}"


def test_a_callers_own_trace_is_not_taken_over(tmp_path: Path) -> None:
    """Else anybody could have everything traced, and write into others' traces."""
    theirs = "4bf92f3577b34da6a3ce929d0e0e4736"
    with open_traced(tmp_path) as (house, kept):
        house.ask("GET", "/healthz", {"traceparent": f"00-{theirs}-00f067aa0ba902b7-01"})
        (span,) = kept.named("GET /healthz")
        assert span.parent is None
        assert span.context is not None
        assert f"{span.context.trace_id:x}" != theirs


def test_balances_are_sampled_with_the_log(tmp_path: Path) -> None:
    with open_traced(tmp_path, log_reads=4) as (house, kept):
        world, token = house.world, house.world.login(house.world.aisha)
        for _ in range(8):
            assert house.balance(world.aisha, token).status == 200
        spans = kept.named(f"GET {PATH}")
        assert len(spans) == 2
        for span in spans:
            assert span.parent is None
            assert span.start_time is not None
            assert span.end_time is not None
            assert span.start_time < span.end_time
            assert token not in f"{span.attributes}"


WITHOUT = """
import sys

class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Nothing())
from nuqta.seen.spans import Spans

spans = Spans()
assert not spans.is_on
with spans.around("x") as span:
    assert span is None
spans.after("x", 1, {})
assert spans.here() is None
print("nothing is missed")
"""
BEFORE = """
import sys
import nuqta.api.app
import nuqta.engine.door
assert "opentelemetry" not in sys.modules
assert "prometheus_client" not in sys.modules
print("nothing is loaded")
"""


def said(source: str) -> str:
    """What a new interpreter says."""
    return subprocess.run(
        [sys.executable, "-c", source], check=True, capture_output=True, text=True
    ).stdout


def test_without_the_package_there_is_nothing_to_do() -> None:
    assert said(WITHOUT) == "nothing is missed\n"


def test_nobody_loads_it_who_serves_nothing() -> None:
    assert said(BEFORE) == "nothing is loaded\n"
