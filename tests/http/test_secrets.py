"""No secret is in any log: every route and every error is walked, and all that was logged is read.

Secrets are partner, manager and customer tokens (their random digits alone count), one-time codes
(but for delivery to the log, whose point they are) and the digest key.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from nuqta.api.routes import TABLE
from nuqta.engine.access.tokens import key_file
from tests.http.post import webhook
from tests.http.server import House, open_house, path_of, request


def leaks(text: str, secrets: Iterable[str]) -> list[str]:
    """The secrets that are in the text, whole or by their random half, in any case."""
    found = []
    for secret in secrets:
        parts = {secret, secret.rsplit("_", 1)[-1]}
        if any(part.lower() in text.lower() for part in parts):
            found.append(secret)
    return found


def half_leaks(text: str, secrets: Iterable[str]) -> list[str]:
    """The secrets of which half the random digits are in the text."""
    return [one for one in secrets if len(one) > 40 and one[-64:-32].lower() in text.lower()]


def test_control_a_planted_secret_is_found() -> None:
    token = "nqc_00000000_1_" + "ab" * 32
    planted = ("GET /x " + token, "digits " + "AB" * 32 + " alone")
    assert all(leaks(text, [token, "123456"]) == [token] for text in planted)
    assert leaks("code 123456", [token, "123456"]) == ["123456"]
    assert leaks("nothing of the kind", [token, "123456"]) == []
    assert half_leaks("ab" * 20, [token]) == [token]


def places(token: str) -> Iterator[bytes]:
    """Requests with a token wherever it does not belong."""
    digits = token.rsplit("_", 1)[-1]
    hidden = token.replace("_", "%5F")
    encoded = "".join(f"%{ord(letter):02x}" for letter in token)
    for name in (token, hidden, encoded, digits, "x" * 40 + digits, "y" * 150 + token, token * 3):
        for path in (
            f"/{name}", f"/?token={name}", f"/v1/{name}/x", path_of(name), path_of(name) + "/",
            f"/v1/managers/store/customers/{name}/login", f"/v1/stores/{name}/auth/login",
            f"/{name}/{name}", f"/{quote(name)}#{name}",
        ):  # fmt: skip
            for method in ("GET", "POST", "DELETE"):
                yield request(method, path)
    for header in (
        "X-Request-Id", "Accept", "Accept-Language", "If-None-Match", "Cookie", "Host", "Referer",
        "Authorization", "X-CUSTOMER-TOKEN", "X-Manager-Token", "Content-Type", "Upgrade", "Expect",
    ):  # fmt: skip
        yield request("GET", path_of("1"), {header: token})
        yield request("POST", "/v1/stores/1/auth/login", {header: token, "Connection": "Upgrade"})
    for name in (f"x.{token}", f"x:{token}", digits):
        yield request("GET", "/nothing", {"X-Request-Id": name})
    yield f"{token} / HTTP/1.1\r\n\r\n".encode()
    yield f"GET {token} HTTP/1.1\r\n\r\n".encode()
    yield f"GET / {token}\r\n\r\n".encode()
    yield f"GET / HTTP/1.1\r\n{token}: a b\x00\r\n\r\n".encode()


def walk(house: House) -> list[str]:
    """Every route with right and wrong credentials and bodies; the customer tokens it was given."""
    world, given = house.world, []
    for route in TABLE:
        path = route.path.replace("{store}", world.riyadh.uuid).replace("{id}", "1")
        token = world.login(world.aisha)
        headers = {**house.manager(world.riyadh), "X-CUSTOMER-TOKEN": token}
        tokens = list(headers.values())
        wrong = [{**headers, name: tokens[0]} for name in headers]
        wrong += [{name: headers[name]} for name in headers]
        wrong += [{**headers, "Accept": "text/html"}, {**headers, "Content-Type": token}]
        for sent in (headers, *wrong):
            for body in ({"email": "aisha@shop.example"}, {"email": token}, {token: token}, None):
                answer = house.send(route.method, path, sent, body)
                assert answer.status < 500, (route, answer)
                is_json = answer.body and answer["content-type"] == "application/json"
                found = answer.json if is_json else {}
                given.append(found.get("customer_token", token))
        given.append(token)
    return given


def test_no_secret_is_logged(tmp_path: Path) -> None:
    with webhook() as hooks, open_house(
        tmp_path, delivery="webhook", delivery_webhook=hooks.url, log_reads=1,
        delivery_webhook_secret="between us", code_pause_seconds=0, codes_per_hour=1000,
    ) as house:  # fmt: skip
        world = house.world
        secrets = ["between us", key_file(world.engine.vault.path).read_text().strip()]
        for installed in world.tokens.values():
            secrets += [installed.authorization, installed.access_token]
        tokens = walk(house)
        tokens.append(world.login(world.badr))
        assert house.balance(world.badr, tokens[-1]).status == 200
        for token in (tokens[-1], world.tokens[world.riyadh.store_id].authorization):
            for data in places(token):
                with house.wire() as wire:
                    wire.send(data)
                    wire.answer()
        path = f"/v1/stores/{world.riyadh.store_id}/auth/"
        partner = house.partner(world.riyadh)
        body = {"email": "badr@shop.example"}
        while not hooks.is_empty:
            hooks.next()
        assert house.send("POST", path + "login", partner, body).status == 200
        sent = hooks.next().body.decode()
        code = re.search(r'"code":"(\d{6})"', sent)
        assert code is not None
        answer = house.send("POST", path + "verify", partner, {**body, "code": code[1]})
        tokens.append(answer.json["customer_token"])
        assert len(house.log.lines) > 500, "the log was on"
        assert leaks(house.log.text, {*secrets, *tokens}) == []
        assert half_leaks(house.log.text, {*secrets, *tokens}) == []
        assert not re.search(rf"\b{code[1]}\b", house.log.text)


def test_no_secret_is_in_an_answer_but_its_own(house: House) -> None:
    """A refusal repeats nothing of what was sent but a sane request id and a field's name."""
    world = house.world
    token = world.login(world.aisha)
    for data in places(token):
        with house.wire() as wire:
            wire.send(data)
            answer = wire.answer()
        if answer is not None:
            said = [value for name, value in answer.headers if name != "x-request-id"]
            assert not leaks(" ".join(said) + answer.body.decode(), [token])


def test_the_file_of_the_books_holds_no_token(house: House) -> None:
    world = house.world
    tokens = [world.login(shopper) for shopper in world.shoppers]
    for installed in world.tokens.values():
        tokens += [installed.authorization, installed.access_token]
    path = world.engine.vault.path
    files = [file.read_bytes() for file in path.parent.iterdir() if file.name.startswith(path.name)]
    kept = b"".join(files).decode("latin-1")
    assert len(kept) > 10_000
    assert leaks(kept, tokens) == []


def test_the_level_of_others_is_set_before_they_log() -> None:
    """httpx logs addresses, and a gateway's address may hold its secret."""
    from nuqta.api.server import _prepare
    from nuqta.settings import Settings

    before = logging.getLogger("httpx").level
    try:
        _prepare(Settings())
        assert logging.getLogger("httpx").getEffectiveLevel() >= logging.WARNING
    finally:
        logging.getLogger("httpx").setLevel(before)


@pytest.mark.parametrize("sent", ["nqc_00000000_1_" + "0" * 64, "nqp_x", "nqm_x"])
def test_a_token_is_no_sane_request_id(house: House, sent: str) -> None:
    for path in ("/nothing", path_of("1")):
        assert house.ask("GET", path, {"X-Request-Id": sent})["x-request-id"] != sent
