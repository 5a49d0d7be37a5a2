"""The model's orders: how an account moves to what the events of one order come to.

The same smallness as in model.py, and nothing of the real ledger either. Stacks remember what
was undone, taken and given back, because what was last is the first to be undone.
"""

from dataclasses import replace

from tests.ledger.model import FUTURE, Lot, Model, Order, Part, Wish, in_spending_order


def move(model: Model, wish: Wish) -> str:
    """First all that the order takes or earns, then all that is undone of it."""
    if wish.granted_at > model.now:
        return FUTURE
    order = model.orders.setdefault(wish.order, Order())
    if wish.redeemed and not order.has_redeemed:
        _redeem(model, wish, order)
    stays = wish.redeemed - wish.returned
    _take_again(model, wish, order, stays - _sum(order.taken))
    if wish.earned and order.lot is None:  # what came back before it earned comes back after it
        _take_again(model, wish, order, _sum(order.returned))
    _earn(model, wish, order)
    _cancel(model, wish, order, order.net - wish.kept)
    _give_back(model, wish, order)
    return ""


def _sum(parts: list[Part]) -> int:
    return sum(part.points for part in parts)


def _cut(parts: list[Part], points: int) -> list[Part]:
    """What was last comes first, as much of it as `points`; it is gone from `parts`."""
    cut = []
    while points > 0 and parts:
        last = parts.pop()
        part = min(last.points, points)
        if last.points > part:
            parts.append(replace(last, points=last.points - part))
        cut.append(replace(last, points=part))
        points -= part
    return cut


# -- redeeming
def _redeem(model: Model, wish: Wish, order: Order) -> None:
    order.has_redeemed = True
    assert wish.hold is not None
    hold = model.holds[wish.hold]
    hold.order = wish.order
    model.used += wish.redeemed
    if hold.is_live:
        _has_taken(order, model.end(hold, wish.redeemed, model.now))
    else:
        _has_taken(order, _spent_now(model, wish, wish.redeemed))


def _has_taken(order: Order, parts: list[Part]) -> None:
    for part in parts:
        order.parts += 1
        part.number = order.parts
        order.taken.append(part)


def _spent_now(model: Model, wish: Wish, points: int) -> list[Part]:
    """From what is available; the rest is owed, or the program bears it."""
    parts = model.take(points)
    rest = points - _sum(parts)
    return parts + ([Part(_bear(model, wish, rest), rest)] if rest else [])


def _bear(model: Model, wish: Wish, points: int) -> str:
    if wish.is_forgiving:
        return "program"
    model.owed += points
    return "debt"


def _take_again(model: Model, wish: Wish, order: Order, points: int) -> None:
    """What had come back is taken from where it came to (also what of it expired there), as if it
    had never come back. What is gone is spent from elsewhere; a debt that it repaid is owed again;
    and the rest is as if spent now."""
    gone = []
    for part in _cut(order.returned, points):
        model.used += part.points
        there = part.points
        if isinstance(part.place, Lot):
            there = min(part.points, part.place.free)
            part.place.free -= there
            expired = min(part.points - there, part.place.expired)
            part.place.expired -= expired
            there += expired
        _taken_anew(order, part, there)
        gone.append((part, part.points - there))
    for part, missing in gone:
        elsewhere = model.take(missing)
        short = missing - _sum(elsewhere)
        owed = 0
        if isinstance(part.place, Lot):
            owed = min(short, max(0, order.repaid[part.place]))
            order.repaid[part.place] -= owed
            model.owed += owed
            _taken_anew(order, part, owed)
        _has_taken(order, elsewhere + _spent_now(model, wish, short - owed))


def _taken_anew(order: Order, part: Part, points: int) -> None:
    """What a return is undone of was taken when it was first taken, and in that order."""
    first = part.came_from
    assert first is not None
    if points:
        order.taken.append(Part(first.place, points, first.since, first.number))
        order.taken.sort(key=lambda part: part.number)


