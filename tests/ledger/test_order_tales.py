"""What merchants tell of orders, as tables of text: the books, and what is told of them.

The words of a tale are explained at the top of tests/ledger/telling.py.
"""

import pytest

from tests.ledger.defects import forgets_what_was_owed, freshens_an_expiry
from tests.ledger.paper import Decide
from tests.ledger.telling import Teller

RETURNS = {
    "earned, spent, and returned in part": """
        d0 order A 100
        d1 hold 40 cart c
        d1 order B 12 cart c
        d2 order A 100 kept 60
        d2 = available 32 used 40
        d3 order B 12 kept 6 back 20
        d3 = available 46 used 20
        d3 lots 1:40 2:6
        | earn 100 lot 1 at d0
        | hold 40 lot 1 at d1
        | capture 40 lot 1 at d1
        | earn 12 lot 2 at d1
        | cancel 40 lot 1 at d2
        | cancel 6 lot 2 at d3
        | return 20 lot 1 at d3
    """,
    "earned by one revision, returned under another: what it keeps is told by the first": """
        d0 order A 100
        d1 order C 50
        d2 order A 100 kept 50
        d2 = available 100
        d2 lots 1:50 2:50
    """,
    "cancelled while it is pending": """
        d0 order A 100 mature 3
        d1 order A 100 kept 0
        d9 = version 2
        ! points.earned 100
        ! points.cancelled 100
    """,
    "cancelled before it was heard of": """
        d5 order A 100 kept 0 placed 1
        d5 = version 2
        | earn 100 lot 1 at d1
        | cancel 100 lot 1 at d5
    """,
    "cancelled before it was heard of, and delivered after all": """
        d5 order A 100 kept 0
        d6 order A 100
        d6 = available 100 version 3
    """,
    "cancelled when its points were spent: owed, and earned again": """
        d0 order A 100
        d1 spend 70
        d2 order A 100 kept 0
        d2 = owed 70 used 70
        d3 order A 100
        d3 = available 30 used 70
        ! points.earned 100
        ! points.redeemed 70
        ! points.cancelled 100
        ! points.owed 70
        ! points.earned 100
        ! points.repaid 70
    """,
    "cancelled when its points were spent: the debt was repaid before it is earned again": """
        d0 order A 100
        d1 spend 70
        d2 order A 100 kept 0
        d3 adjust +80
        d3 = available 10 used 70
        d4 order A 100
        d4 = available 110 used 70
        d4 lots 1:100 2:10
    """,
    "cancelled when its points were spent: forgiven, and earned again": """
        d0 order A 100
        d1 spend 70
        d2 order A 100 kept 0 forgive
        d2 = used 70
        d3 order A 100 forgive
        d3 = available 30 used 70
        | earn 100 lot 1 at d0
        | spend 70 lot 1 at d1
        | cancel 30 lot 1 at d2
        | forgive 70 at d2
        | reinstate 70 at d3
        | reinstate 30 lot 1 at d3
    """,
    "cancelled when its points were spent: other points pay, as they would be spent": """
        d0 order A 100
        d0 adjust +20
        d1 adjust +30 expire 9
        d1 earn 40 mature 9          # another order's, and pending: not touched
        d2 hold 10 cart c for 7      # from lot 3, which ends first: not touched
        d2 spend 90
        d2 lots 1:30 2:20 3:10 4:40
        d3 order A 100 kept 0
        d3 = pending 40 held 10 owed 50 used 90
    """,
    "what is reinstated goes back to where it was taken from": """
        d0 order A 100
        d0 spend 100
        d1 adjust +30 expire 9
        d2 order A 100 kept 0
        d2 = owed 70 used 100
        d3 order A 100
        d3 = available 30 used 100
        d3 lots 1:0 2:30@10
    """,
    "several debts, repaid as points come in": """
        d0 order A 50
        d0 order C 30
        d1 spend 80
        d2 order A 50 kept 0
        d3 order C 30 kept 10
        d3 = owed 70 used 80
        d4 adjust +60
        d4 = owed 10 used 80
        d5 order C 30 kept 30        # 10 are owed no more, and 10 come to its own lot
        d5 = available 10 used 80
    """,
    "several returns end where one full return ends": """
        d0 adjust +40
        d0 hold 30 cart c
        d1 order B 100 cart c
        d1 spend 60
        d2 order B 100 kept 70 back 10
        d3 order B 100 kept 30 back 20
        d4 order B 100 kept 0 back 30
        d4 = owed 20 used 60
    """,
    "one full return ends where several end": """
        d0 adjust +40
        d0 hold 30 cart c
        d1 order B 100 cart c
        d1 spend 60
        d4 order B 100 kept 0 back 30
        d4 = owed 20 used 60
    """,
    "points that expired unspent are cancelled from there": """
        d0 order A 100 expire 5
        d1 spend 30
        d9 order A 100 kept 0
        d9 = owed 30 used 30
        d10 order A 100
        d10 = used 30
    """,
    "worth more than before": """
        d0 order A 100
        d1 order A 120
        d1 = available 120
        d1 lots 1:120
        d2 order A 90 kept 90
        d2 = available 90
    """,
    "returned to the same lots, what was taken last first": """
        d0 adjust +20 expire 9
        d0 adjust +20 expire 8
        d1 hold 30 cart c
        d1 order B 0 cart c
        d1 lots 1:10 2:0
        d2 order B 0 back 15
        d2 lots 1:20 2:5
        d9 = used 15
    """,
}

