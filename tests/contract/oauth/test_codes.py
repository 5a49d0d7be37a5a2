"""A code is good once, for a short while, for the application that asked, at its own address.

Control: where nothing notes that a code was used, the same test of one use fails.
Source: RFC 6749, sections 4.1.3 and 10.5; RFC 7636; RFC 9700, sections 2.1.1 and 4.5.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from nuqta.engine.access import oauth, staff
from nuqta.engine.access.oauth import Answered, Validator
from nuqta.engine.access.oauth import House as Decision
from nuqta.engine.engine import open_engine
from tests.calls.oauth import (
    CHALLENGE,
    REDIRECT,
    VERIFIER,
    App,
    a_code,
    an_app,
    an_owner,
    tokens,
)
from tests.contract.oauth.browser import exchange, profile
from tests.http.server import Answer, House, serving
from tests.http.test_access import watching


def refused(answer: Answer, error: str = "invalid_grant", status: int = 400) -> bool:
    """Whether it is that refusal, in OAuth's own form, and no cache may keep it."""
    assert (answer.status, answer.json.get("error")) == (status, error), answer.body
    assert list(answer.json) == ["error", "error_description"]
    assert answer["cache-control"] == "no-store"
    assert answer["content-type"] == "application/json"
    assert answer.json["error_description"].isascii()
    return True


def test_a_code_that_is_used_again_ends_what_it_gave(alone: House) -> None:
    app, other = an_app(alone), an_app(alone, name="Other")
    sent, theirs = app.exchanging(a_code(alone, app)), tokens(alone, other)
    found = exchange(alone, sent)
    assert profile(alone, found.json) == 200
    assert refused(exchange(alone, sent))
    assert profile(alone, found.json) == 401
    assert profile(alone, theirs) == 200


class Forgetful(Validator):
    """Does not note that a code was used."""

    def invalidate_authorization_code(self, client_id: str, code: str, *_: Any, **__: Any) -> None:
        """Nothing."""


def uses(house: House, app: App, validator: type[Validator]) -> int:
    """How often one code serves, tried twice."""
    engine, sent = house.world.engine, app.exchanging(a_code(house, app))

    def once() -> Answered:
        return engine.door.write_now(
            "exchange",
            lambda tx: oauth.token(
                Decision(tx, engine.keyring, engine.settings, house.world.time.wall), sent,
                validator,
            ),
        )  # fmt: skip

    return [once().status for _ in range(2)].count(200)


def test_control_a_code_that_nobody_marks_as_used_serves_twice(alone: House) -> None:
    app = an_app(alone)
    assert uses(alone, app, Validator) == 1
    assert uses(alone, app, Forgetful) == 2


def test_of_many_at_once_on_two_servers_one_has_the_tokens(alone: House) -> None:
    world, app = alone.world, an_app(alone)
    sent = app.exchanging(a_code(alone, app))
    engine = open_engine(world.engine.settings, world.time.clock())
    with serving(engine) as port, ThreadPoolExecutor(8) as pool:
        doors = [alone, House(world, port, alone.log)] * 4
        answers = list(pool.map(lambda house: exchange(house, sent), doors))
    good = [answer for answer in answers if answer.status == 200]
    assert len(good) == 1
    assert all(refused(answer) for answer in answers if answer.status != 200)
    assert profile(alone, good[0].json) == 401, "somebody else had the code too"


@pytest.mark.parametrize(("seconds", "status"), [(299, 200), (300, 400)])
def test_a_code_ends(alone: House, seconds: int, status: int) -> None:
    app = an_app(alone)
    code = a_code(alone, app)
    alone.world.time.forward(seconds=seconds)
    assert exchange(alone, app.exchanging(code)).status == status


def test_another_application_has_nothing_of_a_code(alone: House) -> None:
    app, thief = an_app(alone), an_app(alone, name="Thief")
    code = a_code(alone, app)
    assert refused(exchange(alone, thief.exchanging(code)))
    assert exchange(alone, app.exchanging(code)).status == 200, "and does not end it either"


