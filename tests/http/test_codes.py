"""One-time codes: login, verify, logout; how codes die, how often they are sent, how they travel.

Source: contract, decisions, section 3.
"""

import base64
import hashlib
import hmac
import json
import re
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from tests.http.post import mail_server, webhook
from tests.http.server import Answer, House, open_house

AISHA = {"email": "aisha@shop.example"}
NOBODY = {"email": "nobody@shop.example"}


class Door:
    """The three calls, at Riyadh's door."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.headers = house.partner(house.world.riyadh)
        self.path = f"/v1/stores/{house.world.riyadh.store_id}/auth/"

    def login(self, body: object, language: str = "en") -> Answer:
        sent = {**self.headers, "Accept-Language": language}
        return self.house.send("POST", self.path + "login", sent, body)

    def verify(self, body: object) -> Answer:
        return self.house.send("POST", self.path + "verify", self.headers, body)

    def code(self, body: object = AISHA) -> str:
        """Ask for a code and read it from the log."""
        start = len(self.house.log.lines)
        answer = self.login(body)
        assert answer.status == 200, answer.body
        return self.house.log.wait_for(r"development delivery to .*\b(\d{6})\b", start)[1]


def wrong(code: str) -> str:
    """A code that is not this one."""
    return f"{(int(code) + 1) % 10**6:06}"


def test_login_verify_use_logout(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        door, aisha = Door(house), house.world.aisha
        code = door.code()
        answer = door.verify({**AISHA, "code": code})
        assert answer.status == 200, answer.body
        found = answer.json
        assert list(found) == ["status", "customer_token", "expires_at", "customer", "message"]
        assert found["status"] == found["message"]["type"] == "success"
        assert found["customer"]["id"] == aisha.customer_id
        token = found["customer_token"]
        assert house.balance(aisha, token).status == 200
        path = door.path + "logout"
        out = house.ask("POST", path, {**door.headers, "X-CUSTOMER-TOKEN": token})
        assert (out.status, list(out.json)) == (200, ["status", "message"])
        assert house.balance(aisha, token).code == "ERROR_SESSION_INVALID"
        again = house.ask("POST", path, {**door.headers, "X-CUSTOMER-TOKEN": token})
        assert again.code == "ERROR_SESSION_INVALID"


def test_logout_ends_one_session_and_no_other(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        door, aisha = Door(house), house.world.aisha
        mine, other = house.world.login(aisha), house.world.login(aisha)
        headers = {**door.headers, "X-CUSTOMER-TOKEN": mine}
        assert house.ask("POST", door.path + "logout", headers).status == 200
        assert house.balance(aisha, mine).status == 401
        assert house.balance(aisha, other).status == 200


def test_arabic_digits_are_digits(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        door = Door(house)
        code = door.code()
        arabic = code.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
        assert door.verify({**AISHA, "code": arabic}).status == 200


def test_a_code_may_come_as_a_number(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        door = Door(house)
        assert door.verify({**AISHA, "code": int(door.code())}).status == 200


def test_one_shopper_s_pace_is_not_another_s(tmp_path: Path) -> None:
    with open_house(tmp_path, rate_limit=1_000, rate_limit_shopper=2) as house:
        door = Door(house)
        wrong_code = {"email": "a@shop.example", "code": "000000"}
        statuses = [door.verify(wrong_code).status for _ in range(3)]
        assert statuses == [422, 422, 429]
        assert door.verify({**wrong_code, "email": "b@shop.example"}).status == 422
        door.headers["X-CUSTOMER-TOKEN"] = "any"  # which these routes do not take
        assert door.verify(wrong_code).status == 429


def test_without_delivery_there_is_no_code(tmp_path: Path) -> None:
    with open_house(tmp_path, delivery="none") as house:
        assert Door(house).login(AISHA).status == 404


def test_a_code_serves_once(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        door = Door(house)
        code = door.code()
        assert door.verify({**AISHA, "code": code}).status == 200
        again = door.verify({**AISHA, "code": code})
        assert (again.status, again.code) == (422, "ERROR_CODE_INVALID")


def test_after_five_wrong_tries_the_right_code_is_dead(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        door = Door(house)
        code = door.code()
        bodies = set()
        for _ in range(4):
            bodies.add(door.verify({**AISHA, "code": wrong(code)}).body)
        house.world.time.forward(seconds=60)
        code = door.code()
        for _ in range(4):
            bodies.add(door.verify({**AISHA, "code": wrong(code)}).body)
        assert door.verify({**AISHA, "code": code}).status == 200, "the fifth try is a try"
        house.world.time.forward(seconds=60)
        code = door.code()
        for _ in range(5):
            bodies.add(door.verify({**AISHA, "code": wrong(code)}).body)
        bodies.add(door.verify({**AISHA, "code": code}).body)
        assert len(bodies) == 1
        assert json.loads(bodies.pop())["error_code"] == "ERROR_CODE_INVALID"


def test_a_code_ends_exactly_at_its_instant(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        door, time = Door(house), house.world.time
        code = door.code()
        time.forward(seconds=300)
        assert door.verify({**AISHA, "code": code}).code == "ERROR_CODE_INVALID"
        code = door.code()
        time.forward(seconds=300, us=-1)
        assert door.verify({**AISHA, "code": code}).status == 200


def test_a_new_code_ends_the_former(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        door = Door(house)
        former = door.code()
        house.world.time.forward(seconds=60)
        code = door.code()
        if former != code:
            assert door.verify({**AISHA, "code": former}).code == "ERROR_CODE_INVALID"
        assert door.verify({**AISHA, "code": code}).status == 200


@pytest.mark.parametrize("body", [AISHA, NOBODY], ids=["known", "unknown"])
def test_codes_are_sent_once_a_minute_and_five_an_hour(
    tmp_path: Path, body: dict[str, str]
) -> None:
    with open_house(tmp_path) as house:
        door, time = Door(house), house.world.time
        assert door.login(body).status == 200
        soon = door.login(body)
        assert (soon.status, soon.code, soon["retry-after"]) == (429, "ERROR_CODE_TOO_SOON", "60")
        time.forward(seconds=60, us=-1)
        soon = door.login(body)
        assert (soon.status, soon["retry-after"]) == (429, "1")
        time.forward(us=1)
        for _ in range(4):
            assert door.login(body).status == 200
            time.forward(seconds=60)
        often = door.login(body)
        assert (often.status, often.code) == (429, "ERROR_CODE_TOO_SOON")
        assert int(often["retry-after"]) == 3600 - 5 * 60
        assert door.login({"email": "badr@shop.example"}).status == 200, "another address"
        time.forward(seconds=3600 - 5 * 60, us=-1)
        assert door.login(body).status == 429
        time.forward(us=1)
        assert door.login(body).status == 200


def test_who_shops_here_is_not_told(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        door = Door(house)
        for language in ("en", "ar"):
            known, unknown = door.login(AISHA, language), door.login(NOBODY, language)
            assert known.status == unknown.status == 200
            assert known.body == unknown.body
            assert known.names == unknown.names
            house.world.time.forward(seconds=60)
        tries = [door.verify({**body, "code": "000000"}) for body in (AISHA, NOBODY)] * 3
        assert len({(answer.status, answer.body) for answer in tries}) == 1
        never_asked = door.verify({"email": "never@shop.example", "code": "000000"})
        assert never_asked.body == tries[0].body
        house.world.time.forward(seconds=60)
        door.code({"email": "badr@shop.example"})
        assert "nobody@" not in house.log.text, "nothing is sent to who is not here"


def test_an_address_belongs_to_its_store(tmp_path: Path) -> None:
    """Aisha and Clara have one address: a code of one store opens nothing in the other."""
    with open_house(tmp_path) as house:
        door, kuwait = Door(house), Door(house)
        kuwait.headers = house.partner(house.world.kuwait)
        kuwait.path = f"/v1/stores/{house.world.kuwait.uuid}/auth/"
        code = door.code()
        assert kuwait.verify({**AISHA, "code": code}).code == "ERROR_CODE_INVALID"
        other = kuwait.code()
        found = kuwait.verify({**AISHA, "code": other}).json["customer"]
        assert found["name"] == "Clara"


MOBILES = [
    {"mobile": "+966501234567"},
    {"mobile": "00966501234567"},
    {"mobile": "966501234567"},
    {"mobile": 966501234567},
    {"mobile": "+966 (50) 123-45.67"},
    {"mobile": "0501234567", "country_code": "966"},
    {"mobile": "501234567", "country_code": "+966"},
    {"mobile": "0501234567", "country_code": "00966"},
    {"mobile": "0501234567", "country_code": 966},
    {"mobile": "٠٥٠١٢٣٤٥٦٧", "country_code": "٩٦٦"},
    {"mobile": "+966501234567", "country_code": None},
    {"mobile": "+966501234567", "email": None},
]


@pytest.mark.parametrize("body", MOBILES, ids=str)
def test_a_mobile_is_known_in_every_form(tmp_path: Path, body: dict[str, object]) -> None:
    with open_house(tmp_path) as house:
        door = Door(house)
        code = door.code(body)
        assert "development delivery to mobile 966501234567" in house.log.text
        answer = door.verify({"mobile": "966501234567", "code": code})
        assert answer.json["customer"]["name"] == "Aisha"


def test_an_email_is_known_in_every_form(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        door = Door(house)
        code = door.code({"email": "  AISHA@Shop.Example "})
        assert door.verify({**AISHA, "code": code}).status == 200


# -- how codes travel ------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "ar"])
def test_by_webhook_signed(tmp_path: Path, language: str) -> None:
    with (
        webhook() as hooks,
        open_house(
            tmp_path, delivery="webhook", delivery_webhook=hooks.url,
            delivery_webhook_secret="between us",
        ) as house,
    ):  # fmt: skip
        door = Door(house)
        assert door.login(NOBODY, language).status == 200
        assert door.login({"mobile": "+966501234567"}, language).status == 200
        hook = hooks.next()
        found = json.loads(hook.body)
        assert list(found) == ["type", "mobile", "code", "text", "language"]
        assert (found["type"], found["mobile"]) == ("one_time_code", "966501234567")
        assert found["language"] == language
        assert found["code"] in found["text"]
        assert found["text"].isascii() is (language == "en")
        assert hook.path == "/send?to=gateway"
        assert hook.headers["content-type"] == "application/json"
        signature = hmac.new(b"between us", hook.body, hashlib.sha256).hexdigest()
        assert hook.headers["x-nuqta-signature"] == signature
        answer = door.verify({"mobile": "966501234567", "code": found["code"]})
        assert answer.status == 200
        assert hooks.is_empty, "one code, one delivery"
        for secret in (found["code"], "between us", hooks.url):
            assert secret not in house.log.text


def test_a_webhook_that_fails_is_logged_without_the_code(tmp_path: Path) -> None:
    with (
        webhook() as hooks,
        open_house(tmp_path, delivery="webhook", delivery_webhook=hooks.url) as house,
    ):
        hooks.status = 500
        door = Door(house)
        assert door.login(AISHA).status == 200, "the answer does not wait for the delivery"
        hook = hooks.next()
        assert "x-nuqta-signature" not in hook.headers
        house.log.wait_for("could not be delivered")
        assert json.loads(hook.body)["code"] not in house.log.text
        hooks.status = 200
        house.world.time.forward(seconds=60)
        assert door.login(AISHA).status == 200
        assert json.loads(hooks.next().body)["email"] == AISHA["email"], "the next one arrives"


@pytest.mark.parametrize("login", ["", "us%40shop:p%2Fw@"])
@pytest.mark.parametrize("language", ["en", "ar"])
def test_by_mail(tmp_path: Path, language: str, login: str) -> None:
    with mail_server() as post:
        url = f"smtp://{login}127.0.0.1:{post.port}"
        with open_house(
            tmp_path, delivery="smtp", smtp_url=url, smtp_from="points@shop.example"
        ) as house:
            door = Door(house)
            assert door.login(NOBODY, language).status == 200
            assert door.login({"mobile": "+966501234567"}, language).status == 200
            assert door.login(AISHA, language).status == 200
            mail = post.next()
            assert "points@shop.example" in mail.sender
            assert len(mail.recipients) == 1
            assert AISHA["email"] in mail.recipients[0]
            if login:
                assert base64.b64decode(mail.login) == b"\0us@shop\0p/w"
            message = message_from_bytes(mail.data, policy=policy.default)
            assert message["To"] == AISHA["email"]
            assert message["Subject"].isascii() is (language == "en")
            code = re.search(r"\b\d{6}\b", message.get_content())
            assert code is not None
            assert door.verify({**AISHA, "code": code[0]}).status == 200
            assert "address a mobile number" in house.log.text
            assert code[0] not in house.log.text


def test_a_mail_server_that_is_away_is_logged_and_the_answer_is_the_same(tmp_path: Path) -> None:
    with open_house(tmp_path, delivery="smtp", smtp_url="smtp://127.0.0.1:1") as house:
        door = Door(house)
        assert door.login(AISHA).body == door.login(NOBODY).body
        house.log.wait_for("could not be delivered")
