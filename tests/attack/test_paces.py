"""Counting together: many processes on one caller, one that is killed, a table that is too small.

The clock stands still wherever a number is asserted, so that exactly a minute's worth may pass.
"""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from textwrap import dedent

import pytest

from nuqta.settings import Settings
from nuqta.web.limiter import Buckets, Limiter, Limiters, Memory, Shared, limiters, make_shared
from tests.http.server import PATIENCE_S, House, Log
from tests.http.test_serve import Process, free_port, present, process
from tests.tidy import ROOT
from tests.world import World

__all__ = ["present"]
NOW = 10**15
BURST = 400
PROCESSES = 4
_HAMMER = """
    import sys
    from pathlib import Path
    from nuqta.web.limiter import Limiter, Memory, Shared

    class NoLock(Shared):
        def _lock(self, start): pass
        def _unlock(self, start): pass

    kind, path, tries, burst = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    made = {"shared": Shared, "no lock": NoLock, "alone": lambda _: Memory(1_000)}[kind]
    limiter = Limiter(burst, made(path), steady_ns=lambda: 10**15)
    print("ready", flush=True)
    sys.stdin.readline()
    paces = [limiter.count(b"one") for _ in range(tries)]
    print(sum(pace.wait_s == 0 for pace in paces), flush=True)
"""
_HOLDER = """
    import os, sys
    from pathlib import Path
    from nuqta.web.limiter import Shared

    class Holder(Shared):
        def _unlock(self, start):
            print("holds", flush=True)
            sys.stdin.readline()

    Holder(Path(sys.argv[1])).add(b"one", 10**15, 10**9, 60 * 10**9)
"""


def frozen() -> int:
    return NOW


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table"
    Shared.make(path, 1_000)
    return path


