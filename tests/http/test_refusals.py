"""Every row of the error table over a real socket: status, code, envelope, both languages, order.

Source: contract, decisions, sections 1 and 2.
"""

import json
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import apsw
import pytest

from nuqta import refusals
from nuqta.refusals import Refusal
from nuqta.texts import say
from tests.http.server import (
    Answer,
    House,
    matches_snapshot,
    open_house,
    path_of,
)

TERMINAL_ONLY = {
    "ERROR_PARTNER_NOT_FOUND", "ERROR_CUSTOMER_EXISTS", "ERROR_DOMAIN_TAKEN",
    "ERROR_STAFF_EXISTS",
    "ERROR_EXPIRY_PASSED", "ERROR_TOO_MANY_RULES",
}  # fmt: skip
"""Refusals that no route gives yet: only the terminal, the imports and the books reach them."""

REACHED_ELSEWHERE = {
    "ERROR_MATURITY_PAST_EXPIRY": "tests/contract/test_program.py",
    "ERROR_CODE_INVALID": "tests/http/test_codes.py",
    "ERROR_BASKET_TOO_SMALL": "tests/orders/test_percentages.py",
    "ERROR_CODE_TOO_SOON": "tests/http/test_codes.py",
    "ERROR_CUSTOMER_NOT_FOUND": "tests/http/test_hand_over.py",
    "ERROR_CUSTOMER_ERASED": "tests/keeping/test_erase.py",
    "ERROR_ORDER_NOT_FOUND": "tests/contract/views/test_customers.py",
    "ERROR_ORIGIN_REFUSED": "tests/contract/storefront/test_browser.py",
    "ERROR_POPUP_OK": "tests/http/test_bodies.py",
    "ERROR_BODY_TOO_LARGE": "tests/http/test_bodies.py",
    "ERROR_UNSUPPORTED_MEDIA_TYPE": "tests/http/test_bodies.py",
    "ERROR_HEADERS_TOO_LARGE": "tests/http/test_wire.py",
    "ERROR_WEBHOOK_NOT_FOUND": "tests/worker/test_events_api.py",
    "ERROR_WEBHOOKS_TOO_MANY": "tests/worker/test_events_api.py",
    "ERROR_TARGET_REFUSED": "tests/worker/test_events_api.py",
    "ERROR_CURSOR_INVALID": "tests/worker/test_events_api.py",
    "ERROR_REQUEST_TIMEOUT": "tests/attack/test_slow.py",
    "ERROR_ORDER_OF_ANOTHER_CUSTOMER": "tests/orders/test_bad_orders.py",
    "ERROR_ORDER_OF_ANOTHER_STORE": "tests/orders/test_bad_orders.py",
    "ERROR_ORDER_EVENTS_TOO_MANY": "tests/orders/test_bad_orders.py",
    "ERROR_CURRENCY_MISMATCH": "tests/orders/test_bad_orders.py",
    "ERROR_QUANTITY_INVALID": "tests/orders/test_bad_orders.py",
    "ERROR_AMOUNT_INVALID": "tests/orders/test_bad_orders.py",
    "ERROR_TOTALS_MISMATCH": "tests/orders/test_bad_orders.py",
    "ERROR_DATE_INVALID": "tests/orders/test_bad_orders.py",
    "ERROR_DATE_IN_FUTURE": "tests/orders/test_bad_orders.py",
    "ERROR_STATUS_UNKNOWN": "tests/orders/test_bad_orders.py",
    "ERROR_RETURN_TOO_LARGE": "tests/orders/test_bad_orders.py",
    "ERROR_POINTS_OUT_OF_RANGE": "tests/orders/test_bad_orders.py",
    "ERROR_BALANCE_TOO_LARGE": "tests/orders/test_bad_orders.py",
    "ERROR_METHOD_NOT_FOUND": "tests/orders/test_bad_carts.py",
    "ERROR_RULE_NOT_FOUND": "tests/contract/rules/test_cashback.py",
    "ERROR_TOO_MANY_METHODS": "tests/contract/rules/test_redemption.py",
    "ERROR_PROGRAM_OFF": "tests/orders/test_bad_carts.py",
    "ERROR_NOT_ENOUGH_POINTS": "tests/orders/test_bad_carts.py",
    "ERROR_POINTS_OWED": "tests/orders/test_bad_carts.py",
    "ERROR_TOO_MANY_HOLDS": "tests/orders/test_bad_carts.py",
    "ERROR_IDEMPOTENCY_CONFLICT": "tests/orders/test_bad_carts.py",
}
UNKNOWN_STORE = 4_503_599_627_370_496


