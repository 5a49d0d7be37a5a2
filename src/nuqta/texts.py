"""The languages of every text that leaves the server: English stands in the code, and the Arabic
of each in the catalogues of `locale/`, one a noun.

A text is looked up whole; where it has values, they are put in after the look-up, by name.
Source: contract, decisions, section 2.
"""

from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from typing import Final

ENGLISH: Final = "en"
ARABIC: Final = "ar"


def english(text: str) -> str:
    """The text itself: marks one that stands in a table and is said later."""
    return text


def say(text: str, language: str, **values: object) -> str:
    """The text in that language, with its values put in; in English where there is no other."""
    found = arabic().get(text, text) if language == ARABIC else text
    return found.format(**values) if values else found


@lru_cache(maxsize=1)
def arabic() -> dict[str, str]:
    """Every Arabic text by its English one. Read once; a server reads it before it serves."""
    from babel.messages.pofile import read_po  # only a server speaks Arabic, and it is slow to load

    found: dict[str, str] = {}
    for file in sorted(files("nuqta").joinpath("locale", "ar").iterdir(), key=lambda one: one.name):
        for message in read_po(BytesIO(file.read_bytes()), locale="ar"):
            if message.id:
                found[str(message.id)] = str(message.string)
    return found
