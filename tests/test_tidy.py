"""The tidy test: every rule of tests/tidy.py, asked of the real tree.

Each rule stands in the table RULES together with small trees that break it. The first
test asks the rules of the real tree; a control feeds each rule its own offenders and
expects a report, so that a rule that has gone blind is noticed.
"""

from pathlib import PurePosixPath

import pytest

from tests.tidy import (
    FOLDER_MODULES_MAX,
    FUNCTION_LINES_MAX,
    MODULE_LINES_MAX,
    REGISTRIES,
    UNFINISHED_WORDS,
    File,
    Rule,
    folders_are_small,
    functions_are_short,
    listed_by_walking,
    modules_are_short,
    names_say_something,
    no_machine_is_named,
    no_registry_is_named,
    no_test_mocks_us,
    no_test_sleeps,
    nothing_is_left_unfinished,
    opens_with_a_docstring,
    points_are_whole,
    skips_give_a_reason,
    suppressions_are_precise,
    tree_files,
)


def offenders(path: str, *texts: str) -> list[list[File]]:
    """One small tree for each text, all of them to be reported."""
    return [[File(path, text)] for text in texts]


MANY_LINES = "x = 1\n" * (MODULE_LINES_MAX + 1)
LONG_FUNCTION = "def long() -> None:\n" + "    x = 1\n" * FUNCTION_LINES_MAX
CROWD = [File(f"src/nuqta/crowd/m{n}.py", '"""One."""\n') for n in range(FOLDER_MODULES_MAX + 1)]
A_TEST = "tests/test_offender.py"

RULES: list[tuple[Rule, list[list[File]]]] = [
    (opens_with_a_docstring, offenders("src/nuqta/new.py", "", "x = 1\n", "# a comment\n")),
    (functions_are_short, offenders("bench/long.py", LONG_FUNCTION, "async " + LONG_FUNCTION)),
    (modules_are_short, offenders("src/nuqta/new.py", MANY_LINES)),
    (folders_are_small, [CROWD]),
    (
        names_say_something,
        offenders("src/nuqta/utils.py", "") + offenders("src/nuqta/core/lots.py", ""),
    ),
    (
        nothing_is_left_unfinished,
        offenders("docs/new.md", *(f"({word}: later)\n" for word in UNFINISHED_WORDS)),
    ),
    (no_registry_is_named, offenders("a.txt", *(f"https://{name}/x\n" for name in REGISTRIES))),
    (
        no_machine_is_named,
        offenders(
            "a.txt",
            "see /" + "home/ann/x",
            "'/" + "Users/ann'",
            "file:///" + "root/x",
            "C:" + "\\Users\\ann",
        ),
    ),
    (
        suppressions_are_precise,
        offenders(
            A_TEST,
            "x = 1  # type: ignore\n",
            "x = 1  # type:ignore\n",
            "x = 1  # noqa\n",
            "x = 1  # noqa: because\n",
            "# ruff: noqa\n",
        ),
    ),
    (
        points_are_whole,
        offenders("src/nuqta/ledger/new.py", "x = float(y)\n", "x: float\n", "x = y * 0.5\n")
        + offenders("src/nuqta/loyalty/new.py", "def f(x: int) -> float | None: ...\n"),
    ),
    (
        no_test_sleeps,
        offenders(
            A_TEST,
            "time.sleep(0.1)\n",
            "async def f():\n    await asyncio.sleep(1)\n",
            "async def f():\n    await asyncio.sleep(delay)\n",
            "from time import sleep\n",
        ),
    ),
    (
        no_test_mocks_us,
        offenders(
            A_TEST,
            "from unittest import mock\n",
            "from unittest.mock import patch\n",
            "import unittest.mock\n",
            "monkeypatch.setattr('nuqta.engine.post', fake)\n",
            "from nuqta import engine\nmonkeypatch.setattr(engine, 'post', fake)\n",
            "import nuqta.web as w\nmonkeypatch.setattr(w.guard, 'check', fake)\n",
        ),
    ),
    (
        skips_give_a_reason,
        offenders(
            A_TEST,
            "@pytest.mark.skip\ndef test_x(): ...\n",
            "@pytest.mark.skip()\ndef test_x(): ...\n",
            "@pytest.mark.skipif(True)\ndef test_x(): ...\n",
            "@pytest.mark.xfail(strict=True)\ndef test_x(): ...\n",
            "def test_x():\n    pytest.skip('')\n",
        ),
    ),
]

# What looks like an offence and is none: a rule that cries wolf is soon switched off.
HARMLESS = [
    File("src/nuqta/ledger/new.py", '"""Counts, as a float would not."""\n\nx: int = 1\n'),
    File("docs/new.md", "GET https://shop.example/home/page, then /etc/nuqta/settings\n"),
    File(
        "tests/test_new.py",
        "import os\n"
        "text = '# noqa'\n"
        "x = y  # type: ignore[attr-defined]\n"
        "x = y  # noqa: S608\n"
        "async def test_x(monkeypatch):\n"
        "    await asyncio.sleep(0)\n"
        "    monkeypatch.setattr(os, 'name', 'posix')\n"
        "    monkeypatch.setenv('NUQTA_PORT', '1')\n"
        "    pytest.skip('needs a fork')\n"
        "@pytest.mark.skipif(True, reason='needs a fork')\n"
        "def test_y(): ...\n",
    ),
]


# --- the tests --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files() -> list[File]:
    return tree_files()


def test_the_tree_is_seen(files: list[File]) -> None:
    """With an empty list every rule would hold."""
    assert {"pyproject.toml", "Makefile", "tests/test_tidy.py"} <= {file.path for file in files}


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.__name__) for rule, _ in RULES])
def test_the_tree_keeps(rule: Rule, files: list[File]) -> None:
    findings = list(rule(files))
    if findings:
        pytest.fail("\n".join(findings), pytrace=False)


@pytest.mark.parametrize(
    ("rule", "offender"),
    [
        pytest.param(rule, offender, id=f"{rule.__name__}-{number}")
        for rule, trees in RULES
        for number, offender in enumerate(trees)
    ],
)
def test_control_each_rule_reports_its_offender(rule: Rule, offender: list[File]) -> None:
    findings = list(rule(offender))
    assert findings, f"{rule.__name__} has gone blind to:\n{offender[0].text[:200]}"
    assert all(str(PurePosixPath(offender[0].path).parent) in finding for finding in findings)


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.__name__) for rule, _ in RULES])
def test_control_no_rule_cries_wolf(rule: Rule) -> None:
    assert list(rule(HARMLESS)) == []


def test_control_every_rule_has_an_offender() -> None:
    assert [rule.__name__ for rule, trees in RULES if not trees] == []


def test_a_walk_finds_what_git_finds(files: list[File]) -> None:
    """No code escapes the walk, so that an unpacked archive is judged alike."""
    ours = {file.path for file in files if file.path.startswith(("src/", "tests/", ".ci/"))}
    assert ours <= set(listed_by_walking())