class Question:
    """One request for Aisha's balance, right in everything until something is made wrong."""

    def __init__(self, house: House) -> None:
        world = house.world
        self.house = house
        self.method = "GET"
        self.store: object = world.riyadh.store_id
        self.headers = house.shopper(world.riyadh, world.login(world.aisha))
        self.more: list[tuple[str, str]] = []

    def ask(self, language: str = "en") -> Answer:
        sent = {**self.headers, "Accept-Language": language, "X-Request-Id": "one"}
        return self.house.ask(self.method, path_of(self.store), [*sent.items(), *self.more])


def _authorize(question: Question, text: str | None) -> None:
    question.headers.pop("Authorization")
    if text is not None:
        question.headers["Authorization"] = text


def _sign_in(question: Question, text: str | None) -> None:
    question.headers.pop("X-CUSTOMER-TOKEN")
    if text is not None:
        question.headers["X-CUSTOMER-TOKEN"] = text


def _wrong_method(question: Question) -> None:
    question.method = "POST"


def _no_authorization(question: Question) -> None:
    _authorize(question, None)


def _unknown_authorization(question: Question) -> None:
    _authorize(question, "Bearer nqp_00000000_" + "0" * 64)


def _unknown_store(question: Question) -> None:
    question.store = UNKNOWN_STORE


def _too_little(question: Question) -> None:
    installed = question.house.world.install(question.house.world.riyadh, "customers.login")
    _authorize(question, f"Bearer {installed.authorization}")


def _no_session(question: Question) -> None:
    _sign_in(question, None)


def _unknown_session(question: Question) -> None:
    _sign_in(question, "nqc_00000000_1_" + "0" * 64)


def _expired_session(question: Question) -> None:
    """The absolute end has come; the fixture's partner is signed in anew each year."""
    question.house.world.time.forward(days=90)


def _not_acceptable(question: Question) -> None:
    question.headers["Accept"] = "text/html"


ORDER = [
    (_wrong_method, refusals.METHOD_NOT_ALLOWED),
    (_no_authorization, refusals.AUTHORIZATION_MISSING),
    (_unknown_authorization, refusals.AUTHORIZATION_INVALID),
    (_unknown_store, refusals.STORE_NOT_FOUND),
    (_too_little, refusals.FORBIDDEN),
    (_no_session, refusals.SESSION_MISSING),
    (_unknown_session, refusals.SESSION_INVALID),
    (_not_acceptable, refusals.NOT_ACCEPTABLE),
]
"""What may be wrong, in the order in which it is answered."""
EXCLUSIVE = [
    {_no_authorization, _unknown_authorization, _too_little},
    {_no_session, _unknown_session},
]


def check(answer: Answer, refusal: Refusal, language: str = "en") -> None:
    """An answer is that refusal, in that language, with the headers of every refusal."""
    assert (answer.status, answer.code) == (refusal.status, refusal.code)
    assert answer.json["message"]["name"] == say(refusal.name, language)
    assert answer.json["message"]["description"] == say(refusal.text, language)
    assert answer["content-language"] == language
    assert answer["vary"] == "Accept-Language"
    assert answer["cache-control"] == "no-store"
    assert answer["content-type"] == "application/json"


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("number", range(len(ORDER)))
def test_each_row_of_the_table(house: House, number: int, language: str) -> None:
    spoil, refusal = ORDER[number]
    question = Question(house)
    spoil(question)
    answer = question.ask(language)
    check(answer, refusal, language)
    assert matches_snapshot(f"{refusal.code}-{language}.json", answer.body.decode() + "\n")


