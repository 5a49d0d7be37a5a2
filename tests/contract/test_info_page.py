"""The info page: what is kept of it, what is taken out, and who sees which language.

Source: contract, zid-loyalty, sections 4.9, 5.12 and 5.13.
"""

import re
from collections.abc import Sequence
from typing import Any

import pytest

from nuqta.engine.pages import CONTENT_LENGTH_MAX, TAGS_MAX, TITLE_LENGTH_MAX, cleaned, plain
from nuqta.engine.stores import Store
from tests.http.server import Answer, House

PATH = "/v1/managers/store/loyalty-program-info"
EMPTY = dict.fromkeys(("title_ar", "title_en", "content_ar", "content_en"))


def put(house: House, body: object, language: str = "en") -> Answer:
    headers = {**house.manager(house.world.riyadh), "Accept-Language": language}
    return house.send("PUT", PATH, headers, body)


def kept(house: House, store: Store | None = None) -> Any:
    """What managers are shown."""
    return house.ask("GET", PATH, house.manager(store or house.world.riyadh)).json["payload"]


def shown(house: House, language: str = "en") -> Any:
    """What a shop shows."""
    headers = {**house.manager(house.world.riyadh), "Accept-Language": language}
    path = f"/v1/stores/{house.world.riyadh.store_id}/loyalty-program-info"
    answer = house.ask("GET", path, headers).json
    assert (answer["status"], answer["message"]["type"]) == ("success", "success")
    return answer["payload"]


def revisions(house: House) -> int:
    rows = house.world.engine.vault.reader().rows_of("SELECT count(*) FROM info_pages", ())
    return int(rows[0][0])


# -- what managers write ---------------------------------------------------------------------------


def test_what_was_sent_changes_and_nothing_else(alone: House) -> None:
    assert kept(alone) == EMPTY
    assert list(kept(alone)) == list(EMPTY)
    answer = put(alone, {"title_ar": "نقاط الولاء", "content_ar": "<p>10 نقاط</p>"}).json
    assert answer["status"] == answer["message"]["type"] == "object"
    assert answer["message"]["code"] == "MSG_POPUP_OK"
    first = {**EMPTY, "title_ar": "نقاط الولاء", "content_ar": "<p>10 نقاط</p>"}
    assert answer["payload"] == kept(alone) == first
    put(alone, {"title_en": "Points", "more": "ignored"})
    assert kept(alone) == {**first, "title_en": "Points"}
    put(alone, {"title_ar": None, "content_ar": " "})
    assert kept(alone) == {**EMPTY, "title_en": "Points"}
    assert kept(alone, alone.world.kuwait) == EMPTY


def test_every_change_is_a_revision_and_nothing_else_is_one(alone: House) -> None:
    for body, count in (
        ({}, 0), ({"title_en": None}, 0), ({"title_en": "A"}, 1), ({"title_en": " <b>A</b> "}, 1),
        ({"title_en": "B"}, 2), ({"content_en": "<script>x</script>"}, 2), ({"title_en": ""}, 3),
    ):  # fmt: skip
        assert put(alone, body).status == 200
        assert revisions(alone) == count, body


