"""No secret in all that a server tells of itself: its log as it is written, its figures, its spans.

Every route is called as it should be, with what belongs to another store, and with what is wrong;
every secret that went in or came out is then looked for: tokens, one-time codes, passwords, OAuth's
codes and client secrets, cookies, webhooks' secrets, and the keys of the server itself.
"""

import logging
import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from nuqta.api.routes import TABLE
from nuqta.engine.access.tokens import key_file
from nuqta.engine.sealing.keys import seal_key_file
from nuqta.seen.logs import JsonFormatter
from nuqta.web.routes import Route
from tests.calls.callers import good
from tests.calls.oauth import PASSWORD
from tests.http.post import Hooks, webhook
from tests.http.server import METRICS_TOKEN, Answer, House
from tests.http.test_secrets import half_leaks, leaks
from tests.seen.traced import open_traced

TOKEN: Final = re.compile(r"nq[a-z]_[0-9A-Za-z_]{8,}")
NAMED: Final = re.compile(
    r"\b(?:code|client_secret|password|form|secret|access_token|refresh_token)"
    r"[\"'=: ]+([^\"'&;\s<>]{6,})"
)
SECRET: Final = "between-us-and-the-gateway"


class Written(logging.Handler):
    """Every line as it goes to stderr."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JsonFormatter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class Listener:
    """Sends, and remembers every secret that went in or came out."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.secrets: set[str] = set()
        self.sent = 0

    def send(self, method: str, path: str, headers: dict[str, str], body: object) -> Answer:
        """One call."""
        answer = self.house.send(method, path, headers, body)
        self.sent += 1
        said = [path, repr(body), *headers.values(), answer.head.decode("latin-1")]
        if b"text/html" not in answer.head:
            said.append(answer.body.decode())
        for text in said:
            self.secrets.update(TOKEN.findall(text))
        if "/oauth/" in path or "/auth/" in path:  # elsewhere a code is a kind of total
            for text in (path, repr(body), answer.head.decode("latin-1")):
                self.secrets.update(NAMED.findall(text))
        basic = headers.get("Authorization", "").removeprefix("Basic ")
        if basic != headers.get("Authorization", ""):
            self.secrets.add(basic)
            with suppress(ValueError):  # one that is no pair any more
                self.secrets.add(b64decode(basic).decode().partition(":")[2])
        return answer


def spoiled(house: House, route: Route, headers: dict[str, str], body: object) -> Iterator[
    tuple[dict[str, str], object]
]:  # fmt: skip
    """The same call with what is another store's, with what is worth nothing, and mixed up."""
    yield headers, body
    kuwait = {**house.manager(house.world.kuwait), "X-CUSTOMER-TOKEN": house.world.login(
        house.world.clara
    )}  # fmt: skip
    yield {**headers, **{name: value for name, value in kuwait.items() if name in headers}}, body
    for name, value in headers.items():
        yield {**headers, name: value[:-1] + "x"}, body
        yield {**headers, name: kuwait["X-CUSTOMER-TOKEN"]}, {"email": value, "password": value}
    if isinstance(body, dict):
        for name, value in body.items():
            yield headers, {**body, name: f"{value}x"}
            yield headers, {**body, name: kuwait["X-CUSTOMER-TOKEN"]}


def test_no_secret_is_told(tmp_path: Path) -> None:
    written = Written()
    logging.getLogger().addHandler(written)
    try:
        with webhook() as hooks, open_traced(
            tmp_path, delivery="webhook", delivery_webhook=hooks.url, log_reads=1,
            delivery_webhook_secret=SECRET, code_pause_seconds=0, codes_per_hour=1_000,
            sign_in_tries=1_000, metrics_token=METRICS_TOKEN,
        ) as (house, kept):  # fmt: skip
            listener = Listener(house)
            for route in TABLE:
                call, headers = good(house, route)
                for sent, body in spoiled(house, route, dict(headers), call.body):
                    listener.send(route.method, call.path, sent, body)
            code = code_of(listener, hooks)
            figures = house.ask("GET", "/metrics", {"Authorization": f"Bearer {METRICS_TOKEN}"})
            path = house.world.engine.vault.path
            keys = [key_file(path).read_text().strip(), seal_key_file(path).read_text().strip()]
    finally:
        logging.getLogger().removeHandler(written)
    found = {one for one in listener.secrets if not one.isdecimal()}  # a code is looked for below
    secrets = {*found, *keys, PASSWORD, SECRET, METRICS_TOKEN}
    told = {
        "log": "\n".join(written.lines),
        "figures": figures.body.decode(),
        "spans": "\n".join(span.to_json() for span in kept.all),
    }
    assert len(written.lines) > listener.sent, "the log was on"
    assert len(kept.all) > len(TABLE)
    assert len(secrets) > 100, "the control: they were noticed as they went by"
    assert {one[:3] for one in secrets} >= {"nqp", "nqm", "nqc", "nqw", "nqf", "nqv", "nqs"}
    for where, text in told.items():
        assert leaks(text, secrets) == [], where
        assert half_leaks(text, secrets) == [], where
        assert not re.search(rf"\b{code}\b", text), where
        assert not re.search("aisha|badr|966501234567", text, re.IGNORECASE), where


def code_of(listener: Listener, hooks: Hooks) -> str:
    """A one-time code that was sent, tried wrong and then right."""
    house = listener.house
    path = f"/v1/stores/{house.world.riyadh.store_id}/auth/"
    partner, body = house.partner(house.world.riyadh), {"email": "badr@shop.example"}
    while not hooks.is_empty:
        hooks.next()
    assert listener.send("POST", path + "login", partner, body).status == 200
    (code,) = re.findall(r'"code":"(\d{6})"', hooks.next().body.decode())
    for tried, status in (("000000" if code != "000000" else "1" * 6, 422), (code, 200)):
        sent = {**body, "code": tried}
        assert listener.send("POST", path + "verify", partner, sent).status == status
    return str(code)
