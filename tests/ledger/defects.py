"""Ways of deciding that are wrong on purpose: the controls that tales and model must notice.

Each is `decide` with one thing broken, made by giving the real one other facts or another command.
"""

from msgspec.structs import replace

from nuqta.ledger.commands import Command, Order, Reserve, Spend
from nuqta.ledger.instants import NEVER, Instant
from nuqta.ledger.lots import Lot, spending_order
from nuqta.ledger.posting import Facts, Outcome, decide


def _with(
    facts: Facts, *, lots: list[Lot] | None = None, holds: dict[str, Instant] | None = None
) -> Facts:
    """The same facts with other lots, or with other instants in every hold."""
    ((key, of_account),) = facts.lots.items()
    return Facts(
        facts.accounts,
        {key: of_account if lots is None else lots},
        facts.receipts,
        {key: [replace(hold, **(holds or {})) for hold in facts.holds[key]]},
        facts.orders,
    )


def _with_holds_of(facts: Facts, outcome: Outcome, *fields: str) -> Outcome:
    """The outcome, with these fields of known holds as they were."""
    known = {hold.hold: hold for holds in facts.holds.values() for hold in holds}
    outcome.holds = [
        replace(hold, **{name: getattr(known[hold.hold], name) for name in fields})
        if hold.hold in known
        else hold
        for hold in outcome.holds
    ]
    return outcome


def forgets_expiry(commands: list[Command], facts: Facts, clock: Instant) -> Outcome:
    """Points live for ever once they are in the books."""
    ((_, lots),) = facts.lots.items()
    immortal = [replace(lot, expires_at=NEVER) for lot in lots]
    return decide(commands, _with(facts, lots=immortal), clock)


def forgets_keys(commands: list[Command], facts: Facts, clock: Instant) -> Outcome:
    """Nothing is known of earlier commands."""
    forgetful = Facts(facts.accounts, facts.lots, {}, facts.holds, facts.orders)
    return decide(commands, forgetful, clock)


def spends_newest_first(commands: list[Command], facts: Facts, clock: Instant) -> Outcome:
    """Spending takes the usable lots in the reverse order."""
    ((key, lots),) = facts.lots.items()
    usable = sorted(
        (lot for lot in lots if not lot.is_pending and lot.free and lot.expires_at > clock),
        key=spending_order,
    )
    if not isinstance(commands[0], Spend) or facts.accounts[key].next_change_at <= clock:
        return decide(commands, facts, clock)
    reverse = zip(usable, reversed([spending_order(lot) for lot in usable]), strict=True)
    swapped = {
        lot.lot: replace(lot, expires_at=expires_at, granted_at=granted_at)
        for lot, (expires_at, granted_at, _) in reverse
    }
    others: list[Lot] = [lot for lot in lots if lot.lot not in swapped]
    outcome = decide(commands, _with(facts, lots=[*others, *swapped.values()]), clock)
    mine = {lot.lot: lot for lot in lots}
    outcome.lots = [replace(mine[lot.lot], left=lot.left) for lot in outcome.lots]
    left = {**mine, **{lot.lot: lot for lot in outcome.lots}}
    due = min(
        [lot.next_change_at for lot in left.values()]
        + [hold.next_change_at for hold in facts.holds[key]],
        default=NEVER,
    )
    outcome.accounts = [
        (before, replace(account, next_change_at=due)) for before, account in outcome.accounts
    ]
    return outcome


def sets_nothing_aside(commands: list[Command], facts: Facts, clock: Instant) -> Outcome:
    """A cart is told yes, and its points stay where they are."""
    outcome = decide(commands, facts, clock)
    if isinstance(commands[0], Reserve):
        return Outcome(outcome.answers, [], [], [], outcome.receipts, [])
    return outcome


def forgets_a_lapse(commands: list[Command], facts: Facts, clock: Instant) -> Outcome:
    """Carts hold their points until somebody ends them."""
    patient = _with(facts, holds={"lapses_at": NEVER})
    return _with_holds_of(facts, decide(commands, patient, clock), "lapses_at")


def forgets_what_was_owed(commands: list[Command], facts: Facts, clock: Instant) -> Outcome:
    """Whoever has spent the points of a cancelled order keeps them."""
    kinder = [replace(one, is_forgiving=True) if isinstance(one, Order) else one
              for one in commands]  # fmt: skip
    return decide(kinder, facts, clock)


def freshens_an_expiry(commands: list[Command], facts: Facts, clock: Instant) -> Outcome:
    """What comes back of an expired lot lives for the whole grace."""
    fresh = _with(facts, holds={"reserved_at": 0})
    return _with_holds_of(facts, decide(commands, fresh, clock), "reserved_at")


DEFECTS = [
    forgets_expiry,
    forgets_keys,
    spends_newest_first,
    sets_nothing_aside,
    forgets_a_lapse,
    forgets_what_was_owed,
    freshens_an_expiry,
]
