"""Ways of deciding that are wrong on purpose: the controls that tales and model must notice.

Each is `decide` with one thing broken, made by giving the real one other facts or another clock.
"""

from msgspec.structs import replace

from nuqta.ledger.commands import Command, Spend
from nuqta.ledger.instants import NEVER, Instant
from nuqta.ledger.lots import Lot, spending_order
from nuqta.ledger.posting import Facts, Outcome, decide


def forgets_expiry(commands: list[Command], facts: Facts, clock: Instant) -> Outcome:
    """Points live for ever once they are in the books."""
    immortal = {
        key: [replace(lot, expires_at=NEVER) for lot in lots] for key, lots in facts.lots.items()
    }
    return decide(commands, Facts(facts.accounts, immortal, facts.receipts), clock)


def forgets_keys(commands: list[Command], facts: Facts, clock: Instant) -> Outcome:
    """Nothing is known of earlier commands."""
    return decide(commands, Facts(facts.accounts, facts.lots, {}), clock)


def spends_newest_first(commands: list[Command], facts: Facts, clock: Instant) -> Outcome:
    """Spending takes the usable lots in the reverse order."""
    ((key, lots),) = facts.lots.items()
    usable = sorted(
        (lot for lot in lots if not lot.is_pending and lot.expires_at > clock), key=spending_order
    )
    if not isinstance(commands[0], Spend) or facts.accounts[key].next_change_at <= clock:
        return decide(commands, facts, clock)
    reverse = zip(usable, reversed([spending_order(lot) for lot in usable]), strict=True)
    swapped = {
        lot.lot: replace(lot, expires_at=expires_at, granted_at=granted_at)
        for lot, (expires_at, granted_at, _) in reverse
    }
    others: list[Lot] = [lot for lot in lots if lot.lot not in swapped]
    outcome = decide(
        commands, Facts(facts.accounts, {key: [*others, *swapped.values()]}, facts.receipts), clock
    )
    mine = {lot.lot: lot for lot in lots}
    outcome.lots = [replace(mine[lot.lot], left=lot.left) for lot in outcome.lots]
    left = {**mine, **{lot.lot: lot for lot in outcome.lots}}
    due = min((lot.next_change_at for lot in left.values()), default=NEVER)
    outcome.accounts = [
        (before, replace(account, next_change_at=due)) for before, account in outcome.accounts
    ]
    return outcome
