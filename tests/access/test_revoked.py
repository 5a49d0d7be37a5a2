"""Whatever is ended is ended in every worker at once: of 200 reads after the acknowledgement, over
connections that every worker shares, not one succeeds.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import pytest

from nuqta.engine.access import staff
from tests.access.conftest import working
from tests.attack.conftest import present
from tests.calls.oauth import a_session, an_app, an_owner, tokens
from tests.cli.terminal import Terminal
from tests.contract.oauth.browser import revoke
from tests.http.server import Answer, House, Wire, path_of, request
from tests.orders.shop import Shop, basic
from tests.world import World

__all__ = ["present"]
READS: Final = 200
CONNECTIONS: Final = 20

Sent = tuple[str, str, dict[str, str]]


@pytest.fixture
def many(present: World) -> Iterator[House]:
    """A server with two workers."""
    with working(present, 2) as house:
        yield house


class Readers:
    """Many connections that stay open, so that both workers have some."""

    def __init__(self, wires: list[Wire]) -> None:
        self._wires = wires

    def ask(self, sent: Sent) -> Iterator[Answer]:
        """The same request, READS times."""
        for turn in range(READS):
            wire = self._wires[turn % len(self._wires)]
            method, path, headers = sent
            wire.send(request(method, path, headers, b"" if method == "POST" else None))
            answer = wire.answer(method)
            assert answer is not None
            yield answer


@contextmanager
def readers(house: House) -> Iterator[Readers]:
    with ExitStack() as stack:
        yield Readers([stack.enter_context(house.wire()) for _ in range(CONNECTIONS)])


def ends(
    house: House, sent: Sent, end: Callable[[], object], good: tuple[int, ...] = (200,)
) -> set[str]:
    """The codes of what was answered after the end; before it all were good, after it none is."""
    with readers(house) as crowd:
        assert {answer.status for answer in crowd.ask(sent)} <= set(good)
        end()
        after = list(crowd.ask(sent))
    assert len(after) == READS
    assert not [answer for answer in after if answer.status in good]
    return {answer.code for answer in after}


def balance(house: House, token: str) -> Sent:
    return "GET", path_of(house.world.riyadh.store_id), house.shopper(house.world.riyadh, token)


def profile(house: House, authorization: str, manager: str) -> Sent:
    headers = {"Authorization": authorization, "X-Manager-Token": manager}
    return "GET", "/v1/managers/account/profile", headers


def terminal(house: House, *line: str) -> Callable[[], object]:
    shop = Terminal(house.world.engine.vault.path)
    return lambda: shop.value(*line, "--store", str(house.world.riyadh.store_id))


def test_a_session_that_a_manager_ends(many: House) -> None:
    token = many.world.login(many.world.aisha)
    path = "/v1/managers/store/customers/1/login"

    def end() -> None:
        assert many.ask("DELETE", path, many.manager(many.world.riyadh)).status == 200

    assert ends(many, balance(many, token), end) == {"ERROR_SESSION_INVALID"}


def test_a_session_whose_customer_signs_out(many: House) -> None:
    token, other = many.world.login(many.world.aisha), many.world.login(many.world.aisha)
    store = many.world.riyadh
    path = f"/v1/stores/{store.store_id}/auth/logout"

    def end() -> None:
        assert many.send("POST", path, many.shopper(store, token)).status == 200

    assert ends(many, balance(many, token), end) == {"ERROR_SESSION_INVALID"}
    assert many.ask(*balance(many, other)).status == 200, "only that one"


def test_an_installation_that_ends(many: House) -> None:
    installed = many.world.install(many.world.riyadh)
    line = ("partner", "uninstall", "--partner", str(installed.partner_id))
    sent = profile(many, installed.authorization, installed.access_token)
    assert ends(many, sent, terminal(many, *line)) == {"ERROR_AUTHORIZATION_INVALID"}
    assert many.ask("GET", sent[1], many.manager(many.world.riyadh)).status == 200


def test_an_applications_token_that_it_ends_itself(many: House) -> None:
    app = an_app(many)
    kept = tokens(many, app)
    sent = profile(many, kept["authorization"], kept["access_token"])
    codes = ends(many, sent, lambda: revoke(many, app, kept["refresh_token"]))
    assert codes == {"ERROR_AUTHORIZATION_INVALID"}


def test_a_pair_of_orders(many: House) -> None:
    made = Shop(many, many.world.riyadh).pair()
    path = f"/v1/webhooks/orders/{many.world.riyadh.store_id}"
    headers = {"Authorization": basic(made.username, made.password)}
    line = ("store", "webhook", "--revoke")
    codes = ends(many, ("POST", path, headers), terminal(many, *line), good=(400, 415, 422))
    assert codes == {"ERROR_AUTHORIZATION_INVALID"}


def owners_page(house: House) -> tuple[Sent, str]:
    """A page that only who is signed in sees, and their address."""
    app, owner = an_app(house), an_owner(house)
    session = a_session(house, owner)
    return ("GET", app.asking(), {"Cookie": f"nuqta_staff={session}"}), owner.email


@pytest.mark.parametrize("verb", ["disable", "password"])
def test_an_owner_whose_sessions_end(many: House, verb: str) -> None:
    sent, email = owners_page(many)
    engine = many.world.engine
    known = staff.by_email(engine.vault.reader(), email)
    assert known is not None
    with readers(many) as crowd:
        assert {b"/oauth/sign-in" in answer.body for answer in crowd.ask(sent)} == {False}
        if verb == "disable":
            terminal(many, "staff", "disable", "--email", email)()
        else:
            engine.door.write_now(
                "password", lambda tx: staff.change_password(tx, known.staff_id, "no hash")
            )
        assert {b"/oauth/sign-in" in answer.body for answer in crowd.ask(sent)} == {True}


def test_control_what_is_not_ended_goes_on(many: House) -> None:
    token = many.world.login(many.world.badr)
    with pytest.raises(AssertionError):
        ends(many, balance(many, token), lambda: None)