def _give_back(model: Model, wish: Wish, order: Order) -> None:
    _take_what_ends_otherwise(model, wish, order)
    points = _sum(order.taken) - (wish.redeemed - wish.returned)
    for part in _cut(order.taken, points):
        model.used -= part.points
        if part.place == "program":
            order.returned.append(Part("program", part.points, came_from=part))
            continue
        lot = part.place
        if not isinstance(lot, Lot) or lot.expires_at <= model.now:
            lot = _reviving(model, wish, part)
        paid = model.enter(lot, part.points)
        order.repaid[lot] = order.repaid.pop(lot, 0) + paid
        order.returned.append(Part(lot, part.points, model.now, came_from=part))
    for lot in model.lots if wish.returned else []:
        if lot.order == wish.order and lot.revives and lot.expires_at > model.now:
            ends = _ends(model, wish, lot.revives)
            if ends > model.now:
                lot.granted_at = lot.matures_at = min(lot.granted_at, wish.granted_at)
                lot.expires_at = ends


def _take_what_ends_otherwise(model: Model, wish: Wish, order: Order) -> None:
    """What was over when its return was heard of comes back anew where it now has a later end;
    and so does what lives where its end is now said to have come."""
    for part in order.returned:
        lot, first = part.place, part.came_from
        if not isinstance(lot, Lot) or first is None or not lot.revives or lot.order != wish.order:
            continue
        lives = _ends(model, wish, first) > model.now
        if (lot.expires_at <= part.since) if lives else (lot.expires_at > model.now):
            free = min(part.points, lot.free)
            expired = min(part.points - free, lot.expired)
            lot.free, lot.expired = lot.free - free, lot.expired - expired
            part.points -= free + expired
            model.used += free + expired
            _taken_anew(order, part, free + expired)


def _reviving(model: Model, wish: Wish, part: Part) -> Lot:
    """One lot for all that the order gives back of an expired one, while it lives."""
    ends = max(_ends(model, wish, part), model.now)
    for lot in model.lots:
        is_its = lot.order == wish.order and lot.revives and lot.revives.place == part.place
        if is_its and min(lot.expires_at, ends) > model.now:
            lot.revives = part
            return lot
    begins = wish.granted_at
    model.lots.append(Lot(begins, begins, ends, 0, False, wish.order, revives=part))
    return model.lots[-1]


def _ends(model: Model, wish: Wish, part: Part) -> int:
    """Its life is what its lot had left when it was taken, at most the grace."""
    life = wish.grace
    if isinstance(part.place, Lot):
        life = min(life, max(0, part.place.expires_at - part.since))
    return min(wish.undone_at, model.now) + life


# -- earning
def _earn(model: Model, wish: Wish, order: Order) -> None:
    owed, own = model.owed, order.lot
    if own is None and wish.earned:
        waits = wish.matures_at > wish.granted_at
        own = order.lot = Lot(
            wish.granted_at, wish.matures_at, wish.expires_at, wish.earned, waits, wish.order
        )
        order.net = wish.earned
        model.lots.append(own)
        if not waits:
            model.repay(own)
        model.settle(model.now)
        order.paid = owed - model.owed
    elif own is not None:
        _hear(model, wish, order, own)


def _hear(model: Model, wish: Wish, order: Order, own: Lot) -> None:
    """News of an order that has earned. What its lot can give since then repays first."""
    ready = _ready(model, wish, own)
    own.granted_at = min(own.granted_at, wish.granted_at)
    own.expires_at = min(own.expires_at, max(wish.expires_at, model.now + 1))
    if _is_over(model, wish, own) and order.paid:
        _undo_repaying(model, wish, order, own)
    missing = _reinstate(model, wish, order, wish.kept - order.net)
    if missing > 0:
        order.net += missing
        _enter_own(model, wish, order, missing)
    if not _is_over(model, wish, own):
        own.matures_at = min(own.matures_at, wish.matures_at)
        if own.waits and own.free and own.matures_at <= model.now:
            own.waits = False
            order.paid += model.repay(own)
    fresh = max(0, _ready(model, wish, own) - ready)
    fresh -= _repay_late(model, order, own, fresh)
    for lot in [*reversed(order.repaid)]:
        part = min(fresh, max(0, order.repaid[lot])) if lot is not own else 0
        if part:  # what the order gave back need not have repaid it
            fresh -= part
            order.repaid[lot] -= part
            lot.free += part
            model.owed += part
            if lot.expires_at <= model.now:
                model.expire(lot)
            order.paid += model.repay(own)
            _repay_late(model, order, own, part)