EXPIRIES = {
    "order and cancel does not freshen an expiry": """
        d0 adjust +30 expire 10
        d8 hold 30 cart c
        d8 order B 0 cart c
        d20 order B 0 back 30
        d20 lots 1:0@10 2:30@22
        d22-1 = available 30
        d22 =
    """,
    "the life begins at the hold, not at the order": """
        d0 adjust +30 expire 10
        d5 hold 30 cart c for 7
        d9 order B 0 cart c
        d20 order B 0 back 30
        d20 lots 1:0@10 2:30@25
    """,
    "the program's grace is the longest life": """
        d0 adjust +30 expire 99
        d1 hold 30 cart c
        d1 order B 0 cart c
        d100 order B 0 back 30 grace 7
        d100 lots 1:0@99 2:30@107
    """,
    "the life counts from the return, however late it is told": """
        d0 adjust +30 expire 10
        d8 hold 30 cart c
        d8 order B 0 cart c
        d20 order B 0 back 30 undone 19
        d20 lots 1:0@10 2:30@21
    """,
    "a return that is told when its points would be over": """
        d0 adjust +30 expire 10
        d8 hold 30 cart c
        d8 order B 0 cart c
        d30 order B 0 back 30 undone 20
        d30 =
    """,
    "a return that is told too late, and a later one: all comes back": """
        d0 adjust +30 expire 10
        d8 hold 30 cart c
        d8 order B 0 cart c
        d30 order B 0 back 10 undone 20
        d30 = used 20
        d30 order B 0 back 30 undone 29
        d30 = available 30
    """,
    "two returns share the later end": """
        d0 adjust +30 expire 10
        d5 hold 30 cart c
        d5 order B 0 cart c
        d20 order B 0 back 10
        d20 lots 1:0 2:10@25
        d22 order B 0 back 30
        d22 lots 1:0 2:30@27
    """,
    "cancelled, delivered, and cancelled again": """
        d0 adjust +30 expire 10
        d5 hold 30 cart c
        d5 order B 0 cart c
        d20 order B 0 back 30
        d20 = available 30
        d21 order B 0 back 0
        d21 = used 30
        d22 order B 0 back 30
        d22 = available 30
        d22 lots 1:0 2:30@27
    """,
    "in part again and again: what stands is what was taken": """
        d0 adjust +40
        d1 hold 40 cart c
        d1 order B 0 cart c
        d2 order B 0 back 30
        d3 order B 0 back 0
        d4 order B 0 back 40
        d4 = available 40
    """,
    "what came back had expired when the order stood after all": """
        d0 adjust +30 expire 10
        d5 hold 30 cart c
        d5 order B 0 cart c
        d6 order B 0 back 30
        d10 =
        d12 order B 0 back 0
        d12 = used 30
    """,
    "what came back is spent when the order stands after all": """
        d0 adjust +30
        d1 hold 30 cart c
        d1 order B 0 cart c
        d2 order B 0 back 30
        d3 spend 20
        d4 order B 0 back 0
        d4 = owed 20 used 50
        d5 order B 0 back 30
        d5 = available 10 used 20
    """,
    "what came back repaid a debt, which is owed again": """
        d0 order A 20
        d0 adjust +30
        d1 hold 30 cart c
        d1 order B 0 cart c
        d1 spend 20
        d2 order A 20 kept 0
        d2 = owed 20 used 50
        d3 order B 0 back 30
        d3 = available 10 used 20
        d4 order B 0 back 0
        d4 = owed 20 used 50
        d5 order B 0 back 10
        d5 = owed 10 used 40
        d5 order B 0 back 30
        d5 = available 10 used 20
    """,
    "another order's new lot keeps its end": """
        d0 adjust +30 expire 10
        d5 hold 30 cart c
        d5 order B 0 cart c
        d20 order B 0 back 30
        d20 hold 10 cart e
        d20 order D 0 cart e back 10
        d20 = available 30
        d20 lots 1:0 2:30@25
    """,
    "it waits for the delivery, which is told late": """
        d0 order A 100 mature never expire 30
        d5 = pending 100
        d9 order A 100 delivered 2 mature 3
        d9 = available 100
        | earn 100 lot 1 at d0
        | mature 100 lot 1 at d5
    """,
    "it waits for the delivery, which is told before it counts": """
        d0 order A 100 mature never expire 30
        d2 order A 100 delivered 2 mature 3
        d5-1 = pending 100
        d5 = available 100
    """,
    "it expired while it waited, though it had been delivered": """
        d0 order C 40
        d0 spend 40
        d0 order A 100 mature never expire 5
        d9 order C 40 kept 0
        d9 = owed 40 used 40
        d9 order A 100 delivered 2 mature 1
        d9 = used 40
        d9 order A 100 kept 0
        d9 = owed 40 used 40
    """,
    "dates come nearer when the order turns out to be older": """
        d5 order A 100 expire 30
        d6 order A 100 expire 20
        d6 lots 1:100@25
        d7 order A 100 expire 25
        d7 lots 1:100@25
        d8 order A 100 expire 1
        d8 = available 100
        d8+1 =
    """,
    "what an old order is worth more repays, and only then expires": """
        d0 order C 40
        d0 spend 40
        d8 order C 40 kept 0
        d9 order A 30 placed 1 expire 5
        d9 = owed 10 used 40
        d9 order A 60
        d9 = used 40
    """,
    "a lot grows past its grant where others repaid its debt": """
        d0 order A 4
        d1 hold 1 cart c for 7
        d2 order A 4 kept 0
        d2 = held 1 owed 1
        d3 order C 4
        d4 order A 4
        d4 = available 7 held 1
    """,
    "it was emptied while it waited, and delivered before": """
        d0 order A 100 mature never
        d1 order A 100 kept 0
        d2 order A 100 kept 0 delivered 0 mature 0
        d3 order A 100
        d3 = available 100
    """,
}

