"""The terminal as tests use it: command lines in, exit code and both streams out.

`Terminal` runs the command in this process, through the same `main` that the script calls;
`process` runs it as one of its own. Both work on a database in the test's own folder.
"""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

from nuqta.cli import main


class Outcome(NamedTuple):
    """What a command line came to."""

    code: int
    out: str
    err: str


class Terminal:
    """A shop's terminal: a database, a store, and customers 1 and 2."""

    def __init__(self, db: Path, store: str = "") -> None:
        self.db = str(db)
        self.store = store

    def run(self, *args: str) -> Outcome:
        """Run one command line on the database of this terminal."""
        return run("--db", self.db, *args)

    def value(self, *args: str, code: int = 0) -> Any:
        """Run one that must exit with `code` and print exactly one JSON value."""
        outcome = self.run(*args, "--json")
        assert outcome.code == code, outcome
        return json.loads(outcome.out)

    def no(self, code: int, *args: str) -> str:
        """Run one that must fail with `code`: nothing on stdout, one sentence on stderr."""
        outcome = self.run(*args)
        assert (outcome.code, outcome.out) == (code, ""), outcome
        return one_sentence(outcome.err)

    def adjust(self, direction: str, points: str, *more: str) -> tuple[str, ...]:
        """The words that add to or deduct from customer 1."""
        return (
            "points", "adjust", "--store", self.store, "--customer", "1",
            "--direction", direction, "--points", points, "--reason", "a test", *more,
        )  # fmt: skip


def run(*args: str) -> Outcome:
    """Run one command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(list(args))
    return Outcome(code, out.getvalue(), err.getvalue())


def process(*args: str, cwd: Path, env: dict[str, str] | None = None) -> Outcome:
    """Run one command line as a process of its own, in a folder, without our settings."""
    done = subprocess.run(
        [sys.executable, "-m", "nuqta", *args],
        cwd=cwd,
        env={**bare_environment(), **(env or {})},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def bare_environment() -> dict[str, str]:
    """This process's environment without nuqta's settings."""
    return {name: text for name, text in os.environ.items() if not name.startswith("NUQTA_")}


def one_sentence(err: str) -> str:
    """What stderr holds, which must be one line without a trace of Python."""
    assert err.endswith("\n"), err
    assert err.count("\n") == 1, err
    assert len(err) > 10, err
    assert "Traceback" not in err
    return err.strip()
