"""The tests that judge mutants, inside pytest: which of them reach which line, and how they fail.

Two plugins. `Served` runs in a process that has collected every test; it maps the tests to the
lines that they reach, and then forks a child for each mutant, in which the changed function takes
the place of the real one. `Alone` runs one mutant that only an import can bring about. Neither
knows how mutants are made or chosen.
"""

import gc
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Final, TypeAlias

import coverage
import msgspec
import pytest

from tests.torture.mutation.children import SURVIVED, Job, verdicts

ARGUMENTS: Final = (
    "-q", "--disable-plugin-autoload", "-p", "no:cacheprovider",
    "-p", "_hypothesis_pytestplugin", "--hypothesis-seed=0",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",
    "--capture=sys", "-o", "tmp_path_retention_policy=none",
    "-k", "not (control or sqlite_agree or 720 or shuffled or in_an_account or in_a_lot)",
)  # fmt: skip
"""Controls are left out, because that they fail is no news; and of the tests by chance all but two,
because they find by luck what tales find by name."""
TESTS: Final = (
    "tests/ledger", "tests/engine/test_door.py", "tests/engine/test_writer.py",
    "tests/engine/test_standing.py", "tests/storage/test_books.py", "tests/storage/test_damage.py",
)  # fmt: skip
"""The fast tests of what is mutated."""
PER_TEST_S: Final = 6.0
"""Tests that take more of the processor judge no mutants."""
AT_ONCE: Final = os.cpu_count() or 1
MAP: Final = "reach.json"
"""The file, in the hunt's own folder, in which a Reach is written."""
_MAP_S: Final = 900.0


class Reach(msgspec.Struct):
    """How many seconds of processor each test takes, and by file and line which tests reach it."""

    seconds: dict[str, float]
    lines: dict[str, dict[int, list[str]]]

    def of(self, path: str, first: int, last: int) -> list[str]:
        """The tests that reach one of these lines, the quickest first."""
        lines = self.lines.get(path, {})
        found = {test for line in range(first, last + 1) for test in lines.get(line, ())}
        return self.ordered(found)

    def ordered(self, tests: Iterable[str]) -> list[str]:
        """The quickest first, without those that are too slow."""
        quick = [test for test in tests if self.seconds.get(test, PER_TEST_S) < PER_TEST_S]
        return sorted(quick, key=lambda test: (self.seconds[test], test))


class Change(msgspec.Struct, frozen=True):
    """A mutant as the plugins need it: its name, module and function, its code, and its judges."""

    name: str
    module: str
    scope: str
    code: CodeType
    tests: list[str]
    seconds: float


Ask: TypeAlias = Callable[[Reach], Iterable[Change]]
Tell: TypeAlias = Callable[[str, str], None]


class Failures:
    """Hears the first test that fails."""

    def __init__(self) -> None:
        self.first = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.first:
            self.first = report.nodeid


class Served(Failures):
    """Serves mutants of functions: `ask` is given the map, and yields what is to be judged."""

    def __init__(self, folder: Path, files: Sequence[Path], ask: Ask, tell: Tell) -> None:
        super().__init__()
        self._folder = folder
        self._files = files
        self._ask = ask
        self._tell = tell

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In place of running the tests."""
        items = {item.nodeid: item for item in session.items}
        gc.collect()
        gc.freeze()  # children share what is there
        ((_, said),) = verdicts([Job("map", lambda: self._map(session.items), _MAP_S)], 1)
        if said != SURVIVED:
            raise RuntimeError(f"the tests fail without any mutant: {said}")
        reach = msgspec.json.decode((self._folder / MAP).read_bytes(), type=Reach)
        jobs = (
            Job(one.name, lambda one=one: self._judge(one, items), one.seconds)  # type: ignore[misc]
            for one in self._ask(reach)
        )
        for name, verdict in verdicts(jobs, AT_ONCE):
            self._tell(name, verdict)
        return True

    def _map(self, items: Sequence[pytest.Item]) -> str:
        """Run every test once, and write down what it reaches."""
        cover = coverage.Coverage(
            data_file=str(self._folder / "coverage"), include=[str(file) for file in self._files],
            config_file=False,
        )  # fmt: skip
        seconds = {}
        for item in items:
            cover.start()
            cover.switch_context(item.nodeid)
            begun = time.process_time()
            _run([item])
            seconds[item.nodeid] = time.process_time() - begun
            cover.stop()
            if self.first:
                return self.first
        data = cover.get_data()
        lines = {
            str(file): {
                line: [one for one in contexts if one]
                for line, contexts in data.contexts_by_lineno(str(file)).items()
            }
            for file in self._files
        }
        (self._folder / MAP).write_bytes(msgspec.json.encode(Reach(seconds, lines)))
        return SURVIVED

    def _judge(self, change: Change, items: dict[str, pytest.Item]) -> str:
        _put(change)
        for test in change.tests:
            _run([items[test]])
            if self.first:
                return self.first
        return SURVIVED


class Alone(Failures):
    """Runs these tests, in this order, until one fails."""

    def __init__(self, tests: Sequence[str]) -> None:
        super().__init__()
        self._tests = tests

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In place of running the tests."""
        items = {item.nodeid: item for item in session.items}
        for test in self._tests:
            if test in items:
                _run([items[test]])
            if self.first:
                break
        return True


def _run(items: Sequence[pytest.Item]) -> None:
    for item in items:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)


def _put(change: Change) -> None:
    """The changed code takes the place of the function's own, for all who have imported it."""
    found = _code_of(change.code, change.scope)
    live: Any = sys.modules[change.module]
    for name in change.scope.split("."):
        live = vars(live)[name]
    live = getattr(live, "fget", live)
    live = getattr(live, "__func__", live)
    live = getattr(live, "__wrapped__", live)
    assert isinstance(live, FunctionType)
    live.__code__ = found


def _code_of(module: CodeType, scope: str) -> CodeType:
    for one in module.co_consts:
        if isinstance(one, CodeType):
            if one.co_qualname == scope:
                return one
            if scope.startswith(f"{one.co_qualname}."):
                return _code_of(one, scope)
    raise LookupError(f"{scope} is no function of {module.co_filename}")