REPAYMENTS = {
    "its points had ended when it was delivered: they repay nothing, nor does what comes later": """
        d0 order C 40
        d0 spend 40
        d0 order C 40 kept 0
        d9 order A 30 placed 4 expire 1 mature never
        d9 order A 30 delivered 6 mature 0
        d9 = owed 40 used 40
        d9 order A 50
        d9 = owed 40 used 40
        d9 order A 20
        d9 order A 30
        d9 = owed 40 used 40
    """,
    "it turns out older, so that its points had ended when it was delivered: owed again": """
        d0 order C 40
        d0 spend 40
        d0 order C 40 kept 0
        d9 order A 30 placed 4 expire 4 delivered 6 mature 0
        d9 = owed 10 used 40
        d9 order A 30 expire 1
        d9 = owed 40 used 40
        d9 order A 30 expire 1
        d9 order A 30 delivered 5 mature 0       # in time after all
        d9 = owed 10 used 40
        | earn 40 lot 1 at d0
        | spend 40 lot 1 at d0
        | owe 40 at d0+1
        | earn 30 lot 2 at d4
        | mature 30 lot 2 at d6
        | repay 30 lot 2 at d9
        | reopen 30 lot 2 at d9+2
        | expire 30 lot 2 at d9+2
        | repay 30 lot 2 at d9+4
    """,
    "it turns out older while its points live: what repaid is owed again, and the rest is over": """
        d0 order C 40
        d0 spend 40
        d0 order C 40 kept 0
        d9 order A 60 placed 4 expire 20 delivered 6 mature 0
        d9 = available 20 used 40
        d9 adjust +5
        d9 order A 60 expire 1
        d9 = owed 35 used 40
    """,
    "it turns out older, and was cancelled: as if that had been known when it came": """
        d0 adjust +10
        d0 hold 10 cart c for 30
        d0 order C 5
        d0 spend 5
        d0 order C 5 kept 0
        d9 order A 20 placed 4 expire 4 delivered 6 mature 0 cart c
        d9 = used 15
        d9 order A 20 kept 0 back 10
        d9 = available 5 used 5
        d9 order A 20 kept 0 expire 1
        d9 = available 5 used 5
        d9 lots 1:5 2:0 3:0
    """,
    "it was delivered before it gave points back: what it earned repays, and all comes back": """
        d0 adjust +10
        d0 hold 10 cart c for 30
        d1 order C 5
        d1 spend 5
        d1 order C 5 kept 0
        d3 order A 20 mature never cart c kept 10 back 10
        d3 = pending 10 available 5 used 5
        d4 order A 20 kept 10 delivered 3 mature 0
        d4 = available 15 used 5
        d4 lots 1:10 2:0 3:5
        | adjust 10 lot 1 at d0
        | hold 10 lot 1 at d0
        | earn 5 lot 2 at d1
        | spend 5 lot 2 at d1
        | owe 5 at d1+1
        | capture 10 lot 1 at d3
        | earn 20 lot 3 at d3
        | cancel 10 lot 3 at d3
        | return 10 lot 1 at d3
        | repay 5 lot 1 at d3
        | mature 10 lot 3 at d3
        | reopen 5 lot 1 at d4
        | repay 5 lot 3 at d4
    """,
    "it is worth more than when it gave points back: what it earned more repays": """
        d0 adjust +10
        d0 hold 10 cart c for 30
        d1 order C 5
        d1 spend 5
        d1 order C 5 kept 0
        d3 order A 2 cart c kept 2 back 10
        d3 = available 7 used 5
        d4 order A 4 kept 4
        d4 = available 9 used 5
        d4 lots 1:9 2:0 3:0
    """,
    "what it gave back had ended when it repaid: then it expires, and what it earned repays": """
        d0 adjust +10 expire 4
        d0 hold 10 cart c for 30
        d1 order C 5
        d1 spend 5
        d1 order C 5 kept 0
        d3 order A 8 mature never cart c
        d3 order A 8 back 10
        d3 = pending 8 available 5 used 5
        d9 = pending 8 used 5
        d9 order A 8 delivered 3 mature 0
        d9 = available 3 used 5
    """,
}

TALES = {**RETURNS, **EXPIRIES, **REPAYMENTS}


def test_no_tale_is_told_twice() -> None:
    assert len(TALES) == len(RETURNS) + len(EXPIRIES) + len(REPAYMENTS)


@pytest.mark.parametrize("name", TALES)
def test_tale(name: str) -> None:
    Teller().tell(TALES[name])


@pytest.mark.parametrize(
    ("defect", "name"),
    [
        (forgets_what_was_owed, "cancelled when its points were spent: owed, and earned again"),
        (freshens_an_expiry, "order and cancel does not freshen an expiry"),
    ],
)
def test_control_a_tale_notices_a_defect(defect: Decide, name: str) -> None:
    with pytest.raises(AssertionError):
        Teller(defect).tell(TALES[name])
