"""The books as tables of text: one move a line, the expected books at the end (style.md, 16).

The words of a tale are explained at the top of tests/ledger/telling.py.
"""

import pytest
from msgspec.structs import replace

from nuqta import refusals
from nuqta.ledger.commands import Command
from nuqta.ledger.instants import BALANCE_MAX, POINTS_MAX
from nuqta.ledger.posting import Facts, decide
from tests.ledger.defects import forgets_expiry, forgets_keys, spends_newest_first
from tests.ledger.paper import DAY_ZERO, KEY, Decide, Paper, adjust, earn, settle, spend
from tests.ledger.telling import Teller, instant

TALES = {
    "earned points are usable at once where nothing is to be waited for": """
        d0 earn 100
        d0 = available 100 version 1
        d9999 = available 100
        | earn 100 lot 1 at d0
    """,
    "points mature, are spent, and expire": """
        d0 earn 100 mature 3 expire 30
        d0 = pending 100
        d3-1 = pending 100
        d3 = available 100
        d5 spend 40
        d5 = available 60 used 40
        d30-1 = available 60 used 40
        d30 = used 40
        d31 spend 1 -> refused NOT_ENOUGH_POINTS
        d31 settle
        d31 = used 40 version 4
        | earn 100 lot 1 at d0
        | mature 100 lot 1 at d3
        | spend 40 lot 1 at d5
        | expire 60 lot 1 at d30
    """,
    "pending points cannot be spent": """
        d0 earn 100 mature 3
        d3-1 spend 1 -> refused NOT_ENOUGH_POINTS
        d3 spend 100
        d3 = used 100
    """,
    "at one instant points mature before others expire": """
        d0 earn 10 expire 5
        d0 earn 20 mature 5
        d5-1 = available 10 pending 20
        d5 = available 20
        d7 settle
        | earn 10 lot 1 at d0
        | earn 20 lot 2 at d0
        | mature 20 lot 2 at d5
        | expire 10 lot 1 at d5
    """,
    "a lot that matures and expires at one instant matures first": """
        d0 earn 10 mature 5 expire 5
        d5-1 = pending 10
        d5 =
        d5 settle
        | earn 10 lot 1 at d0
        | mature 10 lot 1 at d5
        | expire 10 lot 1 at d5
    """,
    "a lot that expires while it waits never matures": """
        d0 earn 10 mature 9 expire 5
        d5 =
        d20 settle
        d20 = version 2
        | earn 10 lot 1 at d0
        | expire 10 lot 1 at d5
    """,
    "what expires first is spent first, then the oldest, never-expiring last": """
        d0 earn 10
        d1 earn 10 expire 50
        d2 earn 10 expire 20
        d4 earn 10 placed 1 expire 21
        d5 spend 5
        d5 lots 1:10 2:10 3:10 4:5
        d5 spend 20
        d5 lots 1:10 2:5 3:0 4:0
        d6 spend 10
        d6 lots 1:5 2:0 3:0 4:0
    """,
    "what was learned late is spent by its own dates": """
        d2 earn 10 expire 20
        d4 earn 10 placed 1 expire 21
        d5 spend 5
        d5 lots 1:10 2:5
    """,
    "several things fall due in the order of their instants": """
        d0 earn 10 mature 2 expire 9
        d0 earn 20 mature 4 expire 6
        d9 settle
        | earn 10 lot 1 at d0
        | earn 20 lot 2 at d0
        | mature 10 lot 1 at d2
        | mature 20 lot 2 at d4
        | expire 20 lot 2 at d6
        | expire 10 lot 1 at d9
    """,
    "added by hand: usable at once, and without an end unless one is given": """
        d0 adjust +5
        d0 adjust +7 expire 10
        d10-1 = available 12
        d10 = available 5
        d11 adjust -4
        d11 = available 1
        d11 adjust -2 -> refused NOT_ENOUGH_POINTS
        | adjust 5 lot 1 at d0
        | adjust 7 lot 2 at d0
        | expire 7 lot 2 at d10
        | adjust 4 lot 1 at d11
    """,
    "added by hand with an end that has come": """
        d5 adjust +5 expire 0 -> refused EXPIRY_PASSED
        d5 = version 0
    """,
    "deducted by hand from several lots in spending order": """
        d0 adjust +5
        d0 earn 5 expire 10
        d1 adjust -7
        d1 lots 1:3 2:0
        d1 = available 3
    """,
    "an order of the past that had expired is earned and expired": """
        d100 earn 50 placed 2 mature 3 expire 30
        d100 = version 3
        d101 spend 1 -> refused NOT_ENOUGH_POINTS
        | earn 50 lot 1 at d2
        | mature 50 lot 1 at d5
        | expire 50 lot 1 at d32
    """,
    "an order of the past that is still alive": """
        d10 earn 50 placed 2 mature 3 expire 30
        d10 = available 50
        d32 =
    """,
    "an order of the future cannot earn yet": """
        d1 earn 50 placed 2 -> refused DATE_IN_FUTURE
        d1 = version 0
        d2 earn 50 placed 2
        d2 = available 50
    """,
    "an order that earns nothing books nothing, until it earns": """
        d1 order A 0
        d1 = version 0
        d2 order A 5
        d2 = available 5 version 1
    """,
    "owed, and repaid by an order": """
        d0 order A 50
        d0 spend 50
        d0 order A 50 kept 0
        d0 = owed 50 used 50
        d1 spend 1 -> refused POINTS_OWED
        d1 earn 30
        d1 = owed 20 used 50
        d2 earn 30
        d2 = available 10 used 50
        | earn 50 lot 1 at d0
        | spend 50 lot 1 at d0
        | owe 50 at d0+1
        | earn 30 lot 2 at d1
        | repay 30 lot 2 at d1
        | earn 30 lot 3 at d2
        | repay 20 lot 3 at d2
    """,
    "owed, and repaid when points mature": """
        d0 order A 60
        d0 spend 60
        d0 earn 100 mature 3 expire 30
        d1 order A 60 kept 0
        d1 = pending 100 owed 60 used 60
        d3-1 = pending 100 owed 60 used 60
        d3 = available 40 used 60
        d4 spend 40
        d4 = used 100
        d31 = used 100
    """,
    "owed more than matures": """
        d0 order A 60
        d0 spend 60
        d0 earn 40 mature 3 expire 30
        d1 order A 60 kept 0
        d3 = owed 20 used 60
        d40 settle
        d40 = owed 20 used 60 version 6
    """,
    "owed, and repaid by hand": """
        d0 order A 60
        d0 spend 60
        d0 adjust +10
        d0 order A 60 kept 0
        d0 = owed 50 used 60
        d1 adjust +20
        d1 = owed 30 used 60
        d1 adjust -1 -> refused NOT_ENOUGH_POINTS
        d1 adjust +31
        d1 = available 1 used 60
    """,
    "a refused command books nothing of what fell due before it": """
        d0 earn 10 mature 3 expire 30
        d5 spend 11 -> refused NOT_ENOUGH_POINTS
        d5 = available 10
        d40 spend 1 -> refused NOT_ENOUGH_POINTS
        d40 = version 1
        | earn 10 lot 1 at d0
    """,
    "the same key again is the same receipt": """
        d0 earn 100
        d1 spend 40 key a
        d2 spend 40 key a -> replay
        d3 adjust +5 key b
        d4 adjust +5 key b -> replay
        d4 = available 65 used 40 version 3
    """,
    "the same order again earns once": """
        d0 order A 100
        d5 order A 100
        d5 = available 100 version 1
    """,
    "a key with other content is a conflict": """
        d0 earn 100
        d1 spend 40 key a
        d2 spend 41 key a -> refused IDEMPOTENCY_CONFLICT
        d2 adjust +40 key a -> refused IDEMPOTENCY_CONFLICT
        d3 spend 40 key a -> replay
        d3 = available 60 used 40
    """,
    "a refusal under a key is remembered": """
        d0 spend 40 key a -> refused NOT_ENOUGH_POINTS
        d1 earn 100
        d1 spend 40 key a -> refused NOT_ENOUGH_POINTS replay
        d1 spend 40 key b
        d1 = available 60 used 40
    """,
    "a refusal of a derived key is not remembered": """
        d1 earn 50 placed 2 key o1 -> refused DATE_IN_FUTURE
        d2 earn 50 placed 2 key o1
        d2 = available 50
    """,
    "settling twice is once": """
        d0 earn 10 mature 3 expire 30
        d5 settle
        d5 settle
        d5 = available 10 version 2
        d30 settle
        d30 settle
        d31 settle
        d31 = version 3
    """,
    "limits of one command": f"""
        d0 earn {POINTS_MAX + 1} -> refused POINTS_OUT_OF_RANGE
        d0 earn -1 -> refused POINTS_OUT_OF_RANGE
        d0 adjust +{POINTS_MAX + 1} -> refused POINTS_OUT_OF_RANGE
        d0 adjust -{POINTS_MAX + 1} -> refused POINTS_OUT_OF_RANGE
        d0 adjust 0 -> refused POINTS_OUT_OF_RANGE
        d0 spend 0 -> refused POINTS_OUT_OF_RANGE
        d0 spend -1 -> refused POINTS_OUT_OF_RANGE
        d0 spend {POINTS_MAX + 1} -> refused POINTS_OUT_OF_RANGE
        d0 earn {POINTS_MAX}
        d0 spend {POINTS_MAX}
        d0 = used {POINTS_MAX}
    """,
    "a clock that stands still": """
        d0 earn 10
        d0 spend 3
        d0 spend 3
        d0 = available 4 used 6 version 3
    """,
    "a clock that goes back: the account's own time does not": """
        d9 earn 10 expire 5
        d7 earn 10 expire 6 placed 7
        d7 spend 12
        d7 = available 8 used 12
        d7 lots 1:8 2:0
        d13 = available 8 used 12
        d14 = used 12
    """,
}