@pytest.mark.parametrize("uri", ["", f"{REDIRECT}/", f"{REDIRECT}?a=1", "https://other.example/"])
def test_a_code_is_good_at_its_own_address(alone: House, uri: str) -> None:
    app = an_app(alone, redirects=(REDIRECT, f"{REDIRECT}/", "https://other.example/"))
    code = a_code(alone, app)
    assert refused(exchange(alone, app.exchanging(code, redirect_uri=uri)))
    assert exchange(alone, app.exchanging(code)).status == 200


@pytest.mark.parametrize(
    ("challenge", "method", "verifier"),
    [
        (CHALLENGE, "S256", VERIFIER[:-1] + "l"), (CHALLENGE, "S256", CHALLENGE),
        (CHALLENGE, "plain", VERIFIER), (VERIFIER, "plain", CHALLENGE), ("", "", VERIFIER),
    ],
)  # fmt: skip
def test_a_verifier_that_does_not_match(
    alone: House, challenge: str, method: str, verifier: str
) -> None:
    """Nor one for a code without a challenge: somebody took the challenge out of the request."""
    app = an_app(alone)
    code = a_code(alone, app, code_challenge=challenge, code_challenge_method=method)
    assert refused(exchange(alone, app.exchanging(code, code_verifier=verifier)))


def test_a_verifier_must_be_there(alone: House) -> None:
    app = an_app(alone)
    code = a_code(alone, app, code_challenge=CHALLENGE, code_challenge_method="S256")
    assert refused(exchange(alone, app.exchanging(code)), "invalid_request")


def test_what_somebody_allowed_ends_with_their_account(alone: House) -> None:
    world, app = alone.world, an_app(alone)
    owner = an_owner(alone)
    code = a_code(alone, app, owner)
    world.engine.door.write_now(
        "disable", lambda tx: staff.disable(tx, owner.staff_id, world.time.wall)
    )
    assert refused(exchange(alone, app.exchanging(code)))


# -- who exchanges ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"client_secret": ""}, {"client_secret": "wrong"}, {"client_id": ""}, {"client_id": "7"},
        {"client_id": "x"}, {"client_id": "\u0661"}, {"client_id": "007"},
    ],
)  # fmt: skip
def test_who_cannot_prove_who_they_are_changes_nothing(
    alone: House, changes: dict[str, str]
) -> None:
    app = an_app(alone)
    code = a_code(alone, app)
    with watching(alone) as commits:
        answer = exchange(alone, app.exchanging(code, **changes))
        assert refused(answer, "invalid_client", 401)
        assert answer["www-authenticate"].startswith("Basic ")
        assert commits() == 0
    assert exchange(alone, app.exchanging(code)).status == 200


def test_a_secret_of_another_application_is_no_proof(alone: House) -> None:
    app, other = an_app(alone), an_app(alone, name="Other")
    sent = app.exchanging(a_code(alone, app), client_secret=other.secret)
    assert refused(exchange(alone, sent), "invalid_client", 401)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": ""}, "invalid_request"), ({"code": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"code": "nqg_00000000_" + "0" * 64}, "invalid_grant"), ({"code": "'"}, "invalid_grant"),
        ({"code": "x" * 300}, "invalid_request"),
    ],
)  # fmt: skip
def test_what_cannot_be_exchanged(alone: House, changes: dict[str, str], error: str) -> None:
    app = an_app(alone)
    assert refused(exchange(alone, {**app.exchanging("nothing"), **changes}), error)


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke"])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{"), ("text/plain", b"x"), ("application/json", b"[1]"),
        ("application/x-www-form-urlencoded", b"code=1&code=2"),
        ("application/json", b'{"grant_type": {}}'), ("application/json", b""),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_read(alone: House, path: str, kind: str, body: bytes) -> None:
    answer = alone.ask("POST", path, {"Content-Type": kind}, body)
    assert refused(answer, "invalid_request")


def test_two_proofs_at_once_are_none(alone: House) -> None:
    app = an_app(alone)
    header = {"Authorization": "Basic eDp5", "Content-Type": "application/json"}
    answer = alone.send("POST", "/oauth/token", header, app.exchanging(a_code(alone, app)))
    assert answer.status == 400
    for value in ("Basic !", "Basic eA==", "Bearer x"):
        answer = alone.send(
            "POST", "/oauth/token", {"Authorization": value},
            {"grant_type": "authorization_code", "code": "x"},
        )  # fmt: skip
        assert refused(answer, "invalid_client", 401)
