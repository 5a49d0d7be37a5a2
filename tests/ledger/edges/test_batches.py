"""Many commands of one instant, decided together, are what they are one after another.

The books have lots that are due, carts that have lapsed and a debt; the batch has refusals,
repetitions and conflicts between what succeeds. Control: in another order they are other books.
"""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from nuqta import refusals
from nuqta.ledger.books import Books, Stamp
from nuqta.ledger.commands import SYSTEM, Command, Order, Release, Remind, Reserve, digest_of
from nuqta.ledger.history import at, balance_of, settled
from nuqta.ledger.instants import BALANCE_MAX, DAY_US, NEVER, POINTS_MAX
from nuqta.ledger.posting import Facts, decide
from tests.ledger.paper import DAY_ZERO, KEY, Paper, adjust, earn, settle, spend
from tests.ledger.telling import Teller, instant

BEFORE = """
    d0 adjust +50
    d0 adjust +30 expire 8
    d0 earn 20 mature 6 expire 30
    d1 order A 40
    d2 hold 60 cart c for 3
    d3 hold 10 cart e for 30
    d4 order D 25 expire 9
"""
NOW = instant("d9")
BASE = {"dkey": KEY[0], "customer_id": KEY[1], "origin": "cli"}


def before() -> Paper:
    return Teller().tell(BEFORE)


def reserve(points: int, cart: str, key: str, method: str = "m", most: int = 9) -> Reserve:
    return Reserve(
        dkey=KEY[0], customer_id=KEY[1], origin="cli", key=key, cart=cart, method_id=method,
        points=points, discount=points, currency="SAR", life_us=DAY_US, holds_max=most,
    )  # fmt: skip


def release(cart: str, key: str) -> Release:
    return Release(dkey=KEY[0], customer_id=KEY[1], origin="cli", key=key, cart=cart)


def remind(lot: int) -> Remind:
    return Remind(
        dkey=KEY[0], customer_id=KEY[1], origin=SYSTEM, key=f"remind:{lot}", lot=lot,
        within_us=30 * DAY_US,
    )  # fmt: skip


def order(name: str, earned: int, kept: int, **more: int) -> Order:
    placed = instant("d1") if name == "A" else NOW
    return replace(
        earn(earned, name, placed), key=f"order:{name}:{earned}:{kept}", kept=kept, **more
    )


BATCH: dict[str, tuple[Command, str]] = {
    "a refusal first, before what is due is booked": (spend(9999, "b1"), "NOT_ENOUGH_POINTS"),
    "and another": (reserve(9999, "x", "b2"), "NOT_ENOUGH_POINTS"),
    "what is due is booked with the first that succeeds": (spend(15, "b3"), ""),
    "a refusal after it": (adjust(-9999, "b4"), "NOT_ENOUGH_POINTS"),
    "one that is known by now": (spend(15, "b3"), ""),
    "a conflict with it": (spend(16, "b3"), "IDEMPOTENCY_CONFLICT"),
    "a refusal that is known by now": (spend(9999, "b1"), "NOT_ENOUGH_POINTS"),
    "a cart": (reserve(20, "x", "b5"), ""),
    "the same cart, by another key": (reserve(20, "x", "b6"), ""),
    "another method, too dear": (reserve(9999, "x", "b7", "n"), "NOT_ENOUGH_POINTS"),
    "another method": (reserve(25, "x", "b8", "n"), ""),
    "too many carts": (reserve(1, "y", "b9", most=2), "TOO_MANY_HOLDS"),
    "the cart is emptied": (release("x", "b10"), ""),
    "a cart that is not there": (release("nowhere", "b11"), ""),
    "told that it ends": (remind(3), ""),
    "told only once": (remind(3), ""),
    "an order earns": (order("B", 30, 30), ""),
    "an order of the future": (
        replace(order("C", 5, 5), granted_at=NOW + DAY_US),
        "DATE_IN_FUTURE",
    ),
    "an order is cancelled": (order("A", 40, 0), ""),
    "an order is cancelled in part": (order("B", 30, 7), ""),
    "an order comes back": (order("A", 40, 40), ""),
    "points with a reason": (adjust(5, "b12", NOW + DAY_US), ""),
    "points whose end has come": (adjust(5, "b13", NOW), "EXPIRY_PASSED"),
    "nothing is due": (settle(), ""),
    "too much": (spend(POINTS_MAX + 1, "b14"), "POINTS_OUT_OF_RANGE"),
    "the last": (spend(1, "b15"), ""),
}