@pytest.mark.parametrize("name", TALES)
def test_tale(name: str) -> None:
    paper = Teller().tell(TALES[name])
    stamps = [transfer.recorded_at for transfer in paper.transfers]
    assert stamps == sorted(set(stamps)), "recorded_at must be strictly increasing"


@pytest.mark.parametrize(
    ("defect", "name"),
    [
        (forgets_expiry, "points mature, are spent, and expire"),
        (forgets_keys, "the same key again is the same receipt"),
        (
            spends_newest_first,
            "what expires first is spent first, then the oldest, never-expiring last",
        ),
    ],
)
def test_control_a_tale_notices_a_defect(defect: Decide, name: str) -> None:
    with pytest.raises(AssertionError):
        Teller(defect).tell(TALES[name])


def test_control_a_tale_notices_wrong_expectations() -> None:
    for wrong in (
        "d0 = available 1",
        "d0 earn 5\n| earn 5 lot 1 at d1",
        "d0 spend 5",
        "d0 earn 5 -> refused NOT_ENOUGH_POINTS",
        "d0 earn 5\nd0 lots 1:4",
    ):
        with pytest.raises(AssertionError):
            Teller().tell(wrong)


# -- what a line of text cannot say -------------------------------------------------------------


def test_an_account_never_receives_more_than_json_can_count() -> None:
    paper = Paper()
    almost = replace(paper.account, version=0, issued=BALANCE_MAX - 5, redeemed=BALANCE_MAX - 5)
    facts = Facts({KEY: almost}, {}, {})
    for command in (earn(6, "a", DAY_ZERO), adjust(6, "b")):
        assert decide([command], facts, DAY_ZERO).answers[0].refusal is refusals.BALANCE_TOO_LARGE
    for fitting in (earn(5, "a", DAY_ZERO), adjust(5, "b")):
        assert decide([fitting], facts, DAY_ZERO).answers[0].refusal is None


