"""The table of settings: every row is an attribute; a value outside its limits is a sentence."""

import pytest

from nuqta.settings import TABLE, Setting, Settings

NUMBERS = [row for row in TABLE if isinstance(row.default, int)]
PATTERNS = [row for row in TABLE if row.pattern]
WRONG_NUMBERS = [
    "", " ", "x", "1.5", "-1", "+1", "1e3", "1_000", "0x10", " 5", "5 ", "٥", "true", "9" * 30,
]  # fmt: skip
WRONG_TEXTS = {
    "DELIVERY": ["", "mail", "LOG", "smtp "],
    "PROXY_HEADER": ["x forwarded", "a:b", "x-forwarded-for,", "x" * 65],
    "SMTP_URL": ["localhost:25", "http://x", "smtp://"],
    "SMTP_FROM": ["", "nobody", "a@b@c", "a b@c"],
    "DELIVERY_WEBHOOK": ["x", "ftp://x", "https://"],
    "SEAL_KEY": ["0" * 63, "0" * 65, "g" * 64],
    "METRICS_TOKEN": ["x" * 31, "x" * 257, "x y" * 20, "é" * 40],
}
RIGHT_TEXTS = {
    "DELIVERY": ["log", "smtp", "webhook"],
    "PROXY_HEADER": ["", "x-forwarded-for", "CF-Connecting-IP"],
    "SMTP_URL": ["", "smtp://h", "smtps://u:p@h:465", "smtp+starttls://h:587"],
    "SMTP_FROM": ["a@b", "points@shop.example"],
    "DELIVERY_WEBHOOK": ["", "http://x", "https://x/y?z"],
    "SEAL_KEY": ["", "0" * 64, "aF" * 32],
    "METRICS_TOKEN": ["", "x" * 32, "!~" * 128],
}


def name_of(row: Setting) -> str:
    return row.name


def read(row: Setting, text: str) -> object:
    """The attribute that a text in the environment gives."""
    return getattr(Settings({f"NUQTA_{row.name}": text}), row.name.lower())


@pytest.mark.parametrize("row", TABLE, ids=name_of)
def test_every_row_is_an_attribute_with_its_default_and_a_sentence(row: Setting) -> None:
    assert getattr(Settings(), row.name.lower()) == row.default
    assert getattr(Settings({}), row.name.lower()) == row.default
    assert Settings.__annotations__[row.name.lower()] in (type(row.default), "int", "str")
    assert row.sentence.rstrip().endswith(".")
    assert len(row.sentence) > 10


def test_every_attribute_is_a_row() -> None:
    assert list(Settings.__annotations__) == [row.name.lower() for row in TABLE]
    assert set(vars(Settings())) == {row.name.lower() for row in TABLE}
    assert len({row.name for row in TABLE}) == len(TABLE)


@pytest.mark.parametrize("row", NUMBERS, ids=name_of)
def test_a_number_is_within_its_limits(row: Setting) -> None:
    assert isinstance(row.default, int)
    assert row.least <= row.default <= row.most
    assert row.least < row.most
    assert read(row, str(row.least)) == row.least
    assert read(row, str(row.most)) == row.most
    assert read(row, f"0{row.most}") == row.most
    for beyond in (row.least - 1, row.most + 1):
        with pytest.raises(ValueError, match=f"NUQTA_{row.name} takes") as error:
            read(row, str(beyond))
        assert str(beyond) in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", WRONG_NUMBERS)
@pytest.mark.parametrize("row", NUMBERS, ids=name_of)
def test_a_text_is_no_number(row: Setting, text: str) -> None:
    with pytest.raises(ValueError, match=f"NUQTA_{row.name} takes a whole number"):
        read(row, text)


@pytest.mark.parametrize("row", PATTERNS, ids=name_of)
def test_a_text_is_of_its_form(row: Setting) -> None:
    for text in RIGHT_TEXTS[row.name]:
        assert read(row, text) == text
    for text in WRONG_TEXTS[row.name]:
        with pytest.raises(ValueError, match=f"NUQTA_{row.name} does not take") as error:
            read(row, text)
        assert row.is_secret is ("what it was given" in str(error.value)), "a secret is not shown"


def test_control_every_row_is_tested() -> None:
    assert {row.name for row in PATTERNS} == set(RIGHT_TEXTS) == set(WRONG_TEXTS)
    free = {row.name for row in TABLE} - {row.name for row in (*NUMBERS, *PATTERNS)}
    assert free == {"DB", "SECRET", "DELIVERY_WEBHOOK_SECRET", "BACKUP_FOLDER", "HEADS_FILE"}


def test_other_names_in_the_environment_are_not_ours() -> None:
    Settings({"NUQTA_NOTHING": "x", "RATE_LIMIT": "x", "nuqta_rate_limit": "x", "PATH": "x"})


@pytest.mark.parametrize(
    ("managers", "shoppers", "addresses", "expected"),
    [
        (None, None, None, (60, 60, 60)),
        ("0", None, None, (0, 0, 0)),
        ("0", "5", "5", (0, 0, 0)),
        ("5", None, None, (5, 60, 60)),
        ("5", "0", "0", (5, 0, 0)),
        (None, "7", "8", (60, 7, 8)),
    ],
)
def test_one_zero_turns_every_limit_off(
    managers: str | None,
    shoppers: str | None,
    addresses: str | None,
    expected: tuple[int, int, int],
) -> None:
    given = {
        "NUQTA_RATE_LIMIT": managers,
        "NUQTA_RATE_LIMIT_SHOPPER": shoppers,
        "NUQTA_RATE_LIMIT_ADDRESS": addresses,
    }
    found = Settings({name: text for name, text in given.items() if text is not None})
    limits = (found.rate_limit, found.rate_limit_shopper, found.rate_limit_address)
    assert limits == expected
