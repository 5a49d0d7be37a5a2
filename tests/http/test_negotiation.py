"""What a caller accepts, as tables of text: a header, and what RFC 9110 (section 12) makes of it.

The balance and a route of the framework are asked alike. Source: contract, decisions, section 1.
"""

import pytest

from tests.http.server import House, path_of

ACCEPT = """
application/json                                  yes
APPLICATION/JSON                                  yes
application/*                                     yes
*/*                                               yes
application/json; charset=utf-8                   yes
application/json;q=0.001                          yes
application/json;Q=0.5                            yes
application/json ; q=1.000                        yes
text/html, application/json;q=0.1                 yes
text/html,application/xhtml+xml,*/*;q=0.8         yes
text/html , */*                                   yes
text/html;q=1, application/*;q=0.2                yes
application/*;q=0, application/json               yes
*/*;q=0, application/json;q=0.5                   yes
*/*;q=0, application/*;q=0.5                      yes
text/html                                         no
text/*                                            no
application/xml                                   no
application/vnd.api+json                          no
application/json;q=0                              no
application/json;q=0.000                          no
application/json;q=0, */*                         no
application/json;q=0, application/*               no
application/*;q=0, */*                            no
*/*;q=0                                           no
text/html, */*;q=0                                no
text/html;q=0                                     no
EMPTY                                             yes
,                                                 yes
garbage                                           yes
/                                                 yes
*                                                 yes
;q=1                                              yes
application/json;q=2                              yes
application/json;q=-1                             yes
application/json;q=x                              yes
\u0646\u0642\u0637\u0629                          yes
garbage, text/html                                no
garbage, application/json                         yes
"""

LANGUAGES = """
en                        en
ar                        ar
AR                        ar
ar-SA                     ar
ar-Arab-SA                ar
ar_SA                     en
en-GB                     en
fr                        en
fr, ar                    ar
fr, ar;q=0.1              ar
fr;q=1, de;q=0.5          en
ar, en                    ar
en, ar                    en
ar-EG, en-GB              ar
en-GB, ar-SA              en
en;q=0.5, ar              ar
ar;q=0.5, en              en
en;q=0.5, ar;q=0.501      ar
en;q=0.501, ar;q=0.5      en
ar;q=0.3, ar-SA;q=0.9, en;q=0.5   ar
*                         en
*, ar                     en
*;q=0.5, ar               ar
ar;q=0.2, *               en
en;q=0, *                 ar
en;q=0, ar;q=0.1          ar
ar;q=0                    en
ar;q=0, *                 en
ar;q=0, en;q=0            en
*;q=0                     en
*;q=0, ar                 ar
EMPTY                     en
,                         en
garbage garbage           en
;;;                       en
ar;q=x                    en
ar;q=2                    en
ar;q=0.1234               en
ar;q=1.1                  en
toolongforalanguage, ar   ar
\u0639\u0631\u0628\u064a  en
"""


def rows(table: str) -> list[tuple[str, str]]:
    """(header, outcome) of each line."""
    found = []
    for line in table.strip().splitlines():
        header, outcome = line.rsplit(maxsplit=1)
        header = "" if header.strip() == "EMPTY" else header.strip()
        found.append((header.encode().decode("latin-1"), outcome))
    return found


@pytest.mark.parametrize(("header", "outcome"), rows(ACCEPT))
def test_accept(house: House, header: str, outcome: str) -> None:
    world = house.world
    status, code = (200, "") if outcome == "yes" else (406, "ERROR_NOT_ACCEPTABLE")
    answer = house.balance(world.aisha, world.login(world.aisha), Accept=header)
    assert (answer.status, answer.code) == (status, code)
    path = f"/v1/managers/store/customers/{world.aisha.customer_id}/login"
    answer = house.ask("DELETE", path, {**house.manager(world.riyadh), "Accept": header})
    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize(("header", "outcome"), rows(LANGUAGES))
def test_accept_language(house: House, header: str, outcome: str) -> None:
    world = house.world
    answer = house.balance(world.aisha, world.login(world.aisha), Accept_Language=header)
    assert answer["content-language"] == outcome
    assert answer["etag"].endswith(f'-{outcome}"')
    for path in (path_of("1"), "/nothing"):
        refusal = house.ask("GET", path, {"Accept-Language": header})
        assert refusal["content-language"] == outcome
        is_arabic = any(
            "\u0600" <= letter <= "\u06ff" for letter in refusal.json["message"]["name"]
        )
        assert is_arabic is (outcome == "ar")


def test_no_header_at_all_accepts_everything(house: House) -> None:
    world = house.world
    answer = house.balance(world.aisha, world.login(world.aisha))
    assert (answer.status, answer["content-language"]) == (200, "en")


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ("text/html", "application/json", 200),
        ("application/json", "text/html", 200),
        ("text/html", "text/plain", 406),
        ("application/json;q=0", "*/*", 406),
    ],
)
def test_accept_in_two_headers_is_one_list(
    house: House, first: str, second: str, status: int
) -> None:
    world = house.world
    headers = house.shopper(world.riyadh, world.login(world.aisha))
    twice = [*headers.items(), ("Accept", first), ("Accept", second)]
    assert house.ask("GET", path_of(world.riyadh.store_id), twice).status == status


def test_what_cannot_be_accepted_changes_nothing(house: House) -> None:
    world = house.world
    token = world.login(world.badr)
    path = f"/v1/managers/store/customers/{world.badr.customer_id}/login"
    refused = house.ask("DELETE", path, {**house.manager(world.riyadh), "Accept": "text/html"})
    assert refused.status == 406
    assert house.balance(world.badr, token).status == 200