@pytest.mark.parametrize(("first", "second"), list(combinations(range(len(ORDER)), 2)))
def test_of_two_wrongs_the_first_of_the_contract_answers(
    house: House, first: int, second: int
) -> None:
    if any({ORDER[first][0], ORDER[second][0]} <= group for group in EXCLUSIVE):
        return  # they cannot both be wrong in one request
    question = Question(house)
    for number in (second, first):
        ORDER[number][0](question)
    check(question.ask(), ORDER[first][1])


def test_of_many_wrongs_the_first_of_the_contract_answers(house: House) -> None:
    chosen = [ORDER[number] for number in (0, 2, 3, 5, 7)]
    for start in range(len(chosen)):
        question = Question(house)
        for spoil, _ in chosen[start:]:
            spoil(question)
        check(question.ask(), chosen[start][1])


def test_the_allowed_methods_are_listed(house: House) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"):
        answer = house.ask(method, path_of("1"))
        assert (answer.status, answer["allow"]) == (405, "GET, HEAD"), method
        assert answer.code == "ERROR_METHOD_NOT_ALLOWED"


# -- one answer for all ----------------------------------------------------------------------------


def seen(answer: Answer) -> tuple[object, ...]:
    """Everything that a caller sees of an answer."""
    headers = [pair for pair in answer.headers if pair[0] != "x-request-id"]
    return (answer.status, headers, answer.body)


def customer_tokens(house: House) -> Mapping[str, str]:
    """Tokens that sign nobody in here, for each reason there is."""
    world = house.world
    live, revoked = world.login(world.aisha), world.login(world.badr)
    path = f"/v1/managers/store/customers/{world.badr.customer_id}/login"
    assert house.ask("DELETE", path, house.manager(world.riyadh)).status == 200
    parts = live.split("_")
    tokens = world.tokens[world.riyadh.store_id]
    return {
        "unknown": "_".join([*parts[:3], "0" * 64]),
        "unknown key": "_".join([parts[0], "ffffffff", *parts[2:]]),
        "upper case": live.upper(),
        "cut": live[:-1],
        "longer": live + "0",
        "no token": "hello",
        "an id": "1",
        "other shard": "_".join([*parts[:2], "1", parts[3]]),
        "negative shard": "_".join([*parts[:2], "-1", parts[3]]),
        "huge shard": "_".join([*parts[:2], "f" * 17, parts[3]]),
        "shard of 2**63": "_".join([*parts[:2], f"{2**63:x}", parts[3]]),
        "shard is text": "_".join([*parts[:2], "shard", parts[3]]),
        "revoked": revoked,
        "of another store": world.login(world.clara),
        "a partner's": tokens.authorization,
        "a manager's": tokens.access_token,
        "bearer": f"Bearer {live}",
        "twice in one": f"{live}, {live}",
        "8 bit": "nqc_\xff\xfe",
        "quoted": f'"{live}"',
    }


def test_a_session_that_is_none_has_one_answer(house: House) -> None:
    expected = None
    for kind, token in customer_tokens(house).items():
        question = Question(house)
        _sign_in(question, token)
        answer = question.ask()
        check(answer, refusals.SESSION_INVALID)
        expected = expected or seen(answer)
        assert seen(answer) == expected, kind


def test_an_unknown_store_and_one_without_the_partner_have_one_answer(house: House) -> None:
    world = house.world
    stranger = world.install(world.kuwait)
    expected = None
    names: list[object] = [
        world.riyadh.store_id, world.riyadh.uuid, UNKNOWN_STORE, 1, 2**53, 0, -1, "x",
        "00000000-0000-0000-0000-000000000000", f"0{world.kuwait.store_id}",
        world.kuwait.uuid.replace("-", ""), f"{{{world.kuwait.uuid}}}",
        f"urn:uuid:{world.kuwait.uuid}", f"{world.kuwait.store_id}.0",
    ]  # fmt: skip
    for name in names:
        question = Question(house)
        _authorize(question, f"Bearer {stranger.authorization}")
        question.store = name
        answer = question.ask()
        check(answer, refusals.STORE_NOT_FOUND)
        expected = expected or seen(answer)
        assert seen(answer) == expected, name


