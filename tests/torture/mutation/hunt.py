"""The hunt: make the mutants, let the tests judge them, and say who survived.

    python -m tests.torture.mutation.hunt FOLDER COUNT SEED [NAME ...]

judges COUNT mutants of the ledger and the door (0: all of them), drawn by SEED, and those of these
names, and writes into FOLDER a table (mutants.txt) and the counts (mutants.json). With
NUQTA_MUTANTS_IN, a piece of text, it draws only from names that have it; NUQTA_MUTANTS_BY names the
files of the tests that judge. mutmut and cosmic-ray do the same for functions;
what they need (a terminal interface, a parser in another language; a database, a web client) is
more than all this, and neither gives each mutant a bound of its own.

Warm processes are forked, one child a mutant. Where a function is changed, its code is put in place
in a child of a process that has collected all tests; where the import itself must differ (tables,
defaults of fields), in a child of one that has not imported nuqta yet. What no test reaches has
survived. Mutants that no test can notice, because they mean the same, stand in equal.txt with the
reason; they are judged like the others, and counted by themselves.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

import apsw  # noqa: F401 - warms the process for the tests, as hypothesis and asyncio do
import hypothesis
import msgspec
import pytest

from tests.torture.mutation.children import SURVIVED, Job, verdicts
from tests.torture.mutation.mutations import Mutant, mutants, mutated
from tests.torture.mutation.suite import (
    ARGUMENTS,
    AT_ONCE,
    MAP,
    TESTS,
    Alone,
    Change,
    Reach,
    Served,
)

ROOT: Final = Path(__file__).resolve().parents[3]
_SOURCES: Final = ROOT / "src"
TARGETS: Final = (
    *sorted((_SOURCES / "nuqta" / "ledger").glob("[a-z]*.py")),
    _SOURCES / "nuqta" / "engine" / "door.py",
    _SOURCES / "nuqta" / "storage" / "books.py",
)
_TEXTS: Final = {file: file.read_text(encoding="utf-8") for file in TARGETS}
EQUAL: Final = Path(__file__).with_name("equal.txt")
ONLY: Final = "NUQTA_MUTANTS_IN"
BY: Final = "NUQTA_MUTANTS_BY"
_MODEL_STEPS: Final = "300"


class Found(msgspec.Struct):
    """What a hunt found. `survivors` are names; those of equal.txt are not among them."""

    seed: int
    judged: int
    killed: int
    equal: int
    survivors: list[str]
    wrongly_equal: list[str]
    """Named in equal.txt, and noticed all the same."""

    @property
    def share(self) -> float:
        """The share that was killed of the mutants that mean something else."""
        return self.killed / max(1, self.judged - self.equal)


def equal_mutants() -> dict[str, str]:
    """The names of mutants that mean the same as the text, and why."""
    found: dict[str, str] = {}
    name = ""
    for line in EQUAL.read_text(encoding="utf-8").splitlines():
        if line.startswith("    ") and name:
            found[name] = f"{found[name]} {line.strip()}".strip()
        elif line and not line.startswith("#"):
            name = line
            found[name] = ""
    return found


def all_mutants() -> list[Mutant]:
    """Of the ledger and the door, file by file."""
    return [one for file in TARGETS for one in mutants(_module(file), _TEXTS[file])]


def _module(file: Path) -> str:
    return ".".join(file.relative_to(_SOURCES).with_suffix("").parts)


def _file(module: str) -> Path:
    return _SOURCES.joinpath(*module.split(".")).with_suffix(".py")


class Hunt:
    """One hunt. Its folder keeps what the tests print, and the verdicts as they are given; what is
    kept for a while only goes into its room."""

    def __init__(self, chosen: Sequence[Mutant], folder: Path, room: Path) -> None:
        self._chosen = chosen
        self._room = room
        self._log = folder / "tests.log"
        self._told = folder / "verdicts.log"
        self._told.write_text("", encoding="utf-8")

    def run(self) -> None:
        """Judge them all. Raises RuntimeError where the tests fail without any mutant."""
        ((_, said),) = verdicts([Job("functions", self._serve, serves=self._log)], 1)
        if said != SURVIVED:
            raise RuntimeError(f"{said}: see {self._log}")
        reach = msgspec.json.decode((self._room / MAP).read_bytes(), type=Reach)
        alone = [one for one in self._chosen if not one.scope]
        for name, verdict in verdicts((self._alone(one, reach) for one in alone), AT_ONCE):
            self._tell(name, verdict)

    def verdicts(self) -> dict[str, str]:
        """What was said of each, by name."""
        with self._told.open(encoding="utf-8") as lines:
            return dict(line.rstrip("\n").split("\t") for line in lines)

    def _tell(self, name: str, verdict: str) -> None:
        with self._told.open("a", encoding="utf-8") as lines:
            lines.write(f"{name}\t{' '.join(verdict.split())}\n")

    def _serve(self) -> str:
        """In a child: all mutants of functions, by a process that has collected the tests."""
        served = Served(self._room, TARGETS, self._of_functions, self._tell)
        _warm()
        code = pytest.main(_arguments(), plugins=[served])
        return SURVIVED if code == 0 else f"pytest ended with {code}"

    def _of_functions(self, reach: Reach) -> Iterator[Change]:
        for one in self._chosen:
            if one.scope:
                yield self._change(one, reach)

    def _change(self, one: Mutant, reach: Reach) -> Change:
        tests = reach.of(str(_file(one.module)), one.first, one.last)
        if not one.scope:  # whatever uses the module, the most closely concerned first
            tests = reach.of(str(_file(one.module)), 0, 10**6)
            tests = tests or reach.ordered(reach.seconds)
        seconds = 3 * sum(reach.seconds[test] for test in tests) + 3
        return Change(one.name, one.module, one.scope, _code(one), tests, seconds)

    def _alone(self, one: Mutant, reach: Reach) -> Job:
        change = self._change(one, reach)

        def work() -> str:
            sys.meta_path.insert(0, _Finder(change.module, change.code))
            _warm()
            plugin = Alone(change.tests)
            code = pytest.main(_arguments(), plugins=[plugin])
            return plugin.first or (SURVIVED if code == 0 else f"pytest ended with {code}")

        return Job(one.name, work, change.seconds + 10)


def _arguments() -> list[str]:
    return [*ARGUMENTS, *(os.environ.get(BY, "").split() or TESTS)]


def _code(one: Mutant) -> CodeType:
    file = _file(one.module)
    code: CodeType = compile(mutated(_TEXTS[file], one), str(file), "exec")
    return code


def _warm() -> None:
    """What every process of tests needs: the very text that is mutated, and a plain hypothesis."""
    sys.path.insert(0, str(_SOURCES))
    hypothesis.settings.register_profile(
        "mutants", database=None, deadline=None, report_multiple_bugs=False, print_blob=False,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    hypothesis.settings.load_profile("mutants")


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Brings the changed module where the real one is asked for."""

    def __init__(self, module: str, code: CodeType) -> None:
        self._module = module
        self._code = code

    def find_spec(
        self, name: str, path: object, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self._module:
            return None
        return importlib.util.spec_from_file_location(name, _file(name), loader=_Given(self._code))


class _Given(importlib.abc.Loader):
    def __init__(self, code: CodeType) -> None:
        self._code = code

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, vars(module))


