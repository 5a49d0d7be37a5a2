"""The campaign that every test of this folder belongs to."""

from collections.abc import Iterator

import pytest

from tests.torture.campaign import SEED, Campaign

_PASSED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Remember whether the test passed: only what held is reported."""
    report = yield
    if call.when == "call":
        item.stash[_PASSED] = call.excinfo is None
    return report


@pytest.fixture
def campaign(request: pytest.FixtureRequest) -> Iterator[Campaign]:
    """The test's campaign. Its seed is printed, which pytest shows where the test fails."""
    one = Campaign(request.module.FAULT, request.node.nodeid.removeprefix("tests/torture/"))
    print(f"{SEED}={one.seed}")  # noqa: T201 - pytest keeps it for a failure
    yield one
    if request.node.stash.get(_PASSED, False):
        one.keep()
