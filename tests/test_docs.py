"""The examples in the documentation, run as they stand: README's commands, api.md's calls.

A command or an option that is renamed, a key that an answer no longer has, fails here.
"""

import json
import re
import shlex
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nuqta.engine import redemption
from nuqta.engine.access import credentials
from nuqta.loyalty.redemption import Method, MethodWish
from tests.calls import oauth
from tests.cli.terminal import run
from tests.http.server import House, open_house
from tests.worker.work import subscribe

ROOT = Path(__file__).parent.parent
NOT_RUN = ("make ", "python3 ", "pip ", "nuqta serve")
"""What other tests run: the set-up, the server."""


def blocks(page: str, kind: str) -> list[str]:
    """The fenced blocks of one kind in a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


def commands(page: str) -> Iterator[list[str]]:
    """Every command line in a page's shell blocks, split as a shell splits it."""
    for block in blocks(page, "sh"):
        joined = re.sub(r" #.*", "", block).replace("\\\n", " ")
        for line in filter(str.strip, _whole(joined.splitlines())):
            if not line.startswith(NOT_RUN):
                yield shlex.split(line)


def _whole(lines: list[str]) -> Iterator[str]:
    """Command lines, of which a quoted text may run over several."""
    command = ""
    for line in lines:
        command = f"{command}\n{line}" if command else line
        if command.count("'") % 2 == 0:
            yield command
            command = ""


def test_the_readme_s_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "customers.csv").write_text("customer_id,name,email,mobile\n5,Noura,,\n")
    (tmp_path / "orders.csv").write_text(
        "order_number,customer_id,placed_on,total\n1,37,2026-01-05,250.75\n"
    )
    store, ran = "", 0
    for words in commands("README.md"):
        assert words[0] == "nuqta", words
        options = [store if word == "ID" else word for word in words[1:]]
        outcome = run(*options, "--json")
        assert outcome.code == 0, (words, outcome)
        value = json.loads(outcome.out)
        if words[1:3] == ["store", "create"]:
            store = str(value["id"])
        ran += 1
    assert ran >= 12


def test_the_calls_of_the_api_page(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        world, names = house.world, _names(house)
        world.customer(world.riyadh, 37, "Huda", "huda@example.com")
        statuses = {}
        for words in commands("docs/api.md"):
            method, path, headers, body = curl(words, names)
            if path.endswith("/verify"):
                body = re.sub("code=[0-9]+", f"code={_code(house)}", body)
            answer = house.ask(method, path, headers, body.encode())
            statuses[path, method] = answer.status
            if path.endswith("/logout"):
                names["TOKEN"] = world.login(world.aisha)
        assert set(statuses.values()) == {200}, statuses
        assert len(statuses) == 27


@pytest.mark.parametrize("block", blocks("docs/api.md", "json"))
def test_the_answers_of_the_api_page_are_json(block: str) -> None:
    assert isinstance(json.loads(block), dict)


def test_a_command_that_is_gone_is_noticed(tmp_path: Path) -> None:
    """The control: a page with another option fails."""
    assert run("--db", str(tmp_path / "x.db"), "store", "create", "--title", "My shop").code == 2


def curl(words: list[str], names: dict[str, str]) -> tuple[str, str, dict[str, str], str]:
    """A curl command as method, path, headers and body."""
    assert words[0] == "curl", words
    filled = [re.sub(r"\$([A-Z]+)", lambda match: names[match[1]], word) for word in words[1:]]
    method, url, data = "", "", []
    headers: dict[str, str] = {}
    words_left = iter(filled)
    for word in words_left:
        if word == "-X":
            method = next(words_left)
        elif word == "-H":
            name, _, value = next(words_left).partition(": ")
            headers[name] = value
        elif word == "-d":
            data.append(next(words_left))
        elif word == "-u":
            headers["Authorization"] = "Basic " + b64encode(next(words_left).encode()).decode()
        else:
            url = word
    if data and "Content-Type" not in headers:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    return method or ("POST" if data else "GET"), url, headers, "&".join(data)


def _names(house: House) -> dict[str, str]:
    world = house.world
    tokens = world.tokens[world.riyadh.store_id]
    pair = world.engine.door.write_now(
        "pair",
        lambda tx: credentials.make(
            tx, world.engine.keyring, world.riyadh.store_id, world.time.wall
        ),
    )
    wish = MethodWish("fixed_rate_settings", 50, 500, "SAR")
    method = world.engine.door.write_now(
        "method",
        lambda tx: redemption.add_method(tx, world.riyadh, wish, 10, world.time.wall, "cli"),
    )
    assert isinstance(method, Method)
    world.adjust(world.aisha, 100)
    app = oauth.an_app(house)
    return {
        "CLIENT": app.client_id,
        "SECRET": app.secret,
        "CODE": oauth.a_code(house, app),
        "REFRESH": oauth.tokens(house, app)["refresh_token"],
        "ENDING": oauth.tokens(house, app)["access_token"],
        "HOST": "",
        "STORE": str(world.riyadh.store_id),
        "DOMAIN": "riyadh.example",
        "PARTNER": tokens.authorization,
        "MANAGER": tokens.access_token,
        "TOKEN": world.login(world.aisha),
        "USERNAME": pair.username,
        "PASSWORD": pair.password,
        "METHOD": method.method_id,
        "WEBHOOK": str(subscribe(world, "https://shop.example/").webhook_id),
    }


def _code(house: House) -> Any:
    return house.log.wait_for(r"development delivery to .*\b(\d{6})\b", 0)[1]
