"""A bit flips in the file: nobody is ever told a wrong balance.

Either the start is refused, or whoever asks is refused (503, with the row in the log; or as someone
whose account or session is gone), or the bit says nothing. What has no checksum of its own is held
against what has: an account's transfers against its row, an order's lines against its lots and
holds. Two things a bit may still do: date or name a line of a history otherwise (which the chain of
the transfers shows), and hit a receipt: its wish is then a conflict, or, where its key is gone,
done once more: the balance is the sum of its lines as ever, and the audit names the receipt.
"""

from collections import Counter
from pathlib import Path
from random import Random
from shutil import rmtree

import apsw

from nuqta.engine.reading.history import History
from tests.torture.campaign import Campaign
from tests.torture.power.inquiry import Fault, Furnished, Said, ask, furnish

FAULT = "disk"
PAGE = 4096
BOOKS = (
    "accounts", "accounts_due", "lots", "lots_open", "lots_untold", "holds", "holds_live",
    "holds_of_cart", "transfers", "transfers_of_order", "receipts", "notes",
)  # fmt: skip
_UNKNOWN = ("ERROR_CUSTOMER_NOT_FOUND", False, None)


class Flips:
    """Books, which table each of their pages is of, and what is said of them as they are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.furnished: Furnished = furnish(folder / "whole")
        connection = apsw.Connection(str(folder / "whole" / "nuqta.db"))
        owners = connection.execute("SELECT pageno, name FROM dbstat").fetchall()
        connection.close()
        self.owners = {page: str(name) for page, name in owners}
        self.said = ask(self.furnished, folder / "asked", self.furnished.file)
        assert not [one for one in self.said.values() if isinstance(one, Fault | Exception)]

    def places(self, *tables: str) -> list[int]:
        """The bytes that say something, of these tables; of none: of all."""
        return [
            place
            for place, byte in enumerate(self.furnished.file)
            if byte and (not tables or self.table(place) in tables)
        ]

    def table(self, place: int) -> str:
        """Which table or index a byte belongs to."""
        return self.owners.get(place // PAGE + 1, "")

    def flipped(self, place: int, bit: int) -> bytes:
        """The file with one bit flipped."""
        file = bytearray(self.furnished.file)
        file[place] ^= 1 << bit
        return bytes(file)

    def flip(self, place: int, bit: int) -> Said:
        """What is said of it then, where that differs."""
        try:
            said = ask(self.furnished, self.folder / "flipped", self.flipped(place, bit))
        finally:
            rmtree(self.folder / "flipped")
        return {about: one for about, one in said.items() if self.said.get(about) != one}

    def is_right(self, table: str, about: tuple[str, str], one: object, named: bool) -> bool:
        """Whether it may be said, where it is not what was said before the flip. `named`: the
        audit has found something."""
        what, before = about[1], self.said.get(about)
        if isinstance(one, Fault) or what == "audit":
            return True
        if what.startswith("points"):
            return isinstance(one, tuple) and one[0] >= 400  # a digest or a key was hit
        if what in ("show", "version", "history") and one is None:
            return table == "accounts"
        if isinstance(one, History) and isinstance(before, History):
            return table in ("transfers", "notes") and _numbers(one) == _numbers(before)
        if what.startswith("wish"):
            if one == _UNKNOWN:
                return table == "accounts"
            return table == "receipts" and (named or _shown(one) == _shown(before))
        return False


def _shown(answer: object) -> object:
    """The balance after a wish."""
    return answer[2] if isinstance(answer, tuple) else None


def _numbers(history: History) -> object:
    """A history without its dates, reasons and names: the lines of a wish are told as one."""
    points: Counter[tuple[str, str]] = Counter()
    for line in history.lines:
        points[line.direction, line.kind] += line.points
    return history.account, points


def test_a_flipped_bit_never_makes_another_balance(campaign: Campaign, tmp_path: Path) -> None:
    flips, luck = Flips(tmp_path), campaign.random
    hot, every = flips.places(*BOOKS), flips.places()
    damages = 0
    for _ in range(campaign.rounds(60, 3_000)):
        place = luck.choice(hot if luck.random() < 0.8 else every)
        bit = luck.randrange(8)
        differs, table = flips.flip(place, bit), flips.table(place)
        named = differs.get(("", "audit"), True) is not True
        wrong = [
            (about, one, flips.said.get(about))
            for about, one in differs.items()
            if not flips.is_right(table, about, one, named)
        ]
        assert not wrong, f"seed {campaign.seed}, bit {bit} of byte {place} ({table}): {wrong[0]}"
        damages += bool(differs)
        campaign.count("flips")
    assert damages
    campaign.count("flips that were seen", damages)


def test_a_bit_that_says_nothing_changes_nothing(campaign: Campaign, tmp_path: Path) -> None:
    """Between the cells of a page there is nothing."""
    flips, luck = Flips(tmp_path), campaign.random
    empty = [
        place
        for place in range(PAGE // 2, PAGE * (len(flips.furnished.file) // PAGE), PAGE)
        if not any(flips.furnished.file[place - 64 : place + 64])
    ]
    for place in luck.sample(empty, campaign.rounds(3, min(len(empty), 40))):
        assert not flips.flip(place, luck.randrange(8))
        campaign.count("flips")


def test_control_without_checksums_a_wrong_balance_is_read(
    campaign: Campaign, tmp_path: Path
) -> None:
    flips = Flips(tmp_path)
    file = tmp_path / "bare.db"
    right, wrong, rounds = _bare(file, flips.furnished.file), 0, campaign.rounds(300, 3_000)
    places, luck = flips.places("accounts"), Random(campaign.seed)
    for _ in range(rounds):
        wrong += bool(_bare(file, flips.flipped(luck.choice(places), luck.randrange(8))) - right)
    assert wrong
    campaign.control(
        "checksums of rows", f"a wrong balance was read after {wrong} of {rounds} flips"
    )


def _bare(path: Path, file: bytes) -> set[tuple[object, ...]]:
    """Whose balance is what, by SQLite alone."""
    path.write_bytes(file)
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return set(connection.execute("SELECT dkey, available, redeemed FROM accounts"))
    except (apsw.Error, UnicodeDecodeError):
        return set()
    finally:
        connection.close()
