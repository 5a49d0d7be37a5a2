"""Files of customers and orders: what is read, what is refused, and that twice is once."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminal import Terminal, process

HEADER = "order_number,customer_id,placed_on,total\n"
PEOPLE = "customer_id,name,email,mobile\n"


def write(shop: Terminal, text: str | bytes) -> str:
    """A file beside the database."""
    file = Path(shop.db).with_name("file.csv")
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(file)


def orders(shop: Terminal, text: str | bytes, *more: str, code: int = 0) -> Any:
    file = write(shop, text)
    return shop.value("import", "orders", file, "--store", shop.store, *more, code=code)


def people(shop: Terminal, text: str | bytes, *more: str, code: int = 0) -> Any:
    file = write(shop, text)
    return shop.value("import", "customers", file, "--store", shop.store, *more, code=code)


def available(shop: Terminal, customer: int, as_of: str = "2026-06-30") -> int:
    line = ("points", "show", "--store", shop.store, "--customer", str(customer))
    return int(shop.value(*line, "--as-of", as_of)["available"])


def test_orders_earn_at_their_own_date(shop: Terminal) -> None:
    text = HEADER + "a,1,2026-01-01,10.99\nb,9,2026-02-01T10:00:00Z,5\nc,1,2026-03-01,0.00\n"
    assert orders(shop, text) == {"read": 3, "new": 3, "known": 0, "refused": []}
    assert orders(shop, text) == {"read": 3, "new": 0, "known": 3, "refused": []}
    assert (available(shop, 1), available(shop, 9)) == (10, 5)
    assert available(shop, 1, "2025-12-31") == 0
    assert available(shop, 1, "2026-12-31T20:59:59Z") == 10
    assert available(shop, 1, "2026-12-31T21:00:00Z") == 0
    assert shop.value("audit")["ok"] is True


BAD = {
    "an order of the future": "x,1,2999-01-01,1",
    "an exponent": "x,1,2026-01-01,1e5",
    "a negative total": "x,1,2026-01-01,-1",
    "no number": "x,1,2026-01-01,NaN",
    "Arabic digits": "x,1,2026-01-01,٣",
    "no total": "x,1,2026-01-01,",
    "a thousands separator": 'x,1,2026-01-01,"1,000.00"',
    "more than any amount": "x,1,2026-01-01,99999999999999",
    "no date": "x,1,soon,1",
    "no date of the calendar": "x,1,2026-02-30,1",
    "customer 0": "x,0,2026-01-01,1",
    "customer -1": "x,-1,2026-01-01,1",
    "customer 2^63": "x,9223372036854775808,2026-01-01,1",
    "customer in words": "x,one,2026-01-01,1",
    "no order number": ",1,2026-01-01,1",
    "an order number with a space": "x y,1,2026-01-01,1",
    "an order number too long": f"{'x' * 65},1,2026-01-01,1",
    "an order number with a sign": "x+y,1,2026-01-01,1",
    "a null character": "x\0,1,2026-01-01,1",
    "a field too few": "x,1,2026-01-01",
    "a field too many": "x,1,2026-01-01,1,1",
    "a stray quote": '"x"y,1,2026-01-01,1',
    "a field too large": f"x,1,2026-01-01,{'1' * 140_000}",
    "an order of another customer": "a,2,2026-01-01,1",
    "the same order with another total": "a,1,2026-01-01,9",
    "the same order with another date": "a,1,2026-01-02,1",
}


@pytest.mark.parametrize("row", BAD.values(), ids=BAD.keys())
def test_a_bad_row_is_refused_with_its_line(shop: Terminal, row: str) -> None:
    text = HEADER + f"a,1,2026-01-01,1\n{row}\nb,1,2026-01-01,1\n"
    told = orders(shop, text)
    assert (told["read"], told["new"], told["known"]) == (3, 2, 0)
    assert list(told) == ["read", "new", "known", "refused"]
    assert [list(bad) for bad in told["refused"]] == [["line", "reason"]]
    assert told["refused"][0]["line"] == 3
    assert len(told["refused"][0]["reason"]) < 300
    assert available(shop, 1) == 2
    again = orders(shop, text)
    assert (again["new"], again["known"], again["refused"]) == (0, 2, told["refused"])


@pytest.mark.parametrize("row", BAD.values(), ids=BAD.keys())
def test_a_strict_import_is_all_or_nothing(shop: Terminal, row: str) -> None:
    text = HEADER + f"a,1,2026-01-01,1\n{row}\nb,77,2026-01-01,1\n"
    told = orders(shop, text, "--strict", code=1)
    assert (told["read"], told["new"], told["known"]) == (3, 0, 0)
    assert [bad["line"] for bad in told["refused"]] == [3]
    outcome = shop.run("import", "orders", write(shop, text), "--store", shop.store, "--strict")
    assert outcome.code == 1
    assert "line 3" in outcome.out
    assert "nothing was imported" in outcome.err
    assert shop.value("audit") == {"ok": True, "accounts": 2, "transfers": 0, "violations": []}


def test_a_strict_import_without_a_bad_row(shop: Terminal) -> None:
    text = HEADER + "a,1,2026-01-01,1\nb,77,2026-01-01,1\n"
    assert orders(shop, text, "--strict") == {"read": 2, "new": 2, "known": 0, "refused": []}


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbf" + HEADER.encode() + b"a,1,2026-01-01,7\n",
        (HEADER + "a,1,2026-01-01,7\n").replace("\n", "\r\n").encode(),
        (HEADER + "\na,1,2026-01-01,7\n\n\n").encode(),
        (HEADER + "a,1,2026-01-01,7").encode(),
        b'"total",note,"placed_on",customer_id,order_number\n'
        b'7,"a ""note""\nof, two",2026-01-01,1,a\n',
        (HEADER.replace(",", " , ") + "a,1,2026-01-01,7\n").encode(),
    ],
    ids=["BOM", "CRLF", "empty lines", "no last line end", "other order", "spaces"],
)
def test_files_as_programs_write_them(shop: Terminal, text: bytes) -> None:
    assert orders(shop, text) == {"read": 1, "new": 1, "known": 0, "refused": []}
    assert available(shop, 1) == 7


def test_lines_are_counted_as_an_editor_counts_them(shop: Terminal) -> None:
    header = HEADER.replace("total", "total,note")
    text = header + 'a,1,2026-01-01,1,"one\ntwo\nthree"\n\nb,1,2026-01-01,x,\nc,1,x,1,"\n"\n'
    assert [bad["line"] for bad in orders(shop, text)["refused"]] == [6, 7]


def test_a_quote_that_never_ends_is_one_bad_row(shop: Terminal) -> None:
    told = orders(shop, HEADER + 'a,1,2026-01-01,1\nb,1,2026-01-01,"1\nc,1,2026-01-01,1\n')
    assert (told["read"], told["new"]) == (2, 1)
    assert told["refused"][0]["line"] == 3


def test_order_numbers_of_any_script(shop: Terminal) -> None:
    composed, loose = "Caf\u00e9-1", "Cafe\u0301-1"
    rows = [composed, loose, "#1001", "طلب_١", "注文/2", "ü" * 64]
    told = orders(shop, HEADER + "".join(f"{one},1,2026-01-01,1\n" for one in rows))
    assert (told["new"], told["known"], told["refused"]) == (5, 1, [])
    (bad,) = orders(shop, HEADER + "a b,1,2026-01-01,1\n")["refused"]
    said = "'a b' is not an order number: 1 to 64 letters, digits and . _ / # -"
    assert bad["reason"] == said


def test_a_strict_import_tells_of_everything_in_one_go(shop: Terminal) -> None:
    rows = (
        "a,1,2026-01-01,1", "b,1,soon,1", "a,2,2026-01-01,1", "c,1,2999-01-01,1", "d,x,2026-01-01,1"
    )  # fmt: skip
    told = orders(shop, HEADER + "\n".join(rows) + "\n", "--strict", code=1)
    assert [bad["line"] for bad in told["refused"]] == [3, 4, 5, 6]
    assert (told["read"], told["new"], told["known"]) == (5, 0, 0)
    assert told["refused"][1]["reason"] == "an order with this number belongs to another customer"
    assert available(shop, 1) == 0


def test_a_missing_column_is_named_beside_those_there_are(shop: Terminal) -> None:
    line = ("import", "orders", write(shop, "a,b,customer_id,placed_on,total\n"))
    said = shop.no(1, *line, "--store", shop.store)
    assert said.endswith(
        "lacks the column order_number; it has: a, b, customer_id, placed_on, total"
    )
    write(shop, HEADER.replace(",", ";"))
    said = shop.no(1, *line, "--store", shop.store)
    assert said.endswith("columns are separated by commas here")
    write(shop, "total," + HEADER)
    assert "the column total more than once" in shop.no(1, *line, "--store", shop.store)


def test_bytes_that_are_no_text_are_named_by_their_line(shop: Terminal) -> None:
    for many in 1, 5000:
        rows = "".join(f"{n},1,2026-01-01,1\n" for n in range(many)).encode()
        file = write(shop, HEADER.encode() + rows + b"x,1,2026-01-01,\xff\n")
        said = shop.no(1, "import", "orders", file, "--store", shop.store)
        assert f"file.csv, line {many + 2}, is not UTF-8 text" in said
        assert "codec" not in said


def test_a_folder_is_no_file(shop: Terminal) -> None:
    folder = str(Path(shop.db).parent)
    assert "is a folder" in shop.no(2, "import", "orders", folder, "--store", shop.store)


def test_a_file_without_permission_is_a_sentence(shop: Terminal) -> None:
    file = write(shop, HEADER)
    Path(file).chmod(0)
    if os.geteuid() == 0:  # root may read every file
        assert shop.value("import", "orders", file, "--store", shop.store)["read"] == 0
        return
    said = shop.no(1, "import", "orders", file, "--store", shop.store)
    assert said.endswith("file.csv cannot be read: permission denied")


def test_an_import_that_is_interrupted_says_how_to_go_on(shop: Terminal) -> None:
    pipe = Path(shop.db).with_name("pipe")
    os.mkfifo(pipe)
    line = [sys.executable, "-m", "nuqta", "--db", shop.db, "import", "orders", str(pipe)]
    with (
        subprocess.Popen(
            [*line, "--store", shop.store],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as running,
        pipe.open("w") as rows,
    ):  # it opens once it is read from
        rows.write(HEADER)
        rows.flush()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=20)
    assert (running.returncode, out) == (130, "")
    assert err == "stopped; run it again to go on\n"


def test_an_order_twice_in_a_file_counts_once(shop: Terminal) -> None:
    row = "a,1,2026-01-01,5\n"
    assert orders(shop, HEADER + row + row) == {"read": 2, "new": 1, "known": 1, "refused": []}
    assert available(shop, 1) == 5


@pytest.mark.parametrize(
    "text",
    [
        b"", b"\n", b"order_number,customer_id,placed_on\na,1,2026-01-01\n",
        b"total," + HEADER.encode(), HEADER.upper().encode(), b"\xff\xfe" + HEADER.encode(),
        HEADER.encode() + b"a,1,2026-01-01,\xff\n", HEADER.encode("utf-16"),
        b'"order_number', b"x" * 200_000, b"\0" * 1000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("strict", [[], ["--strict"]])
def test_a_file_that_cannot_be_read_is_refused(
    shop: Terminal, text: bytes, strict: list[str]
) -> None:
    file = write(shop, text)
    shop.no(1, "import", "orders", file, "--store", shop.store, *strict)
    shop.no(1, "import", "customers", file, "--store", shop.store, *strict)


@pytest.mark.parametrize("file", ["missing.csv", "", ".", "x" * 5000, "a\0b", "no/such/folder.csv"])
def test_a_file_that_is_not_there_is_a_misuse(shop: Terminal, file: str) -> None:
    shop.no(2, "import", "orders", file, "--store", shop.store)


def test_orders_of_a_program_that_is_off_are_refused(shop: Terminal) -> None:
    shop.value("program", "set", "--store", shop.store, "--off")
    file = write(shop, HEADER + "a,1,2026-01-01,1\n")
    assert "is off" in shop.no(1, "import", "orders", file, "--store", shop.store)
    assert "there is no store 7" in shop.no(1, "import", "orders", file, "--store", "7")


def test_customers_are_made_once(shop: Terminal) -> None:
    text = PEOPLE + "10,Clara,c@example.com,\n1,Somebody Else,,\n11,داليا,,+966501234567\n"
    assert people(shop, text) == {"read": 3, "new": 2, "known": 1, "refused": []}
    assert people(shop, text) == {"read": 3, "new": 0, "known": 3, "refused": []}
    assert people(shop, "name,customer_id\nEve,12\n")["new"] == 1


def test_people_hear_how_many_known_customers_were_filled_in(shop: Terminal) -> None:
    people(shop, "name,customer_id\nEve,12\nAdam,13\n")
    file = write(shop, PEOPLE + "12,Eve,e@example.com,\n13,Adam,,\n")
    line = ("import", "customers", file, "--store", shop.store)
    assert "  known    2 (filled in: 1)\n" in shop.run(*line).out
    assert "filled" not in shop.run(*line).out
    assert list(shop.value(*line)) == ["read", "new", "known", "refused"]


@pytest.mark.parametrize(
    "row",
    [
        "0,Eve,,", "x,Eve,,", f"{2**53},Eve,,", "20,,,", "20,Eve,nobody,", "20,Eve,,123",
        "20,Eve,,0501234567",
        "20,Eve,c@example.com,", "20,E\0ve,,", f"20,{'x' * 201},,", ",Eve,,", "20,Eve,", "٣,Eve,,",
    ],
)  # fmt: skip
def test_a_bad_customer_is_refused_with_its_line(shop: Terminal, row: str) -> None:
    text = PEOPLE + f"10,Clara,c@example.com,\n{row}\n11,Dora,,\n"
    strict = people(shop, text, "--strict", code=1)
    assert (strict["new"], [bad["line"] for bad in strict["refused"]]) == (0, [3])
    shop.no(1, "points", "show", "--store", shop.store, "--customer", "10")
    told = people(shop, text)
    assert (told["read"], told["new"], [bad["line"] for bad in told["refused"]]) == (3, 2, [3])


def test_people_see_what_was_done(shop: Terminal) -> None:
    rows = "".join(f"x,{n},2026-01-01,1\n" for n in range(1, 20))
    outcome = shop.run("import", "orders", write(shop, HEADER + rows), "--store", shop.store)
    assert outcome.code == 0
    assert "Read 19 orders" in outcome.out
    assert "a second" in outcome.out
    assert "line 3" in outcome.out
    assert "8 more" in outcome.out
    assert outcome.err == ""


def test_a_pipe_can_be_imported(shop: Terminal) -> None:
    rows = "".join(f"{n},1,2026-01-01,1\n" for n in range(1500))
    pipe = str(Path(shop.db).with_name("pipe"))
    os.mkfifo(pipe)
    writer = threading.Thread(target=Path(pipe).write_text, args=(HEADER + rows,), daemon=True)
    writer.start()
    told = shop.value("import", "orders", pipe, "--store", shop.store)
    writer.join()
    assert told == {"read": 1500, "new": 1500, "known": 0, "refused": []}


@pytest.mark.parametrize(("columns", "has_bar"), [("100", True), ("60", False)])
def test_a_terminal_sees_a_bar(shop: Terminal, columns: str, has_bar: bool) -> None:
    rows = "".join(f"{n},{n},2026-01-01,1\n" for n in range(1, 3001))
    ours, theirs = os.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "nuqta", "--db", shop.db, "import", "orders",
         write(shop, HEADER + rows), "--store", shop.store, "--json"],
        stdout=subprocess.PIPE, stderr=theirs, check=True,
        env={**os.environ, "COLUMNS": columns, "TERM": "xterm"},
    )  # fmt: skip
    seen = os.read(ours, 100_000).decode()
    os.close(ours)
    os.close(theirs)
    assert json.loads(done.stdout)["new"] == 3000
    assert "Importing orders" in seen
    assert "a second" in seen
    assert "left" in seen
    assert ("━" in seen) is has_bar


def test_a_process_prints_one_value_and_nothing_else(shop: Terminal) -> None:
    file = write(shop, HEADER + "a,1,2026-01-01,1\n")
    line = ("import", "orders", file, "--store", shop.store, "--json", "--db", shop.db)
    outcome = process(*line, cwd=Path(shop.db).parent)
    assert outcome == (0, '{"read": 1, "new": 1, "known": 0, "refused": []}\n', "")