def test_a_form_does_as_well(alone: House) -> None:
    headers = {
        **alone.manager(alone.world.riyadh),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    assert alone.ask("PUT", PATH, headers, b"title_en=Points&content_en=%3Cp%3E1").status == 200
    assert kept(alone) == {**EMPTY, "title_en": "Points", "content_en": "<p>1</p>"}


def test_the_message_is_in_the_callers_language(alone: House) -> None:
    assert put(alone, {}).json["message"]["name"] == "Loyalty program page"
    assert put(alone, {}, "ar").json["message"]["name"] == "صفحة برنامج الولاء"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title_ar", "x" * (TITLE_LENGTH_MAX + 1)),
        ("title_en", ["x"]),
        ("title_en", {"a": 1}),
        ("title_en", "a\x00b"),
        ("content_en", True),
        ("content_en", "x" * (CONTENT_LENGTH_MAX + 1)),
        ("content_ar", "&" * (CONTENT_LENGTH_MAX // 2)),
        ("content_ar", "<b>" * (TAGS_MAX + 1)),
        ("content_ar", "<b>" * (TAGS_MAX - 1)),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_cannot_be_a_page_changes_nothing(alone: House, field: str, value: object) -> None:
    for language in ("en", "ar"):
        answer = put(alone, {"title_en": "fine", "content_en": "fine", field: value}, language)
        assert (answer.status, answer.code) == (422, "ERROR_POPUP_OK")
        assert len(answer.json[field]) == 1
        assert answer.json[field][0].isascii() is (language == "en")
    assert kept(alone) == EMPTY
    assert revisions(alone) == 0


# -- what shops show -------------------------------------------------------------------------------


def test_a_shop_shows_the_callers_language_or_the_other(alone: House) -> None:
    assert shown(alone) == shown(alone, "ar") == {"title": None, "content": None}
    put(alone, {"title_ar": "نقاط", "content_en": "<p>1</p>"})
    for language in ("en", "ar", "fr"):
        assert shown(alone, language) == {"title": "نقاط", "content": "<p>1</p>"}
    put(alone, {"title_en": "Points", "content_ar": "<p>١</p>"})
    assert shown(alone, "ar-SA") == {"title": "نقاط", "content": "<p>١</p>"}
    assert shown(alone, "en") == {"title": "Points", "content": "<p>1</p>"}


def test_the_store_in_the_path_is_the_callers(house: House) -> None:
    world = house.world
    headers = house.manager(world.riyadh)
    for store, status in (
        (world.riyadh.store_id, 200), (world.riyadh.uuid, 200), (world.kuwait.store_id, 404),
        (world.kuwait.uuid, 404), (404, 404), ("x", 404),
    ):  # fmt: skip
        answer = house.ask("GET", f"/v1/stores/{store}/loyalty-program-info?STORE_ID=", headers)
        assert answer.status == status, store
        assert answer.code == ("" if status == 200 else "ERROR_STORE_NOT_FOUND")


# -- what is taken out -----------------------------------------------------------------------------

HARMLESS = [
    '<h4 style="margin-right:80px">برنامج <strong>الولاء</strong></h4>',
    '<p dir="rtl" style="text-align:center;color:#ff0000;font-size:1.5em">10 <em>points</em></p>',
    "<ul><li>One</li><li>Two</li></ul><hr><blockquote>x<br>y</blockquote>",
    '<p style="color:rgb(255, 0, 0);background-color:rgba(0,0,0,0.5)">x</p>',
    '<img src="https://cdn.example/a.png" alt="Points">',
    "<table><tbody><tr><td>1</td></tr></tbody></table>",
    "1 &lt; 2 &amp; 3",
]


@pytest.mark.parametrize("html", HARMLESS)
def test_what_shops_use_stays_as_it_is(html: str) -> None:
    assert cleaned(html) == html


@pytest.mark.parametrize(
    ("html", "clean"),
    [
        ("<script>alert(1)</script>", None),
        ("<p>a</p><script src=//evil.example></script>", "<p>a</p>"),
        ("<scr<script>ipt>alert(1)</scr</script>ipt>", "ipt&gt;alert(1)ipt&gt;"),
        ('<img src=x onerror="alert(1)">', "<img>"),
        ('<p onclick="alert(1)" id="a" class="b">x</p>', "<p>x</p>"),
        ("<svg onload=alert(1)><p>x</p></svg>", "<p>x</p>"),
        ("<svg><style><img src=x onerror=alert(1)></style></svg>", "<img>"),
        ("<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>", None),
        ("<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
         "&lt;p title='<img>'&gt;"),
        ("<iframe src='https://evil.example'></iframe>x", "x"),
        ("<object data=x></object><embed src=x><form><input></form><base href=//x>", None),
        ("<meta http-equiv=refresh content='0;url=//evil.example'><link rel=stylesheet>", None),
        ("<style>p{background:url(//x)}</style><p>x</p>", "<p>x</p>"),
        ("<!-- a --><p>x</p><!--[if IE]><script>1</script><![endif]-->", "<p>x</p>"),
        ("<img src='http://cdn.example/a.png' alt='a'>", '<img alt="a">'),
        ("<img src='//cdn.example/a.png'><img src='/a.png'><img src='data:,x'>", "<img><img><img>"),
        ("<p style='position:fixed;top:0'>x</p>", "<p>x</p>"),
        ("<p style='background-color:url(https://x)'>x</p>", "<p>x</p>"),
        ("<p style='color:\\75rl(https://x);text-align:center'>x</p>",
         '<p style="text-align:center">x</p>'),
        ("<p style='color:u/**/rl(//x);margin:expression(alert(1))'>x</p>", "<p>x</p>"),
        ("<p style='margin-top:-9999px'>x</p>", "<p>x</p>"),
        ("<p style='text-align:image-set(\"//x\" 1x)'>x</p>", "<p>x</p>"),
        ("<b style='color:red'>x</b>", "<b>x</b>"),
    ],
)  # fmt: skip
def test_what_acts_or_loads_is_taken_out(html: str, clean: str | None) -> None:
    assert cleaned(html) == clean


@pytest.mark.parametrize(
    "href",
    [
        "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)",
        "java&#10;script:alert(1)", "java&Tab;script:alert(1)", "&#1;javascript:alert(1)",
        "javascript&colon;alert(1)", "vbscript:x", "data:text/html,<script>1</script>",
        "//evil.example", "/relative", "https:evil.example", "blob:x", "view-source:https://x",
    ],
)  # fmt: skip
def test_a_link_that_goes_nowhere_good_goes_nowhere(href: str) -> None:
    assert cleaned(f'<a href="{href}">x</a>') == '<a rel="noopener noreferrer nofollow">x</a>'


@pytest.mark.parametrize("href", ["https://x.example/a?b=1", "http://x.example", "mailto:a@b.c"])
def test_a_link_says_that_it_is_not_the_shops(href: str) -> None:
    clean = cleaned(f'<a href="{href}" rel="opener" target="_top">x</a>')
    assert clean == f'<a href="{href}" rel="noopener noreferrer nofollow">x</a>'


@pytest.mark.parametrize("html", [*HARMLESS, "<p>a<p>b", "<ul><li>x", "a & b", "<a href=x>y"])
def test_what_was_cleaned_is_clean(html: str) -> None:
    once = cleaned(html)
    assert once is not None
    assert cleaned(once) == once


def test_the_work_does_not_grow_with_the_square_of_what_is_sent() -> None:
    """Each open tag is opened anew in each paragraph: 996 tags are refused by what they become."""
    half = TAGS_MAX // 2 - 2
    bomb = "<p>" + "".join(f"<b {number}>" for number in range(half)) + "<p>x" * half
    assert len(bomb) < CONTENT_LENGTH_MAX
    assert bomb.count("<") <= TAGS_MAX
    with pytest.raises(ValueError, match="too many tags"):
        cleaned(bomb)


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Tom & Jerry", "Tom & Jerry"),
        ("  Points <b>here</b>\n now ", "Points here now"),
        ("1 < 2", "1 < 2"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;x", "x"),
        ("&amp;lt;img src=x onerror=alert(1)&amp;gt;x", "x"),
        ("<<b>script>alert(1)</script>", None),
        ("<script>alert(1)</script>", None),
        (" ", None),
    ],
)
def test_a_title_is_plain_text(title: str, text: str | None) -> None:
    assert plain(title) == text


def test_no_title_has_a_tag() -> None:
    pieces: Sequence[str] = ("<", ">", "&lt;", "&gt;", "&amp;", "script", "/", "b ", "x", "&#60;")
    for first in pieces:
        for second in pieces:
            for third in pieces:
                for fourth in pieces:
                    found = plain(f"{first}{second}{third}{fourth}") or ""
                    assert not re.search(r"<[a-z/!?][^>]*>", found), found
                    assert plain(found) == (found or None)
