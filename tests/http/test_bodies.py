"""Bodies: three kinds of form that say the same, and everything that is no body of ours.

Source: contract, decisions, section 2 and section 4, 3.
"""

import json
from pathlib import Path

import pytest

from tests.http.server import Answer, House, open_house

BOUNDARY = "----nuqta"
EMAIL = {"email": "aisha@shop.example"}


def multipart(fields: dict[str, str], boundary: str = BOUNDARY) -> bytes:
    """The fields as multipart form data."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    return ("".join(parts) + f"--{boundary}--\r\n").encode()


def verify(house: House, body: bytes, kind: str | None = "application/json") -> Answer:
    """Send a body to `verify`, which takes every field there is, and changes nothing here."""
    world = house.world
    headers = house.partner(world.riyadh)
    if kind is not None:
        headers["Content-Type"] = kind
    return house.ask("POST", f"/v1/stores/{world.riyadh.store_id}/auth/verify", headers, body)


RIGHT = {**EMAIL, "code": "123456"}
FORMS = {
    "json": (json.dumps(RIGHT).encode(), "application/json"),
    "json without a type": (json.dumps(RIGHT).encode(), None),
    "json with parameters": (json.dumps(RIGHT).encode(), "application/json; charset=utf-8"),
    "json in capitals": (json.dumps(RIGHT).encode(), "Application/JSON"),
    "json with escapes": (b'{"email":"aisha\\u0040shop.example","code":"123456"}', None),
    "url-encoded": (
        b"email=aisha%40shop.example&code=123456", "application/x-www-form-urlencoded",
    ),
    "multipart": (multipart(RIGHT), f"multipart/form-data; boundary={BOUNDARY}"),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_three_kinds_of_body_say_the_same(house: House, form: str) -> None:
    answer = verify(house, *FORMS[form])
    assert (answer.status, answer.code) == (422, "ERROR_CODE_INVALID"), answer.body


NOT_UNDERSTOOD = {
    "no json": (b"{", "application/json"),
    "text": (b"hello", "application/json"),
    "8 bit": (b'{"email": "\xff"}', "application/json"),
    "utf-16": ('{"email": 1}'.encode("utf-16"), "application/json"),
    "byte order mark": (b'\xef\xbb\xbf{"email": "a@b.cd"}', "application/json"),
    "null": (b"null", "application/json"),
    "list": (b"[]", "application/json"),
    "number": (b"1", "application/json"),
    "string": (b'"email"', "application/json"),
    "two values": (b"{} {}", "application/json"),
    "trailing comma": (b'{"email": "a@b.cd",}', "application/json"),
    "a name twice": (b'{"email": "a@b.cd", "email": "b@b.cd"}', "application/json"),
    "a name twice within": (b'{"code": {"a": 1, "a": 2}}', "application/json"),
    "NaN": (b'{"email": NaN}', "application/json"),
    "Infinity": (b'{"email": -Infinity}', "application/json"),
    "lone surrogate": (b'{"email": "\\ud800@shop.example"}', "application/json"),
    "lone surrogate in a name": (b'{"\\udfff": 1}', "application/json"),
    "lone surrogate within": (b'{"code": [{"a": ["\\ud83d"]}]}', "application/json"),
    "control character": (b'{"email": "a\x01@b.cd"}', "application/json"),
    "deep list": (b'{"code": ' + b"[" * 40 + b"]" * 40 + b"}", "application/json"),
    "very deep": (b"[" * 100_000, "application/json"),
    "very deep objects": (b'{"a":' * 40_000, "application/json"),
    "an endless number": (b'{"code": ' + b"9" * 20_000 + b"}", "application/json"),
    "an endless fraction": (b'{"code": 0.' + b"9" * 20_000 + b"}", "application/json"),
    "no form": (b"%zz", "application/x-www-form-urlencoded"),
    "8 bit form": (b"email=\xff", "application/x-www-form-urlencoded"),
    "form of surrogates": (b"email=%ED%A0%80", "application/x-www-form-urlencoded"),
    "a form's name twice": (b"email=a&email=b", "application/x-www-form-urlencoded"),
    "many fields": (
        b"&".join(b"a%d=1" % n for n in range(300)), "application/x-www-form-urlencoded",
    ),
    "multipart without boundary": (multipart(RIGHT), "multipart/form-data"),
    "multipart of nothing": (b"hello", f"multipart/form-data; boundary={BOUNDARY}"),
    "multipart's name twice": (
        multipart(EMAIL)[: -len(f"--{BOUNDARY}--\r\n")] + multipart(EMAIL),
        f"multipart/form-data; boundary={BOUNDARY}",
    ),
    "multipart of 8 bit": (
        multipart({"email": "x"}).replace(b"x\r\n", b"\xff\r\n"),
        f"multipart/form-data; boundary={BOUNDARY}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_UNDERSTOOD)
def test_a_body_that_cannot_be_understood(house: House, case: str) -> None:
    answer = verify(house, *NOT_UNDERSTOOD[case])
    assert (answer.status, answer.code) == (400, "ERROR_BAD_REQUEST"), answer.body


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain", "application/xml", "application/jsonx", "json", "x", "*/*",
        "application/octet-stream", "text/json", "multipart/mixed; boundary=x", "\xff",
    ],
)  # fmt: skip
def test_a_body_of_another_type(house: House, kind: str) -> None:
    answer = verify(house, b"{}", kind)
    assert (answer.status, answer.code) == (415, "ERROR_UNSUPPORTED_MEDIA_TYPE")


def test_brackets_within_texts_are_no_levels(house: House) -> None:
    code = json.dumps('[{"\\' * 100)
    answer = verify(house, b'{"email": "a@b.cd", "code": %b, "more": [[]]}' % code.encode())
    assert (answer.status, list(answer.json)[3:]) == (422, ["more"])


def test_the_bounds_of_depth_and_digits(tmp_path: Path) -> None:
    with open_house(tmp_path, json_depth=3, json_digits=40) as house:
        for size, status in ((40, 422), (41, 400)):
            for number in ("9" * size, "0." + "9" * (size - 2), "-" + "9" * (size - 1)):
                assert verify(house, b'{"code": %b}' % number.encode()).status == status, number
        for size, status in ((2, 422), (3, 400)):
            deep = b"[" * size + b"]" * size
            assert verify(house, b'{"code": %b}' % deep).status == status


def test_the_bound_of_a_body(tmp_path: Path) -> None:
    with open_house(tmp_path, body_bytes=2_048) as house:
        body = b'{"email": "%s"}'
        fits = body % (b"a" * (2_048 - len(body) + 2))
        assert len(fits) == 2_048
        assert verify(house, fits).status == 422
        for size in (1, 100_000, 3_000_000):
            answer = verify(house, fits + b" " * size)
            assert (answer.status, answer.code) == (413, "ERROR_BODY_TOO_LARGE")
        assert verify(house, fits).status == 422, "it goes on"


def test_a_body_in_chunks_has_the_same_bound(tmp_path: Path) -> None:
    with open_house(tmp_path, body_bytes=2_048) as house, house.wire() as wire:
        world = house.world
        headers = {**house.partner(world.riyadh), "Transfer-Encoding": "chunked"}
        lines = [f"{name}: {value}" for name, value in headers.items()]
        start = f"POST /v1/stores/{world.riyadh.store_id}/auth/verify HTTP/1.1"
        wire.send("\r\n".join([start, *lines, "", ""]).encode())
        for _ in range(100):
            wire.send(b"64\r\n" + b" " * 100 + b"\r\n")
        answer = wire.answer()
        assert answer is not None
        assert (answer.status, answer.code) == (413, "ERROR_BODY_TOO_LARGE")


def test_a_body_of_many_small_chunks_is_a_body(house: House) -> None:
    world = house.world
    headers = {**house.partner(world.riyadh), "Transfer-Encoding": "chunked"}
    lines = [f"{name}: {value}" for name, value in headers.items()]
    start = f"POST /v1/stores/{world.riyadh.store_id}/auth/verify HTTP/1.1"
    body = b" " * 30_000 + json.dumps(RIGHT).encode()
    with house.wire() as wire:
        wire.send("\r\n".join([start, *lines, "", ""]).encode())
        for start_of in range(0, len(body), 500):
            piece = body[start_of : start_of + 500]
            wire.send(b"".join(b"1\r\n%c\r\n" % byte for byte in piece))
        wire.send(b"0\r\n\r\n")
        answer = wire.answer()
    assert answer is not None
    assert answer.code == "ERROR_CODE_INVALID"


# -- fields ----------------------------------------------------------------------------------------

INVALID = {
    "nothing": ({}, "email"),
    "both": ({**EMAIL, "mobile": "966501234567"}, "mobile"),
    "both null": ({"email": None, "mobile": None}, "email"),
    "email of another kind": ({"email": ["a@b.cd"]}, "email"),
    "email true": ({"email": True}, "email"),
    "email a number": ({"email": 5}, "email"),
    "email 1e400": ({"email": 10**400}, "email"),
    "email empty": ({"email": ""}, "email"),
    "email without at": ({"email": "aisha"}, "email"),
    "email without dot": ({"email": "a@b"}, "email"),
    "email with two lines": ({"email": "a@b.cd\nBcc: x@y.zz"}, "email"),
    "email with a name": ({"email": "Aisha <a@b.cd>"}, "email"),
    "email with two": ({"email": "a@b.cd,e@f.gh"}, "email"),
    "email with NUL": ({"email": "a\x00@b.cd"}, "email"),
    "email too long": ({"email": "a" * 250 + "@b.cd"}, "email"),
    "mobile a text": ({"mobile": "call me"}, "mobile"),
    "mobile too short": ({"mobile": "123"}, "mobile"),
    "mobile too long": ({"mobile": "1" * 16}, "mobile"),
    "mobile without its country": ({"mobile": "0501234567"}, "mobile"),
    "mobile negative": ({"mobile": -966501234567}, "mobile"),
    "mobile a fraction": ({"mobile": 5.5}, "mobile"),
    "mobile 10**400": ({"mobile": 10**400}, "mobile"),
    "mobile true": ({"mobile": True}, "mobile"),
    "mobile an object": ({"mobile": {}}, "mobile"),
    "country code a text": ({"mobile": "0501234567", "country_code": "SA"}, "mobile"),
    "country code a list": ({"mobile": "0501234567", "country_code": [966]}, "mobile"),
    "no code": (EMAIL, "code"),
    "code too short": ({**EMAIL, "code": "12345"}, "code"),
    "code too long": ({**EMAIL, "code": "1234567"}, "code"),
    "code a large number": ({**EMAIL, "code": 1234567}, "code"),
    "code a negative number": ({**EMAIL, "code": -123456}, "code"),
    "code a fraction": ({**EMAIL, "code": 123456.0}, "code"),
    "code of letters": ({**EMAIL, "code": "abcdef"}, "code"),
    "code of other digits": ({**EMAIL, "code": "१२३४५६"}, "code"),
    "code null": ({**EMAIL, "code": None}, "code"),
    "unknown": ({**RIGHT, "scope": "all"}, "scope"),
    "unknown in brackets": ({**RIGHT, "config[points]": 1}, "config[points]"),
    "unknown in Arabic": ({**RIGHT, "نقطة": 1}, "نقطة"),
    "no name": ({**RIGHT, "": 1}, ""),
}


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("case", INVALID)
def test_a_field_that_is_not_valid_is_named(house: House, case: str, language: str) -> None:
    body, field = INVALID[case]
    world = house.world
    headers = {**house.partner(world.riyadh), "Accept-Language": language}
    path = f"/v1/stores/{world.riyadh.store_id}/auth/verify"
    answer = house.send("POST", path, headers, body)
    assert (answer.status, answer.code) == (422, "ERROR_POPUP_OK"), answer.body
    found = answer.json
    assert list(found) == ["status", "error_code", "message", field]
    sentences = found[field]
    assert sentences
    for sentence in sentences:
        assert sentence.isascii() is (language == "en")


def test_every_unknown_field_is_named(house: House) -> None:
    answer = verify(house, json.dumps({**RIGHT, "a": 1, "b": 2, "c": 3}).encode())
    assert set(answer.json) == {"status", "error_code", "message", "a", "b", "c"}


@pytest.mark.parametrize("name", ["status", "error_code", "message"])
def test_a_field_named_like_the_envelopes_own_does_not_replace_it(house: House, name: str) -> None:
    answer = verify(house, json.dumps({**RIGHT, name: "x"}).encode())
    assert (answer.status, answer.code) == (422, "ERROR_POPUP_OK")


def test_a_half_understood_body_changes_nothing(tmp_path: Path) -> None:
    """A login that is refused sends no code and counts none."""
    with open_house(tmp_path) as house:
        world = house.world
        path = f"/v1/stores/{world.riyadh.store_id}/auth/login"
        headers = house.partner(world.riyadh)
        assert house.send("POST", path, headers, {**EMAIL, "x": 1}).status == 422
        assert house.send("POST", path, headers, {**EMAIL, "code": "123456"}).status == 422
        assert house.send("POST", path, headers, EMAIL).status == 200
