"""Every text that can leave the server has its Arabic, and no Arabic is left over.

Texts are collected from the code as Babel collects them: what is said, told, marked `english`, or
called invalid, in Python and in templates; and the refusals, which are a table. A text that is
said by another way stands in a catalogue and is found nowhere: it fails as left over.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from string import Formatter

from babel.messages.catalog import Message
from babel.messages.extract import extract, extract_from_dir
from babel.messages.pofile import read_po

import nuqta
from nuqta.refusals import ALL

SOURCE = Path(str(nuqta.__file__)).parent
CATALOGUES = sorted((SOURCE / "locale" / "ar").glob("*.po"))
KEYWORDS = {"say": None, "english": None, "told": (2, 3), "invalid": (2,)}
METHODS = [("cli/**", "ignore"), ("**.py", "python"), ("**.html", "jinja2.ext:babel_extract")]


def said() -> set[str]:
    """Every English text in the code."""
    rows = extract_from_dir(SOURCE, method_map=METHODS, keywords=KEYWORDS)
    found = {text for row in rows for text in texts(row[2])}
    return found | {text for row in ALL for text in (row.name, row.text)}


def texts(message: str | tuple[str, ...]) -> Iterator[str]:
    """The texts of one call."""
    yield from (message,) if isinstance(message, str) else message


def translated() -> dict[str, list[Message]]:
    """Every entry of the catalogues, by its English text."""
    found: dict[str, list[Message]] = {}
    for path in CATALOGUES:
        for message in read_po(BytesIO(path.read_bytes()), locale="ar"):
            if message.id:
                found.setdefault(str(message.id), []).append(message)
    return found


def holes(text: str) -> list[str]:
    """The names of the values that are put into a text."""
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name is not None)


def is_arabic(text: str) -> bool:
    """Whether there is an Arabic letter in it."""
    return any("\u0621" <= letter <= "\u064a" for letter in text)


def test_every_text_has_its_arabic() -> None:
    assert sorted(said() - set(translated())) == []


def test_no_arabic_is_left_over() -> None:
    assert sorted(set(translated()) - said()) == []


def test_a_text_stands_in_one_catalogue_and_is_done() -> None:
    for english, entries in translated().items():
        assert len(entries) == 1, english
        (message,) = entries
        assert not message.fuzzy, english
        assert isinstance(message.string, str)
        assert is_arabic(message.string), english
        assert message.string == message.string.strip()
        assert english.endswith(".") == message.string.endswith("."), english


def test_both_languages_have_the_same_values() -> None:
    for english, entries in translated().items():
        assert holes(english) == holes(str(entries[0].string)), english


def test_control_whatever_is_said_is_collected() -> None:
    code = b"""
async def handler(request):
    request.say("One")
    request.say("Two of {most}", most=2)
    request.invalid("field", "Three")
    request.told(
        "object",
        "Four",
        "Five"
        " and on",
    )
    request.say(_SIX)
_SIX: Final = english("Six")
"""
    found = [text for row in extract("python", BytesIO(code), KEYWORDS) for text in texts(row[1])]
    assert found == ["One", "Two of {most}", "Three", "Four", "Five and on", "Six"]
    page = b"<p>{{ say('Seven') }}</p>"
    rows = extract("jinja2.ext:babel_extract", BytesIO(page), KEYWORDS)
    assert [row[1] for row in rows] == ["Seven"]


def test_control_the_code_and_the_catalogues_are_found() -> None:
    assert len(said()) > 150
    assert "Your sign-in code is {code}. It is valid for {minutes} minutes." in said()
    assert holes("{a} of {b}, {a}") == ["a", "a", "b"]
    assert not is_arabic("plain")