def test_an_authorization_that_is_none_has_one_answer(house: House) -> None:
    world = house.world
    tokens = world.tokens[world.riyadh.store_id]
    gone = world.install(world.riyadh, name="Gone")
    world.engine.door.write_now(
        "revoke",
        lambda tx: tx.rows_of(
            "DELETE FROM partner_tokens WHERE partner_id = ?", (gone.partner_id,)
        ),
    )
    token = world.login(world.aisha)
    expected = None
    for sent in (
        "Bearer x", "x", "Bearer", "Basic dXNlcjpwYXNz", tokens.access_token,
        f"Bearer {tokens.access_token}", f"Bearer {token}", f"Bearer {gone.authorization}",
        f"Bearer Bearer {tokens.authorization}", tokens.authorization[:-1],
        f"Token {tokens.authorization}", f"Bearer {tokens.authorization}, x", "\xff",
        tokens.authorization.upper(),
    ):  # fmt: skip
        question = Question(house)
        _authorize(question, sent)
        answer = question.ask()
        check(answer, refusals.AUTHORIZATION_INVALID)
        expected = expected or seen(answer)
        assert seen(answer) == expected, sent


def test_two_callers_at_once_are_no_caller(house: House) -> None:
    world = house.world
    authorization = f"Bearer {world.tokens[world.riyadh.store_id].authorization}"
    for name, value, refusal in (
        ("Authorization", authorization, refusals.AUTHORIZATION_INVALID),
        ("authorization", "Bearer x", refusals.AUTHORIZATION_INVALID),
        ("X-CUSTOMER-TOKEN", world.login(world.aisha), refusals.SESSION_INVALID),
        ("x-customer-token", world.login(world.badr), refusals.SESSION_INVALID),
        ("X-Customer-Token", "", refusals.SESSION_INVALID),
    ):
        question = Question(house)
        question.more.append((name, value))
        check(question.ask(), refusal)
        question.headers = dict(reversed(question.headers.items()))
        check(question.ask(), refusal)


def test_empty_credentials_are_missing(house: House) -> None:
    for spoil, refusal in (
        (_authorize, refusals.AUTHORIZATION_MISSING),
        (_sign_in, refusals.SESSION_MISSING),
    ):
        question = Question(house)
        spoil(question, "")
        check(question.ask(), refusal)


# -- what time ends --------------------------------------------------------------------------------


def test_tokens_end_exactly_at_their_instant(tmp_path: Path) -> None:
    with open_house(tmp_path, session_idle_hours=24, session_hours=24) as house:
        world = house.world
        question = Question(house)
        world.time.forward(hours=24, us=-1)
        assert question.ask().status == 200
        world.time.forward(us=1)
        for language in ("en", "ar"):
            check(question.ask(language), refusals.SESSION_EXPIRED, language)
        check_foreign = Question(house)
        check_foreign.store = world.kuwait.store_id
        check_foreign.headers["X-CUSTOMER-TOKEN"] = question.headers["X-CUSTOMER-TOKEN"]
        check(check_foreign.ask(), refusals.SESSION_INVALID)
        world.time.forward(days=364, us=-1)
        assert Question(house).ask().status == 200
        world.time.forward(us=1)
        check(Question(house).ask(), refusals.AUTHORIZATION_INVALID)


# -- pace ------------------------------------------------------------------------------------------


def test_over_the_limit_and_only_there(tmp_path: Path) -> None:
    with open_house(tmp_path, rate_limit=60, rate_limit_shopper=3) as house:
        fast, calm = Question(house), Question(house)
        assert [fast.ask().status for _ in range(4)] == [200, 200, 200, 429]
        for language in ("en", "ar"):
            answer = fast.ask(language)
            check(answer, refusals.TOO_MANY_REQUESTS, language)
            assert 1 <= int(answer["retry-after"]) <= 20
        assert calm.ask().status == 200, "another token of the same customer"
        other = house.world.install(house.world.riyadh)
        for spoil, refusal in ORDER:
            question = Question(house)
            question.headers = dict(fast.headers)
            spoil(question)
            answer = question.ask()
            is_later = refusal is refusals.NOT_ACCEPTABLE
            wanted = refusals.TOO_MANY_REQUESTS if is_later else refusal
            assert answer.code == wanted.code, "the limit stands after scope, before the session"
        _authorize(fast, f"Bearer {other.authorization}")
        assert fast.ask().status == 200, "another application"