def codes(paper: Paper, batch: Sequence[Command]) -> list[str]:
    """What became of each command of a batch."""
    answers = paper.post(batch, NOW)
    return [answer.refusal.code.removeprefix("ERROR_") if answer.refusal else ""
            for answer in answers]  # fmt: skip


def kept(paper: Paper) -> tuple[object, ...]:
    return (
        paper.account, paper.lots, paper.holds, paper.transfers, paper.events, paper.receipts,
        paper.notes,
    )  # fmt: skip


def test_a_batch_is_what_its_commands_are_one_by_one() -> None:
    together, alone = before(), before()
    batch = [command for command, _ in BATCH.values()]
    assert codes(together, batch) == [code for _, code in BATCH.values()]
    for command in batch:
        paper_codes = codes(alone, [command])
        assert len(paper_codes) == 1
        assert alone.wrongs() == []
    assert kept(together) == kept(alone)
    assert together.wrongs() == []


@pytest.mark.parametrize("first", range(len(BATCH)))
def test_wherever_a_batch_is_parted(first: int) -> None:
    together, parted = before(), before()
    batch = [command for command, _ in BATCH.values()]
    together.post(batch, NOW)
    parted.post(batch[:first], NOW)
    parted.post(batch[first:], NOW)
    assert kept(together) == kept(parted)


def test_control_in_another_order_they_are_other_books() -> None:
    one, other = before(), before()
    batch = [command for command, _ in BATCH.values()]
    one.post(batch, NOW)
    other.post(batch[::-1], NOW)
    assert kept(one) != kept(other)


PLAIN = ("", "IDEMPOTENCY_CONFLICT", "TOO_MANY_HOLDS")  # which need what came before them


@pytest.mark.parametrize("name", [name for name, (_, code) in BATCH.items() if code not in PLAIN])
def test_a_refusal_leaves_the_books_in_hand_as_they_were(name: str) -> None:
    """Also within the batch: the next command is decided on what was there before it."""
    command, _ = BATCH[name]
    with_it, without = before(), before()
    others: list[Command] = [
        spend(15, "b3"),
        adjust(3, "z1"),
        reserve(5, "q", "z2"),
        spend(2, "z3"),
    ]
    with_it.post([command, *others[:2], replace(command, key="again"), *others[2:]], NOW)
    without.post(others, NOW)
    assert kept(with_it)[:5] == kept(without)[:5]


def test_what_ends_while_a_batch_is_decided_has_ended() -> None:
    """Each command is later than the one before, be it by a microsecond."""
    together, alone = Paper(), Paper()
    batch: list[Command] = [
        adjust(5, "a", NOW + 2), adjust(1, "b"), reserve(2, "c", "c"), replace(
            reserve(1, "d", "d"), life_us=2), spend(1, "e"), adjust(7, "f", NOW + 9),
        spend(4, "g"), release("c", "h"), spend(3, "i"), spend(3, "j"), spend(1, "k"),
        earn(9, "A", NOW - DAY_US, 1, 2), spend(1, "l"), settle(), adjust(1, "m"),
    ]  # fmt: skip
    done = codes(together, batch)
    assert done == [code for command in batch for code in codes(alone, [command])]
    assert "NOT_ENOUGH_POINTS" in done
    assert kept(together) == kept(alone)
    assert together.wrongs() == []


# -- what is answered ------------------------------------------------------------------------------


def test_receipts_say_what_was_booked_and_when() -> None:
    paper = before()
    version, recorded_at = paper.account.version, paper.account.recorded_at
    refused, done, again = paper.post([spend(9999, "r"), spend(15, "k"), spend(15, "k")], NOW)
    command = spend(9999, "r")
    assert refused.receipt == replace(
        done.receipt, key="r", digest=digest_of(command), booked=0, version=version,
        refusal=refusals.NOT_ENOUGH_POINTS.code, recorded_at=NOW,
    )  # fmt: skip
    assert done.receipt.version == paper.account.version == version + done.receipt.booked
    assert done.receipt.booked == 5
    assert done.receipt.recorded_at == paper.account.recorded_at == NOW + 4
    assert again == replace(done, is_replay=True)
    early = paper.post([spend(9999, "early")], NOW - DAY_US)[0].receipt
    assert (early.recorded_at, early.booked) == (NOW + 4, 0)
    assert recorded_at < NOW


