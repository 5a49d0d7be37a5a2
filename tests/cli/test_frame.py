"""Options that belong to the whole line, exit codes, streams, and the script itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nuqta import __version__
from tests.cli.terminal import Terminal, bare_environment, one_sentence, process, run

EVERY_COMMAND = [
    ("init",), ("sweep",), ("audit",), ("settings",), ("serve",), ("demo",), ("clock", "accept"),
    ("store", "create"), ("program", "set"), ("program", "show"), ("partner", "create"),
    ("partner", "install"), ("customer", "create"), ("customer", "login"), ("points", "adjust"),
    ("points", "show"), ("import", "customers"), ("import", "orders"), ("store", "list"),
    ("partner", "uninstall"), ("partner", "list"), ("customer", "show"), ("partner", "limit"),
    ("worker",), ("webhook", "add"), ("webhook", "list"), ("webhook", "remove"),
    ("webhook", "resume"), ("webhook", "replay"),
]  # fmt: skip


@pytest.mark.parametrize("place", range(4))
def test_db_and_json_stand_wherever_people_write_them(shop: Terminal, place: int) -> None:
    words = ["program", "show", "--store", shop.store]
    index = [0, 1, 2, 4][place]
    line = [*words[:index], "--db", shop.db, "--json", *words[index:]]
    outcome = run(*line)
    assert outcome.code == 0, outcome
    assert json.loads(outcome.out)["store"] == int(shop.store)


def test_the_innermost_db_counts(shop: Terminal) -> None:
    outcome = run("--db", "nowhere.db", "program", "show", "--store", shop.store, "--db", shop.db)
    assert outcome.code == 0


def test_a_value_that_looks_like_an_option_stays_a_value(shop: Terminal) -> None:
    made = shop.value("customer", "create", "--store", shop.store, "--name", "--json")
    assert made["name"] == "--json"
    outcome = shop.run("customer", "create", "--store", shop.store, "--name", "--json")
    assert outcome.code == 0
    assert not outcome.out.startswith("{")


def test_nuqta_db_names_the_books(shop: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUQTA_DB", shop.db)
    assert run("program", "show", "--store", shop.store).code == 0
    monkeypatch.setenv("NUQTA_DB", f"sqlite:///{shop.db}")
    assert run("program", "show", "--store", shop.store).code == 0
    monkeypatch.setenv("NUQTA_DB", " ")
    assert shop.value("settings")[0]["is_set"] is False
    assert json.loads(run("settings", "--json").out)[0]["value"] == "nuqta.db"
    monkeypatch.setenv("NUQTA_DB", "elsewhere.db")
    assert run("--db", shop.db, "program", "show", "--store", shop.store).code == 0


@pytest.mark.parametrize("words", EVERY_COMMAND)
def test_every_command_explains_itself_and_knows_no_other_option(words: tuple[str, ...]) -> None:
    helped = run(*words, "--help")
    assert helped.code == 0
    assert "--db" in helped.out
    assert "--json" in helped.out
    misused = run(*words, "--no-such-option")
    assert (misused.code, misused.out) == (2, "")
    assert "--no-such-option" in one_sentence(misused.err)


@pytest.mark.parametrize(
    "line",
    [
        ["nothing"], ["store", "nothing"], ["--json"], ["store", "--json"], ["store", "create"],
        ["--db"], ["init", "--db"], ["init", "more"], ["points", "show", "--store", "1"],
        ["import", "orders", "--store", "1"], ["init", "--db", ""],
    ],
)  # fmt: skip
def test_what_is_not_understood_is_a_misuse(line: list[str]) -> None:
    outcome = run(*line)
    assert (outcome.code, outcome.out) == (2, ""), outcome
    one_sentence(outcome.err)


def test_errors_are_a_sentence_with_json_too(shop: Terminal) -> None:
    outcome = shop.run("points", "show", "--store", "1", "--customer", "1", "--json")
    assert (outcome.code, outcome.out) == (1, "")
    assert one_sentence(outcome.err) == "there is no store 1"


@pytest.mark.parametrize(
    "db", ["{}/missing.db", "{}", "{}/no/such/folder.db", "postgresql://localhost/x", ".", "/"]
)
def test_books_that_cannot_be_opened_are_refused(tmp_path: Path, db: str) -> None:
    outcome = run("audit", "--db", db.format(tmp_path))
    assert (outcome.code, outcome.out) == (1, "")
    one_sentence(outcome.err)


def test_a_file_that_is_no_database_is_refused(shop: Terminal) -> None:
    Path(shop.db).write_bytes(b"order_number,customer_id\n" * 200)
    shop.no(1, "audit")
    shop.no(1, "init")


def test_a_torn_page_is_a_sentence(shop: Terminal) -> None:
    file = Path(shop.db)
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    shop.no(1, "points", "show", "--store", shop.store, "--customer", "1")


def test_a_lost_key_is_a_sentence(shop: Terminal) -> None:
    Path(shop.db + ".key").unlink()
    line = ("customer", "login", "--store", shop.store, "--customer", "1")
    assert "NUQTA_SECRET" in shop.no(1, *line)


@pytest.mark.parametrize(
    ("name", "text"), [("BATCH", "0"), ("BATCH", "many"), ("DELIVERY", "pigeon"), ("BATCH", "٣")]
)
def test_a_setting_outside_its_limits_is_a_misuse(
    shop: Terminal, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(f"NUQTA_{name}", text)
    assert f"NUQTA_{name}" in shop.no(2, "audit")


def test_a_short_secret_is_refused(shop: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUQTA_SECRET", "short")
    shop.no(1, "customer", "login", "--store", shop.store, "--customer", "1")


def test_a_fault_is_told_without_what_the_store_was_doing(shop: Terminal) -> None:
    Path(shop.db).write_bytes(Path(shop.db).read_bytes()[:4096] + b"\xff" * 200_000)
    for line in (("points", "show", "--store", shop.store, "--customer", "1"), ("store", "list")):
        said = shop.no(1, *line)
        assert not said.startswith("a read")
        assert not said.endswith(".")


@pytest.mark.parametrize(
    "line", [["nothing"], ["store", "create"], ["init", "--no-such"], ["init", "--db"], ["--json"]]
)
def test_misuses_read_alike(line: list[str]) -> None:
    said = one_sentence(run(*line).err)
    assert said[0].islower()
    assert not said.endswith(".")


def test_help_is_a_word_too() -> None:
    assert run("help") == run("--help")
    assert run("help", "partner", "create") == run("partner", "create", "--help")
    assert run("help", "nothing").code == 2


def test_a_narrow_terminal_gets_plain_help(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "╭" in run("store", "--help").out
    monkeypatch.setenv("COLUMNS", "40")
    told = run("store", "--help").out
    assert "╭" not in told
    assert max(map(len, told.splitlines())) <= 60


# -- as a process ----------------------------------------------------------------------------------
def test_the_version_is_told(tmp_path: Path) -> None:
    assert process("--version", cwd=tmp_path) == (0, f"nuqta {__version__}\n", "")
    assert run("--version", "--json").out == f'{{"version": "{__version__}"}}\n'
    script = Path(sys.executable).with_name("nuqta")
    told = subprocess.run([script, "--version"], capture_output=True, check=True)
    assert told.stdout.decode() == f"nuqta {__version__}\n"


def test_without_words_the_commands_are_listed(tmp_path: Path) -> None:
    outcome = process(cwd=tmp_path)
    assert outcome.code == 2
    for words in EVERY_COMMAND:
        assert words[0] in outcome.out


def test_nuqta_db_lies_in_the_working_folder(tmp_path: Path) -> None:
    assert process("init", "--json", cwd=tmp_path).code == 0
    assert (tmp_path / "nuqta.db").is_file()
    assert (tmp_path / "nuqta.db.key").stat().st_mode & 0o777 == 0o600


def test_words_in_any_script_and_any_encoding(tmp_path: Path) -> None:
    process("init", cwd=tmp_path)
    line = ("store", "create", "--name", "متجر القهوة")
    assert "متجر القهوة" in process(*line, cwd=tmp_path).out
    ascii_only = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    told = process(*line, "--json", cwd=tmp_path, env=ascii_only)
    assert json.loads(told.out)["name"] == "متجر القهوة"
    assert process(*line, cwd=tmp_path, env=ascii_only).code == 0
    refused = process("store", "create", "--name", "x", "--currency", "ريال", cwd=tmp_path,
                      env=ascii_only)  # fmt: skip
    assert refused.code == 2
    one_sentence(refused.err)


def test_bytes_that_are_no_text_are_a_misuse(tmp_path: Path) -> None:
    process("init", cwd=tmp_path)
    outcome = process("store", "create", "--name", os.fsdecode(b"caf\xe9"), cwd=tmp_path)
    assert outcome.code == 2
    one_sentence(outcome.err)


def test_a_reader_that_goes_away_is_no_matter(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "nuqta", "settings", "--json"],
        cwd=tmp_path,
        env=bare_environment(),
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")