def test_guesses_at_sessions_are_limited_too(tmp_path: Path) -> None:
    with open_house(tmp_path, rate_limit=60, rate_limit_shopper=3) as house:
        question = Question(house)
        _unknown_session(question)
        assert [question.ask().status for _ in range(5)] == [401, 401, 401, 429, 429]


def test_managers_have_a_limit_of_their_own(tmp_path: Path) -> None:
    with open_house(tmp_path, rate_limit=2) as house:
        world = house.world

        def ask(store: object) -> int:
            chosen = world.riyadh if store == "riyadh" else world.kuwait
            path = "/v1/managers/store/customers/99/login"
            return house.ask("DELETE", path, house.manager(chosen)).status

        assert [ask("riyadh") for _ in range(3)] == [404, 404, 429]
        assert [ask("kuwait") for _ in range(3)] == [404, 404, 429]
        assert Question(house).ask().status == 200


# -- our own trouble -------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_damaged_row_is_503_and_never_a_wrong_balance(tmp_path: Path, language: str) -> None:
    with open_house(tmp_path, is_whole=False) as house:
        question = Question(house)
        house.world.earn(house.world.aisha, 5)
        other = apsw.Connection(str(house.world.engine.vault.path))
        other.execute("UPDATE accounts SET available = 6 WHERE available = 5")
        other.close()
        answer = question.ask(language)
        check(answer, refusals.SERVICE_UNAVAILABLE, language)
        assert answer["retry-after"] == "2"
        assert answer["x-request-id"] == "one"
        assert "request one: account" in house.log.text
        assert house.log.faults == []


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_defect_is_500_with_a_request_id_and_no_trace(tmp_path: Path, language: str) -> None:
    with open_house(tmp_path, is_whole=False) as house:
        question = Question(house)
        other = apsw.Connection(str(house.world.engine.vault.path))
        other.execute("ALTER TABLE sessions RENAME TO gone")
        other.close()
        path = f"/v1/managers/store/customers/{house.world.aisha.customer_id}/login"
        sent = {**house.manager(house.world.riyadh), "Accept-Language": language}
        for answer in (question.ask(language), house.ask("DELETE", path, sent)):
            check(answer, refusals.SERVER_ERROR, language)
            assert b"sessions" not in answer.body
            assert b"Traceback" not in answer.body
        assert len(house.log.faults) >= 2, "the log has what the caller is not shown"


# -- the whole table -------------------------------------------------------------------------------


@pytest.mark.parametrize("refusal", refusals.ALL, ids=lambda row: row.code)
def test_every_refusal_is_written_in_both_languages(refusal: Refusal) -> None:
    for english in (refusal.name, refusal.text):
        assert english.isascii()
        assert english[0].isupper()
        arabic = say(english, "ar")
        assert any("\u0621" <= letter <= "\u064a" for letter in arabic)
        assert arabic == arabic.strip()
        assert arabic.endswith(".") == english.endswith(".") == (english == refusal.text)
    assert 400 <= refusal.status <= 599
    assert json.dumps(refusal.code).isascii()


def test_every_refusal_is_reached_over_http_or_is_the_terminals() -> None:
    here = {refusal.code for _, refusal in ORDER} | {
        "ERROR_TOO_MANY_REQUESTS", "ERROR_SESSION_EXPIRED", "ERROR_SERVICE_UNAVAILABLE",
        "ERROR_SERVER", "ERROR_NOT_FOUND", "ERROR_BAD_REQUEST",
    }  # fmt: skip
    assert here | set(REACHED_ELSEWHERE) | TERMINAL_ONLY == set(refusals.BY_CODE)
    names = {row.code: name for name, row in vars(refusals).items() if isinstance(row, Refusal)}
    for code, file in REACHED_ELSEWHERE.items():
        text = (Path(__file__).parents[2] / file).read_text(encoding="utf-8")
        assert code in text or f"refusals.{names[code]}" in text, (code, file)


def test_an_address_that_is_none(house: House) -> None:
    for language in ("en", "ar"):
        for path in ("/", "/v1", "/v1/customers/loyalty-program//points", path_of("1") + "/x"):
            answer = house.ask("GET", path, {"Accept-Language": language})
            check(answer, refusals.NOT_FOUND, language)