def test_a_receipt_of_an_account_that_is_not_there() -> None:
    command = spend(1, "a")
    (answer,) = decide([command], Facts({}, {}, {}), 5).answers
    receipt = answer.receipt
    assert (receipt.dkey, receipt.customer_id, receipt.origin, receipt.key) == (*KEY, "cli", "a")
    assert (receipt.digest, receipt.refusal) == (digest_of(command), "ERROR_CUSTOMER_NOT_FOUND")
    assert (receipt.version, receipt.booked, receipt.recorded_at) == (0, 0, 5)
    assert (answer.refusal, answer.is_replay) == (refusals.CUSTOMER_NOT_FOUND, False)


@pytest.mark.parametrize(
    ("command", "is_kept"),
    [
        (spend(9999, "k"), True),
        (replace(spend(9999, "k"), is_keyed=False), False),
        (replace(spend(9999, "k"), origin=SYSTEM), False),
        (replace(order("C", 5, 5), granted_at=NOW + DAY_US), False),
    ],
)
def test_which_refusals_are_remembered(command: Command, is_kept: bool) -> None:
    paper = before()
    paper.receipts.clear()
    paper.post([command], NOW)
    assert bool(paper.receipts) == is_kept
    assert len(paper.notes) == 2


def test_a_note_is_kept_of_what_was_booked_and_of_nothing_else() -> None:
    paper = before()
    hold = replace(reserve(5, "q", "a"), reason="once")
    facts = paper.facts()
    outcome = decide([hold, replace(hold, key="b"), replace(release("x", "c"), reason="none")],
                     facts, NOW)  # fmt: skip
    assert [(note.version, note.reason) for note in outcome.notes] == [
        (outcome.answers[0].receipt.version, "once")
    ]


def test_one_key_of_two_callers_is_two_commands_and_told_as_two() -> None:
    paper = Paper()
    mine = adjust(5, "same")
    paper.post([mine, replace(mine, origin="partner:1"), adjust(5, "other")], NOW)
    assert [(event.points, event.origin, event.key) for event in paper.events] == [
        (5, "cli", "same"), (5, "partner:1", "same"), (5, "cli", "other"),
    ]  # fmt: skip


def test_what_is_not_remembered_by_its_key_is_not_asked_for_by_it_either() -> None:
    paper = Paper()
    news = order("B", 5, 5)
    other = replace(adjust(7, news.key), origin=SYSTEM)
    assert codes(paper, [other, news, other]) == [""] * 3
    assert (paper.account.available, len(paper.receipts)) == (12, 1)


# -- the bounds of commands ------------------------------------------------------------------------


def test_the_most_that_one_command_may_move() -> None:
    paper = Paper()
    assert codes(paper, [adjust(POINTS_MAX, "a"), adjust(1, "b")]) == ["", ""]
    assert (
        codes(paper, [reserve(POINTS_MAX + 1, "c", "c"), reserve(0, "c", "d")])
        == ["POINTS_OUT_OF_RANGE"] * 2
    )
    assert codes(paper, [reserve(POINTS_MAX, "c", "e"), release("c", "f")]) == ["", ""]
    assert codes(paper, [spend(POINTS_MAX, "g"), adjust(-1, "h"), adjust(-1, "i")]) == [
        "", "", "NOT_ENOUGH_POINTS",
    ]  # fmt: skip
    assert codes(paper, [adjust(POINTS_MAX, "j"), adjust(-POINTS_MAX, "k")]) == ["", ""]
    assert paper.wrongs() == []


def test_all_that_an_account_may_ever_receive() -> None:
    full = replace(
        Paper().account, issued=BALANCE_MAX - 12, adjusted_in=3, forgiven=4,
        redeemed=BALANCE_MAX - 5,
    )  # fmt: skip
    facts = Facts({KEY: full}, {}, {})
    for command, code in (
        (adjust(6, "a"), "BALANCE_TOO_LARGE"), (adjust(5, "a"), ""),
        (order("B", 6, 6), "BALANCE_TOO_LARGE"), (order("B", 5, 5), ""),
        (order("B", 6, 0), "BALANCE_TOO_LARGE"), (order("B", 5, 0), ""),
    ):  # fmt: skip
        (answer,) = decide([command], facts, NOW).answers
        said = answer.refusal.code.removeprefix("ERROR_") if answer.refusal else ""
        assert said == code, command


