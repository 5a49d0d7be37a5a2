"""Meters: what is counted is what is told, by one process or several, also after one has died."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client import Histogram as TheirHistogram

from nuqta.api.app import request_meters
from nuqta.api.points import PATH
from nuqta.seen.meters import SECONDS, Family, Sheet, prepare, seconds
from nuqta.seen.requests import OTHER, RequestMeters

FAMILIES = (
    Family("hits", "counter", "Hits.", ("who",), (("a",), ("b",))),
    Family("level", "gauge", "A level."),
    seconds("took", "Time."),
)


def hits(sheet: Sheet) -> list[int]:
    """What all processes together have counted of a, and of b."""
    return [
        sum(page.cells[sheet.at("hits", (who,))] for page in sheet.pages()) for who in ("a", "b")
    ]


def levels(sheet: Sheet) -> list[int]:
    """The level of each process that lives."""
    return [page.cells[sheet.at("level")] for page in sheet.pages() if page.is_alive]


def test_cells_are_each_their_own() -> None:
    sheet = Sheet("one", FAMILIES)
    sheet.cells[sheet.at("hits", ("a",))] += 2
    sheet.cells[sheet.at("hits", ("b",))] += 3
    sheet.cells[sheet.at("level")] = 7
    sheet.histogram("took").add(2_000_000_000)
    (page,) = sheet.pages()
    found = {
        (family.name, labels): cells
        for family in FAMILIES
        for labels, cells in sheet.values(page, family)
    }
    assert found["hits", ("a",)] == [2]
    assert found["hits", ("b",)] == [3]
    assert found["level", ()] == [7]
    assert sum(found["took", ()][:-1]) == 1
    assert found["took", ()][-1] == 2_000_000_000
    assert page.pid == os.getpid()


def test_a_histogram_counts_as_prometheus_own_does() -> None:
    """The same values, also those on a bound, in both."""
    theirs = TheirHistogram("x", "x", registry=(registry := CollectorRegistry()), buckets=SECONDS)
    sheet = Sheet("one", FAMILIES)
    ours, luck = sheet.histogram("took"), random.Random(5)
    values = [round(bound * 1e9) + more for bound in SECONDS for more in (-1, 0, 1)]
    values += [luck.randrange(20_000_000_000) for _ in range(500)]
    for value in values:
        ours.add(value)
        theirs.observe(value / 1e9)
    (page,) = sheet.pages()
    ((_, cells),) = sheet.values(page, FAMILIES[2])
    total = 0
    for bound, count in zip((*map(str, SECONDS), "+Inf"), cells[:-1], strict=True):
        total += count
        assert registry.get_sample_value("x_bucket", {"le": bound}) == total, bound
    assert registry.get_sample_value("x_sum") == pytest.approx(cells[-1] / 1e9)


def test_the_short_way_of_a_route_counts_as_its_histogram_does() -> None:
    meters = request_meters()
    short, long = meters.tally("GET", PATH), meters.sheet.histogram
    other = long("nuqta_http_request_seconds", OTHER)
    for bound in SECONDS:
        for value in (round(bound * 1e9) - 1, round(bound * 1e9), round(bound * 1e9) + 1):
            short.add(200, value)
            other.add(value)
    (page,) = meters.sheet.pages()
    family = next(one for one in meters.sheet.families if one.kind == "histogram")
    found = dict(meters.sheet.values(page, family))
    assert found["GET", PATH] == found[OTHER]
    assert sum(found[OTHER][:-1]) == 3 * len(SECONDS)


def test_what_is_for_no_route_is_one_route_whatever_was_asked() -> None:
    meters = RequestMeters((("GET", "/a"),), ("CODE",))
    for number in range(100):
        meters.tally(f"METHOD{number}", f"/{number}").add(404, 1)
        meters.refused(f"CODE{number}")
    meters.tally("HEAD", "/a").add(200, 1)
    (page,) = meters.sheet.pages()
    requests, refusals = meters.sheet.families[0], meters.sheet.families[2]
    counted = {labels: cells[0] for labels, cells in meters.sheet.values(page, requests)}
    assert counted[*OTHER, "4xx"] == 100
    assert counted["GET", "/a", "2xx"] == 1
    assert sum(counted.values()) == 101
    assert [cells for _, cells in meters.sheet.values(page, refusals)] == [[0]]


# -- several processes -----------------------------------------------------------------------------
def test_sheets_of_one_folder_are_read_together(tmp_path: Path) -> None:
    prepare(Sheet("x", FAMILIES), tmp_path, 2)
    one, two, three = (Sheet("x", FAMILIES, tmp_path) for _ in range(3))  # more than prepared for
    Sheet("another", FAMILIES, tmp_path).cells[1] = 99
    for number, sheet in enumerate((one, two, three), 1):
        sheet.cells[sheet.at("hits", ("a",))] += number
        sheet.cells[sheet.at("level")] = number
    for sheet in (one, two, three):
        assert hits(sheet) == [6, 0]
        assert levels(sheet) == [1, 2, 3]


def test_a_file_that_is_being_made_is_left_out(tmp_path: Path) -> None:
    sheet = Sheet("x", FAMILIES, tmp_path)
    (tmp_path / "x-7.meters").touch()
    assert len(sheet.pages()) == 1


COUNTING = """
import sys
from pathlib import Path
from tests.seen.test_meters import FAMILIES
from nuqta.seen.meters import Sheet

sheet = Sheet("x", FAMILIES, Path(sys.argv[1]))
sheet.cells[sheet.at("hits", ("a",))] += 5
sheet.cells[sheet.at("level")] = 9
print("counted", flush=True)
sys.stdin.read()
"""


def counting(folder: Path) -> "subprocess.Popen[str]":
    """Another process that has counted 5 of a, and has a level of 9."""
    process = subprocess.Popen(
        [sys.executable, "-c", COUNTING, str(folder)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "counted\n"
    return process


def test_what_a_killed_process_counted_stays_and_the_next_goes_on_there(tmp_path: Path) -> None:
    sheet = Sheet("x", FAMILIES, tmp_path)
    for times in (1, 2, 3):
        process = counting(tmp_path)
        assert hits(sheet) == [5 * times, 0]
        assert levels(sheet) == [0, 9]
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert hits(sheet) == [5 * times, 0], "a counter never goes back"
        assert levels(sheet) == [0], "who is dead has no level"
    assert len(list(tmp_path.iterdir())) == 2, "each took over the file of the last"