def hunt(folder: Path, count: int, seed: int, also: Sequence[str]) -> Found:
    """Judge so many mutants (0: all), drawn by the seed; what is found is written into the folder.

    Raises RuntimeError where the tests fail without any mutant.
    """
    folder.mkdir(parents=True, exist_ok=True)
    everyone = all_mutants()
    named = [one for one in everyone if one.name in also]
    others = [one for one in everyone
              if os.environ.get(ONLY, "") in one.name and one not in named]  # fmt: skip
    drawn = random.Random(seed).sample(others, count) if 0 < count < len(others) else others
    chosen = [*drawn, *named]
    os.environ["NUQTA_MODEL_STEPS"] = _MODEL_STEPS
    with tempfile.TemporaryDirectory(prefix="mutants") as room:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = room  # so that children leave nothing behind
        one = Hunt(chosen, folder, Path(room))
        one.run()
    said = one.verdicts()
    equal = equal_mutants()
    lived = [name for name, verdict in said.items() if verdict == SURVIVED]
    found = Found(
        seed, len(said), len(said) - len(lived),
        sum(name in equal for name in lived),
        sorted(name for name in lived if name not in equal),
        sorted(name for name in equal if said.get(name, SURVIVED) != SURVIVED),
    )  # fmt: skip
    (folder / "mutants.json").write_bytes(msgspec.json.encode(found))
    (folder / "mutants.txt").write_text(_table(said, equal), encoding="utf-8")
    return found


def _table(verdicts: dict[str, str], equal: dict[str, str]) -> str:
    told = {name: "equal" if verdict == SURVIVED and name in equal else verdict
            for name, verdict in verdicts.items()}  # fmt: skip
    lines = [f"{name}\n    {told[name]}" for name in sorted(told)]
    by_module: dict[str, Counter[str]] = {}
    for name, verdict in told.items():
        kind = verdict if verdict in ("equal", SURVIVED) else "killed"
        by_module.setdefault(name.split()[0], Counter())[kind] += 1
    head = [f"{module}: {dict(sorted(counts.items()))}"
            for module, counts in sorted(by_module.items())]  # fmt: skip
    return "\n".join([*head, "", *lines]) + "\n"


def main(arguments: Sequence[str]) -> int:
    """The command line; 1 where fewer than nine of ten were killed."""
    folder, count, seed, *also = arguments
    os.nice(10)
    os.chdir(ROOT)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # its children end with it
    found = hunt(Path(folder), int(count), int(seed), also)
    print(  # noqa: T201 - the answer of a command
        f"seed {seed}: {found.judged} judged, {found.killed} killed, {found.equal} equal,"
        f" {len(found.survivors)} survived: {found.share:.1%}"
    )
    for name in found.survivors:
        print(f"survived: {name}")  # noqa: T201
    for name in found.wrongly_equal:
        print(f"not equal: {name}")  # noqa: T201
    return 0 if found.share >= 0.9 and not found.wrongly_equal else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
