"""What is told, event by event and field by field, of the books that test_invariants spoils."""

from nuqta.ledger.events import Event
from nuqta.ledger.instants import NEVER
from tests.ledger.edges.test_edge_tales import day
from tests.ledger.edges.test_invariants import HONEST
from tests.ledger.telling import Teller

MORE = """
    d11 remind 1 within 40
    d12 order Z 12
    d12 adjust +40 key q
    d12 order Z 12 kept 0
    d13 adjust -3 key p
"""
TOLD = """
    1 earned 100 v1 100/0/0/0/0 lot 1 until d40 d0 d0 system order:A:1 of A
    2 adjusted 9 v2 100/9/0/0/0 lot 2 until d1 d0 d0+1 cli x
    3 adjusted -2 v3 100/7/0/0/0 lot 2 until d1 d0+1 d0+2 cli y
    4 expired 7 v4 100/0/0/0/0 lot 2 until d1 d1 d3 system expire:2
    5 matured 100 v5 0/100/0/0/0 lot 1 until d40 d2 d3+1 system mature:1
    6 redeemed 10 v6 0/90/0/0/10 lot 1 until d40 d3 d3+2 cli s
    7 adjusted 50 v7 0/140/0/0/10 lot 3 d3+2 d3+3 cli a
    8 held 30 v8 0/110/30/0/10 lot 1 until d40 d4 d4 cli h
    9 redeemed 30 v10 0/130/0/0/40 lot 1 until d40 d4 d4+1 system order:B:7 of B
    10 earned 20 v10 0/130/0/0/40 lot 4 d4 d4+2 system order:B:7 of B
    11 cancelled 12 v12 0/128/0/0/30 lot 4 d5 d5 system order:B:8 of B
    12 returned 10 v12 0/128/0/0/30 lot 1 until d40 d5 d5+1 system order:B:8 of B
    13 held 5 v13 0/123/5/0/30 lot 1 until d40 d6 d6 cli e
    14 held 90 v15 0/33/95/0/30 d6 d6+2 cli f
    15 redeemed 15 v16 0/18/95/0/45 lot 3 d7 d7 cli t
    16 cancelled 100 v19 0/0/95/82/45 d8 d8+2 system order:A:12 of A
    17 owed 82 v19 0/0/95/82/45 d8 d8+2 system order:A:12 of A
    18 adjusted 20 v21 0/0/95/62/45 lot 5 d9 d9 cli b
    19 repaid 20 v21 0/0/95/62/45 lot 5 d9 d9+1 cli b
    20 released 5 v23 0/0/90/57/45 lot 1 until d40 d9+1 d9+2 cli r
    21 repaid 5 v23 0/0/90/57/45 lot 1 until d40 d9+1 d9+3 cli r
    22 earned 40 v24 0/0/90/17/45 d9+3 d9+4 system order:A:16 of A
    23 repaid 40 v24 0/0/90/17/45 d9+3 d9+4 system order:A:16 of A
    24 earned 7 v25 7/0/90/17/45 lot 6 d10 d10 system order:C:17 of C
    25 earned 12 v27 7/0/90/5/45 lot 7 d12 d12 system order:Z:19 of Z
    26 repaid 12 v27 7/0/90/5/45 lot 7 d12 d12+1 system order:Z:19 of Z
    27 adjusted 40 v29 7/35/90/0/45 lot 8 d12+1 d12+2 cli q
    28 repaid 5 v29 7/35/90/0/45 lot 8 d12+1 d12+3 cli q
    29 cancelled 12 v30 7/23/90/0/45 lot 8 d12+3 d12+4 system order:Z:21 of Z
    30 adjusted -3 v31 7/20/90/0/45 lot 8 d13 d13 cli p
"""


def said(event: Event) -> str:
    """One event on a line: number, kind, points, version, the balance, what it is of."""
    balance = f"{event.pending}/{event.available}/{event.held}/{event.owed}/{event.used}"
    lot = f" lot {event.lot}" if event.lot else ""
    until = "" if event.expires_at == NEVER else f" until {day(event.expires_at)}"
    when = f"{day(event.effective_at)} {day(event.recorded_at)}"
    of = f" of {event.order_key}" if event.order_key else ""
    kind = event.kind.removeprefix("points.")
    return (
        f"{event.number} {kind} {event.points} v{event.version} {balance}{lot}{until} {when}"
        f" {event.origin} {event.key}{of}"
    )


def test_what_is_told() -> None:
    paper = Teller().tell(HONEST + MORE)
    assert {(event.dkey, event.customer_id) for event in paper.events} == {paper.account.key}
    assert list(map(said, paper.events)) == [line.strip() for line in TOLD.strip().splitlines()]
    assert paper.account.events == len(paper.events)