def test_what_an_order_earns_more_and_what_it_redeems_have_room_too() -> None:
    paper = Teller().tell("d0 order B 10\nd0 adjust +5\nd0 hold 5 cart c\nd5 = available 15")
    hold = paper.holds[3]
    facts = paper.facts()
    account = replace(paper.account, issued=BALANCE_MAX - 9, redeemed=BALANCE_MAX - 24)
    facts.accounts = {KEY: account}
    asked = replace(earn(14, "B", DAY_ZERO), kept=14)
    for more, code in ((5, "BALANCE_TOO_LARGE"), (4, "")):
        command = replace(asked, earned=10 + more, kept=10 + more)
        (answer,) = decide([command], facts, NOW).answers
        said = answer.refusal.code.removeprefix("ERROR_") if answer.refusal else ""
        assert said == code
    for redeemed, code in ((BALANCE_MAX - 4, "BALANCE_TOO_LARGE"), (BALANCE_MAX - 5, "")):
        facts.accounts = {KEY: replace(account, issued=10, redeemed=redeemed)}
        command = replace(asked, earned=10, kept=10, hold=hold.hold, redeemed=5)
        (answer,) = decide([command], facts, NOW).answers
        said = answer.refusal.code.removeprefix("ERROR_") if answer.refusal else ""
        assert said == code


def test_what_an_order_has_redeemed_needs_no_room_again() -> None:
    paper = Teller().tell("d0 order A 10\nd1 hold 5 cart c\nd1 order B 0 cart c")
    facts = paper.facts()
    facts.accounts = {KEY: replace(paper.account, redeemed=BALANCE_MAX)}
    (hold,) = paper.holds.values()
    again = replace(earn(0, "B", instant("d1")), key="again", hold=hold.hold, redeemed=5)
    assert decide([again], facts, NOW).answers[0].refusal is None


@pytest.mark.parametrize(
    ("earned", "redeemed", "code"),
    [
        (POINTS_MAX, 0, ""),
        (POINTS_MAX + 1, 0, "POINTS_OUT_OF_RANGE"),
        (-1, 0, "POINTS_OUT_OF_RANGE"),
        (0, -1, "POINTS_OUT_OF_RANGE"),
        (0, POINTS_MAX + 1, "POINTS_OUT_OF_RANGE"),
    ],
)
def test_the_most_that_one_order_may_move(earned: int, redeemed: int, code: str) -> None:
    command = replace(order("B", earned, earned), redeemed=redeemed)
    assert codes(before(), [command]) == [code]


# -- reads -----------------------------------------------------------------------------------------


def test_a_read_before_anything_is_due_is_the_row_itself() -> None:
    paper = before()
    account = paper.account
    early = account.next_change_at - 1
    assert settled(account, paper.open_lots, paper.live_holds, early) == (account, [], {})
    assert at(account, [], [], 0) is account, "an account's own time does not go back"


def test_a_read_after_it_is_the_row_and_what_is_not_booked_yet() -> None:
    paper = before()
    account, due = paper.account, paper.account.next_change_at
    assert due == instant("d5")
    shown, lines, lots = settled(account, paper.open_lots, paper.live_holds, due)
    assert (shown.version, shown.events) == (account.version, account.events)
    assert [(line.move, line.points) for line in lines] == [("release", 30)] * 2
    assert sorted(lots) == [lot.lot for lot in paper.open_lots]
    assert balance_of(shown).available == balance_of(account).available + 60
    assert (balance_of(shown).held, shown.next_change_at) == (10, instant("d6"))


def test_books_that_nothing_was_done_to_have_not_changed() -> None:
    paper = before()
    books = Books(paper.account, paper.open_lots, paper.live_holds)
    assert not books.has_changed()
    assert books.after() == paper.account
    stamp = Stamp(NOW, "cli", "k")
    told = Books(paper.account, paper.open_lots)
    told.remind(paper.lots[1], stamp)
    assert told.has_changed()
    assert told.after() == replace(paper.account, events=paper.account.events + 1,
                                   next_change_at=told.after().next_change_at)  # fmt: skip
    assert Books(paper.account, []).after().next_change_at == NEVER