def _is_over(model: Model, wish: Wish, own: Lot) -> bool:
    """Whether its end, by all that is told, came before it matured."""
    ended_at = min(own.expires_at, wish.expires_at)
    return ended_at <= model.now and ended_at < min(own.matures_at, wish.matures_at)


def _ready(model: Model, wish: Wish, own: Lot) -> int:
    """What can be spent of it, or could before it expired."""
    ended_at = min(own.expires_at, wish.expires_at)
    return own.free + own.expired if own.matures_at <= min(model.now, ended_at) else 0


def _repay_late(model: Model, order: Order, own: Lot, points: int) -> int:
    """What has expired of it repays all the same."""
    part = min(model.owed, own.expired, points)
    own.expired, model.owed = own.expired - part, model.owed - part
    order.paid += part
    return part


def _undo_repaying(model: Model, wish: Wish, order: Order, own: Lot) -> None:
    """It never was to be spent: what it repaid is owed, or repaid by what else there is."""
    _reinstate(model, wish, order, _sum(order.undone))
    model.owed += order.paid
    own.free += order.paid
    order.paid, own.waits = 0, False
    model.expire(own)
    given = [part.place for part in order.returned if part.points]
    for lot in in_spending_order(model.lots):
        if lot not in given:
            model.repay(lot)
    if model.owed:
        _take_again(model, wish, order, _sum(order.returned))


def _reinstate(model: Model, wish: Wish, order: Order, points: int) -> int:
    """What was cancelled goes back, last first; how much there was too little of it."""
    for part in _cut(order.undone, points):
        points -= part.points
        order.net += part.points
        if part.place == "debt":
            _forgive_debt(model, wish, order, part.points)
        elif isinstance(part.place, Lot):
            if part.had_expired and not part.place.revives:
                part.place.expired += part.points
            elif part.place is order.lot:
                _enter_own(model, wish, order, part.points)
            else:
                model.enter(part.place, part.points)
    return points


def _enter_own(model: Model, wish: Wish, order: Order, points: int) -> None:
    own = order.lot
    assert own is not None
    if _is_over(model, wish, own):
        own.free += points
        model.expire(own)
    else:
        order.paid += model.enter(own, points)


def _forgive_debt(model: Model, wish: Wish, order: Order, points: int) -> None:
    """Where it has been repaid meanwhile, the points go to where the order's return had repaid it
    from, last first, and the rest goes to the order's lot."""
    part = min(points, model.owed)
    model.owed -= part
    points -= part
    for lot in [*reversed(order.repaid)]:
        part = min(points, max(0, order.repaid[lot]))
        if part and lot is not order.lot:
            order.repaid[lot] -= part
            model.enter(lot, part)
            points -= part
    if points and order.lot:
        order.repaid[order.lot] = order.repaid.get(order.lot, 0) - points
        _enter_own(model, wish, order, points)


# -- cancelling
def _cancel(model: Model, wish: Wish, order: Order, points: int) -> None:
    own = order.lot
    if points <= 0 or own is None:
        return
    order.net -= points
    points = _undo(order, own, own.free, points)
    points = _undo_expired(order, own, points)
    given: dict[Lot, int] = {}
    for one in order.returned:
        if isinstance(one.place, Lot):
            given[one.place] = given.get(one.place, 0) + one.points
    if not wish.is_forgiving:
        for lot in in_spending_order(model.lots):
            points = _undo(order, lot, max(0, lot.free - given.get(lot, 0)), points)
        for lot in given:
            points = _undo(order, lot, lot.free, points)
            if lot.revives and lot.order == wish.order:
                points = _undo_expired(order, lot, points)
    if points:
        order.undone.append(Part(_bear(model, wish, points), points))


def _undo(order: Order, lot: Lot, there: int, points: int) -> int:
    part = min(there, points)
    if part:
        lot.free -= part
        order.undone.append(Part(lot, part))
    return points - part


def _undo_expired(order: Order, lot: Lot, points: int) -> int:
    part = min(lot.expired, points)
    if part:
        lot.expired -= part
        order.undone.append(Part(lot, part, had_expired=True))
    return points - part