def test_a_batch_is_decided_in_its_order_each_on_what_the_former_left() -> None:
    paper = Paper()
    batch: list[Command] = [
        spend(10, "early"), earn(15, "o1", DAY_ZERO), spend(10, "a"), spend(10, "b"),
        spend(10, "a"), spend(9, "a"), spend(5, "c"), settle(),
    ]  # fmt: skip
    answers = paper.post(batch, DAY_ZERO)
    codes = [answer.refusal.code if answer.refusal else "" for answer in answers]
    short, conflict = refusals.NOT_ENOUGH_POINTS.code, refusals.KEY_CONFLICT.code
    assert codes == [short, "", "", short, "", conflict, "", ""]
    assert [answer.is_replay for answer in answers].index(True) == 4
    assert answers[4].receipt == answers[2].receipt
    assert paper.account.available == 0
    assert paper.wrongs() == []


def test_an_unknown_account_is_refused_and_nothing_is_booked() -> None:
    outcome = decide([spend(1, "a")], Facts({}, {}, {}), DAY_ZERO)
    assert outcome.answers[0].refusal is refusals.CUSTOMER_NOT_FOUND
    assert outcome.receipts == []
    assert outcome.transfers == []


def test_every_receipt_carries_the_version_after_it() -> None:
    paper = Paper()
    moves: list[tuple[str, Command]] = [
        ("d0", earn(10, "o1", instant("d0"), mature_days=2, expire_days=9)),
        ("d3", spend(4, "a")),
        ("d20", adjust(5, "b")),
    ]
    receipts = [paper.post([command], instant(when))[0].receipt for when, command in moves]
    assert [(receipt.version, receipt.booked) for receipt in receipts] == [(1, 1), (3, 2), (5, 2)]


def test_reasons_are_kept_beside_the_books() -> None:
    paper = Paper()
    paper.post([adjust(5, "a"), adjust(-9, "refused")], DAY_ZERO)
    assert paper.notes == ["because"]