@contextmanager
def child(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A process of its own on our code, which is killed in the end if it still runs."""
    line = [sys.executable, "-c", dedent(code), *map(str, arguments)]
    one = subprocess.Popen(
        line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    try:
        yield one
    finally:
        one.kill()
        one.communicate()


def said(one: subprocess.Popen[str]) -> str:
    assert one.stdout is not None
    return one.stdout.readline().strip()


def hammered(kind: str, path: Path, burst: int, tries: int) -> int:
    """How many requests of one caller pass, of four processes that all send at once."""
    with ExitStack() as stack:
        crowd = [
            stack.enter_context(child(_HAMMER, kind, path, tries, burst)) for _ in range(PROCESSES)
        ]
        assert [said(one) for one in crowd] == ["ready"] * PROCESSES
        for one in crowd:
            assert one.stdin is not None
            one.stdin.write("\n")
            one.stdin.flush()
        return sum(int(said(one)) for one in crowd)


# -- several processes -----------------------------------------------------------------------------


@pytest.mark.parametrize(("burst", "tries"), [(1, 50), (60, 500), (40_000, 20_000)])
def test_four_processes_let_exactly_the_burst_pass(table: Path, burst: int, tries: int) -> None:
    assert hammered("shared", table, burst, tries) == min(burst, PROCESSES * tries)


def test_control_each_for_itself_lets_four_times_the_burst_pass(table: Path) -> None:
    assert hammered("alone", table, BURST, BURST * 2) == BURST * PROCESSES


def test_control_without_the_lock_more_pass(table: Path) -> None:
    tries = 20_000
    assert hammered("no lock", table, PROCESSES * tries // 2, tries) > PROCESSES * tries // 2


def test_who_is_killed_while_it_holds_a_set_harms_nobody(table: Path) -> None:
    with closing(Shared(table)) as shared, child(_HOLDER, table) as holder:
        assert said(holder) == "holds"
        assert not can_lock(table), "the control: it does hold the set"
        holder.send_signal(signal.SIGKILL)
        holder.wait(PATIENCE_S)
        limiter = Limiter(60, shared, frozen)
        paces = [limiter.count(b"one") for _ in range(61)]
    assert sum(pace is not None and pace.wait_s == 0 for pace in paces) == 59, "one was counted"


def can_lock(table: Path) -> bool:
    """Whether a third process could have every set at once."""
    code = "import fcntl,sys; fcntl.lockf(open(sys.argv[1],'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    line = [sys.executable, "-W", "ignore", "-c", code, str(table)]
    return subprocess.run(line, stderr=subprocess.DEVNULL, check=False).returncode == 0


def test_control_a_free_table_can_be_locked(table: Path) -> None:
    assert can_lock(table)


# -- the table -------------------------------------------------------------------------------------


def test_both_kinds_of_buckets_say_the_same(table: Path) -> None:
    luck, now = random.Random(4), NOW
    memory = Memory(1_000)
    with closing(Shared(table)) as shared:
        for _ in range(5_000):
            now += luck.choice((0, 0, 1, 10**6, 10**9, 2 * 10**10))
            key = b"caller %d" % luck.randrange(40)
            limit = luck.choice((1, 7, 60, 1_000_000))
            cost = 60 * 10**9 // limit
            arguments = (key, now, cost, cost * limit)
            assert shared.add(*arguments) == memory.add(*arguments)


@pytest.mark.parametrize("limit", [1, 7, 59, 60, 61, 999, 244_949, 999_999, 1_000_000])
def test_a_minutes_worth_passes_at_once_and_not_one_more(limit: int) -> None:
    memory = Memory(1)
    limiter, left, cost = Limiter(limit, memory, frozen), min(limit, 1_000), 60 * 10**9 // limit
    if limit > left:  # the first of so many, at once
        memory.add(b"one", NOW, cost * (limit - left), cost * limit)
    remaining = []
    for _ in range(left):
        pace = limiter.count(b"one")
        assert pace is not None
        assert pace.wait_s == 0
        remaining.append(pace.remaining)
    assert remaining == list(range(left - 1, -1, -1))
    over = limiter.count(b"one")
    assert over is not None
    assert (over.remaining, over.wait_s) == (0, -(-60 // limit))
    assert 59 <= over.reset_s <= 60


def test_the_emptiest_gives_way_and_the_fullest_stays(tmp_path: Path) -> None:
    path = tmp_path / "small"
    Shared.make(path, 1)
    with closing(Shared(path)) as shared:
        limiter = Limiter(60, shared, frozen)
        while (pace := limiter.count(b"loud")) is not None and not pace.wait_s:
            pass
        for number in range(5_000):
            limiter.count(b"guess %d" % number)
        after = limiter.count(b"loud")
    assert after is not None
    assert after.wait_s == 1, "who is over its pace cannot be driven out by those who came once"


def test_a_table_holds_as_many_callers_as_it_was_made_for(tmp_path: Path) -> None:
    path, callers = tmp_path / "large", 10_000
    Shared.make(path, callers)
    with closing(Shared(path)) as shared:
        limiter = Limiter(60, shared, frozen)
        keys = [b"caller %d" % number for number in range(callers)]
        paces = [limiter.count(key) for key in (*keys, *keys)][callers:]
    forgotten = sum(pace is not None and pace.remaining == 59 for pace in paces)
    assert forgotten < callers // 20


def test_nobody_can_aim_at_a_set(tmp_path: Path) -> None:
    seeds = set()
    for number in range(3):
        path = tmp_path / str(number)
        Shared.make(path, 1_000)
        assert path.stat().st_mode & 0o777 == 0o600
        seeds.add(path.read_bytes()[:32])
    assert len(seeds) == 3


def test_an_instant_that_no_clock_of_ours_wrote_is_a_full_bucket_at_most(table: Path) -> None:
    with closing(Shared(table)) as shared:
        shared.add(b"one", NOW, 1, 10)
        data = table.read_bytes()
        place = data.index((NOW + 1).to_bytes(8, sys.byteorder))
        with table.open("r+b") as file:
            file.seek(place)
            file.write(b"\xff" * 8)
        minute = 60 * 10**9
        assert shared.add(b"one", NOW, 1, minute) == minute + 1
        assert shared.add(b"one", NOW, 1, minute + 1) == minute + 1


def test_a_table_is_made_whole_and_never_over_another(tmp_path: Path) -> None:
    make_shared(tmp_path, 1_000)
    assert {one.name for one in tmp_path.iterdir()} == set(Limiters.__struct_fields__)
    # A file with holes would kill whoever writes there on a disk that is full.
    assert all(one.stat().st_blocks * 512 >= one.stat().st_size for one in tmp_path.iterdir())
    with pytest.raises(FileExistsError):
        make_shared(tmp_path, 1_000)


@pytest.mark.parametrize("is_shared", [False, True])
def test_one_zero_turns_off_what_a_partner_has_of_its_own(tmp_path: Path, is_shared: bool) -> None:
    make_shared(tmp_path, 1_000)
    off = limiters(Settings({"NUQTA_RATE_LIMIT": "0"}), tmp_path if is_shared else None)
    assert [one.count(b"x", 5) for one in (off.managers, off.shoppers, off.addresses)] == [None] * 3
    half = limiters(Settings({"NUQTA_RATE_LIMIT_SHOPPER": "0"}))
    assert half.shoppers.count(b"x") is None
    own = half.shoppers.count(b"x", 5)
    assert own is not None
    assert own.limit == 5


def test_the_buckets_are_of_one_kind(table: Path) -> None:
    with closing(Shared(table)) as shared:
        kinds: list[Buckets] = [shared, Memory(1)]
        assert [one.add(b"x", NOW, 3, 5) for one in kinds] == [3, 3]
        assert [one.add(b"x", NOW, 3, 5) for one in kinds] == [6, 6]
        assert [one.add(b"x", NOW, 2, 5) for one in kinds] == [5, 5]


# -- a server with workers -------------------------------------------------------------------------


def test_workers_count_together_and_leave_nothing(present: World, tmp_path: Path) -> None:
    port, temporary = free_port(), tmp_path / "temporary"
    temporary.mkdir()
    with process(
        present, "--port", str(port), "--workers", "3", NUQTA_RATE_LIMIT="60",
        NUQTA_RATE_LIMIT_SHOPPER="1", TMPDIR=str(temporary),
    ) as server:  # fmt: skip
        server.wait_for(port)
        house = House(present, port, Log())
        tokens = [present.login(present.aisha) for _ in range(8)]
        for token in tokens:
            statuses = [house.balance(present.aisha, token).status for _ in range(9)]
            assert statuses == [200] + [429] * 8, "a minute passes before another may"
        (folder,) = temporary.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        code, told = server.end(signal.SIGTERM)
    assert code in (0, -signal.SIGTERM), told
    assert "left alone" not in told, "our own name in the environment is nobody's setting"
    assert list(temporary.iterdir()) == []


def test_a_killed_servers_folder_is_removed_by_the_next(present: World, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    others = temporary / "nuqta-paces-in-the-making"
    others.mkdir(parents=True)
    (temporary / "nuqta-paces-a-file").write_text("not a folder")
    (temporary / "nuqta-paces-elsewhere").symlink_to(tmp_path)
    kept = set(temporary.iterdir())

    def folder_of(port: int) -> tuple[Process, Path]:
        server = stack.enter_context(
            process(present, "--port", str(port), "--workers", "2", TMPDIR=str(temporary))
        )
        server.wait_for(port)
        (folder,) = set(temporary.iterdir()) - kept
        return server, folder

    with ExitStack() as stack:
        first, left = folder_of(free_port())
        first.end(signal.SIGKILL)
        assert left.is_dir()
        second, used = folder_of(free_port())
        assert (left.exists(), used.is_dir()) == (False, True)
        kept.add(used)
        folder_of(free_port())
        assert used.is_dir(), "of a server that lives"
        assert kept <= set(temporary.iterdir())
        second.end(signal.SIGTERM)
        assert not used.exists()
    assert present.engine.vault.path.is_file(), "what a link leads to stays"


_NO_ROOM = """
    import resource, signal
    from nuqta.api.server import _shared_paces
    from nuqta.settings import Settings
    from nuqta.storage.faults import CannotStart

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    try:
        with _shared_paces(Settings()):
            print("it counts")
    except CannotStart as error:
        print(error)
"""


def test_a_disk_without_room_is_a_sentence() -> None:
    with child(_NO_ROOM) as server:
        told = said(server)
    assert "File too large" in told
    assert "TMPDIR" in told
    assert "NUQTA_RATE_LIMIT_TRACKED" in told
