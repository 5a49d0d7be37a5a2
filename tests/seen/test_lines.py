"""The log: lines are JSON, hold no token, and never hold the server, whoever does not read them."""

import fcntl
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import pytest

from nuqta.seen.logs import Fields, JsonFormatter, Lines
from tests.http.server import PATIENCE_S

TOKEN = "nqc_00000000_1_" + "ab" * 32


def record(message: object, *arguments: object, trouble: BaseException | None = None) -> str:
    """A record as its line."""
    shown = (type(trouble), trouble, trouble.__traceback__) if trouble else None
    one = logging.LogRecord("nuqta.x", logging.WARNING, "", 0, message, arguments, shown)
    return JsonFormatter().format(one)


def test_a_line_is_an_object_with_instant_level_logger_and_message() -> None:
    line = json.loads(record("%d things\nin two lines", 3))
    assert line.pop("at").endswith("Z")
    assert line == {"level": "warning", "logger": "nuqta.x", "message": "3 things\nin two lines"}


def test_a_record_with_fields_has_them_in_the_line() -> None:
    line = json.loads(record(Fields({"status": 200, "path": "/é\"'\u2028\x00"})))
    assert (line["status"], line["path"]) == (200, "/é\"'\u2028\x00")
    assert "message" not in line


def test_a_trace_is_part_of_the_one_line() -> None:
    try:
        raise ValueError(TOKEN)
    except ValueError as error:
        text = record("failed", trouble=error)
    assert "\n" not in text
    assert "Traceback" in json.loads(text)["trace"]
    assert TOKEN not in text


@pytest.mark.parametrize("text", [TOKEN, TOKEN[-64:], f"a {TOKEN}, b"])
def test_what_looks_like_a_token_is_left_out(text: str) -> None:
    assert "ab" * 8 not in record("it was %s", text)


# -- a log that nobody reads ----------------------------------------------------------------------
@contextmanager
def pipe() -> Iterator[tuple[FileIO, FileIO]]:
    """A small pipe: where it is read, and where it is written."""
    reads, writes = (FileIO(one, mode) for one, mode in zip(os.pipe(), ("r", "w"), strict=True))
    with reads, writes:
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, 4_096)
        yield reads, writes


def logger_of(handler: logging.Handler) -> logging.Logger:
    """A logger of nobody else's."""
    logger = logging.Logger("alone")
    logger.addHandler(handler)
    return logger


def read_lines(reads: FileIO) -> list[dict[str, object]]:
    """All that is written to a pipe until its other end is closed."""
    return [json.loads(line) for line in reads.readall().splitlines()]


def test_nobody_waits_for_a_pipe_that_nobody_reads() -> None:
    told: list[int] = []
    with pipe() as (reads, writes):
        lines = Lines(100, writes.fileno())
        lines.on_drop = told.append
        logger = logger_of(lines)
        for number in range(20_000):
            logger.info("line %d", number)
        assert lines.dropped > 10_000
        assert told == list(range(1, lines.dropped + 1))
        found: list[dict[str, object]] = []
        reading = threading.Thread(target=lambda: found.extend(read_lines(reads)))
        reading.start()
        lines.flush(PATIENCE_S)
        logger.info("the last")
        lines.close()
        writes.close()
        reading.join(PATIENCE_S)
        kept = [line for line in found if str(line["message"]).startswith("line ")]
        numbers = [int(str(line["message"])[5:]) for line in kept]
        assert numbers == sorted(numbers)
        assert len(kept) + lines.dropped == 20_000, "what is not there was counted"
        assert any("were dropped" in str(line["message"]) for line in found)
        assert any(line["message"] == "the last" for line in found), "it goes on by itself"


class Straight:
    """A stream without a buffer of its own."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, text: str) -> int:
        """Write at once."""
        return os.write(self._descriptor, text.encode())


def test_control_the_plain_handler_would_wait() -> None:
    """A pipe that does not wait says that it would have."""
    with pipe() as (_, writes):
        os.set_blocking(writes.fileno(), False)
        stream = Straight(writes.fileno())
        handler: logging.StreamHandler[Straight] = logging.StreamHandler(stream)
        troubles: list[BaseException | None] = []
        handler.handleError = lambda record: troubles.append(sys.exc_info()[1])  # type: ignore[method-assign]
        for number in range(20_000):
            logger_of(handler).info("line %d", number)
        assert isinstance(troubles[0], BlockingIOError)


def test_whoever_has_gone_harms_nobody() -> None:
    with pipe() as (reads, writes):
        reads.close()
        lines = Lines(1_000, writes.fileno())
        logger = logger_of(lines)
        for number in range(100):
            logger.info("line %d", number)
        lines.flush(PATIENCE_S)
        assert lines.dropped > 0
        lines.close()


ENDING = """
import logging, os, sys
from nuqta.seen import logs

logs.begin(1_000)
logging.getLogger("x").warning("before")
logs.last_words("the last words")
os._exit(70)
"""
FULL = """
import os, sys
from nuqta.seen import logs

os.set_blocking(2, False)
for size in (1_000, 1):
    try:
        while os.write(2, b"x" * size):
            continue
    except BlockingIOError:
        pass
os.set_blocking(2, True)
logs.begin(1_000)
logs.last_words("never heard", 0.1)
os._exit(70)
"""


def ended(source: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What becomes of a process whose stderr is read when it has ended, and not before."""
    with subprocess.Popen(
        [sys.executable, "-c", source], stderr=subprocess.PIPE, text=True, cwd=folder
    ) as process:
        code = process.wait(PATIENCE_S)
        assert process.stderr is not None
        return subprocess.CompletedProcess(source, code, stderr=process.stderr.read())


def test_the_last_words_come_last(tmp_path: Path) -> None:
    done = ended(ENDING, tmp_path)
    first, last = done.stderr.splitlines()
    assert json.loads(first)["message"] == "before"
    assert last == "the last words"
    assert done.returncode == 70


def test_a_full_pipe_does_not_keep_the_process_alive(tmp_path: Path) -> None:
    done = ended(FULL, tmp_path)
    assert done.returncode == 70
    assert "never heard" not in done.stderr
