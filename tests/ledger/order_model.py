"""The model's orders: how an account moves to what the events of one order come to.

The same smallness as in model.py, and nothing of the real ledger either. Stacks remember what
was undone, taken and given back, because what was last is the first to be undone.
"""

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
    _earn(model, wish, order)
    _redate(model, wish, order)
    _cancel(model, wish, order, order.net - wish.kept)
    _give_back(model, wish, order, _sum(order.taken) - stays)
    return ""


def _sum(parts: list[Part]) -> int:
    return sum(part.points for part in parts)


def _cut(parts: list[Part], points: int) -> list[Part]:
    """What was last comes first, as much of it as `points`; it is gone from `parts`."""
    cut = []
    while points > 0 and parts:
        last = parts.pop()
        if last.points > points:
            parts.append(Part(last.place, last.points - points, last.since, last.came_from))
        part = min(last.points, points)
        cut.append(Part(last.place, part, last.since, last.came_from))
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
        order.taken += model._end(hold, wish.redeemed, model.now)
    else:
        order.taken += _spent_now(model, wish, wish.redeemed)


def _spent_now(model: Model, wish: Wish, points: int) -> list[Part]:
    """From what is available; the rest is owed, or the program bears it."""
    parts = model._take(points)
    rest = points - _sum(parts)
    return parts + ([Part(_bear(model, wish, rest), rest)] if rest else [])


def _bear(model: Model, wish: Wish, points: int) -> str:
    if wish.is_forgiving:
        return "program"
    model.owed += points
    return "debt"


def _take_again(model: Model, wish: Wish, order: Order, points: int) -> None:
    """What had come back is taken from where it came to, the rest as if spent now."""
    short = 0
    for part in _cut(order.returned, points):
        model.used += part.points
        there = part.points
        if isinstance(part.place, Lot):
            there = min(part.points, part.place.free)
            part.place.free -= there
        if there:
            order.taken.append(Part(part.place, there, model.now))
        short += part.points - there
    order.taken += _spent_now(model, wish, short)


def _give_back(model: Model, wish: Wish, order: Order, points: int) -> None:
    for part in _cut(order.taken, points):
        model.used -= part.points
        if part.place == "program":
            order.returned.append(part)
            continue
        lot = part.place
        if not isinstance(lot, Lot) or lot.expires_at <= model.now:
            lot = _reviving(model, wish, part)
        model._enter(lot, part.points, model.now)
        order.returned.append(Part(lot, part.points, 0, part))
    for part in order.returned if wish.returned else []:
        lot = part.place
        if isinstance(lot, Lot) and lot.revives and lot.expires_at > model.now:
            assert part.came_from is not None
            lot.expires_at = max(_ends(model, wish, part.came_from), model.now + 1)


def _reviving(model: Model, wish: Wish, part: Part) -> Lot:
    for lot in model.lots:
        if (lot.revives, lot.order) == (part.place, wish.order) and lot.expires_at > model.now:
            return lot
    ends = max(_ends(model, wish, part), model.now)
    model.lots.append(Lot(model.now, model.now, ends, 0, False, wish.order, revives=part.place))
    return model.lots[-1]


def _ends(model: Model, wish: Wish, part: Part) -> int:
    """Its life is what its lot had left when it was taken, at most the grace."""
    life = wish.grace
    if isinstance(part.place, Lot):
        life = min(life, max(0, part.place.expires_at - part.since))
    return min(wish.undone_at, model.now) + life


# -- earning
def _earn(model: Model, wish: Wish, order: Order) -> None:
    missing = (wish.kept if order.lot else wish.earned) - order.net
    if missing <= 0:
        return
    order.net += missing
    for part in _cut(order.undone, missing):
        missing -= part.points
        back = part.points
        if part.place == "debt":  # where it has been repaid, the rest goes to the order's lot
            back = min(part.points, model.owed)
            model.owed -= back
            if order.lot and part.points > back:
                model._enter(order.lot, part.points - back, model.now)
        elif isinstance(part.place, Lot):
            model._enter(part.place, part.points, model.now)
    if missing and order.lot:
        model._enter(order.lot, missing, model.now)
    elif missing:
        waits = wish.matures_at > wish.granted_at
        order.lot = Lot(wish.granted_at, wish.matures_at, wish.expires_at, missing, waits, wish.order)
        model.lots.append(order.lot)
        if not waits:
            model._repay(order.lot)
        model.settle(model.now)


def _redate(model: Model, wish: Wish, order: Order) -> None:
    """Dates only come nearer, and an end never before now."""
    lot, now = order.lot, model.now
    if lot:
        lot.granted_at = min(lot.granted_at, wish.granted_at)
        lot.matures_at = min(lot.matures_at, wish.matures_at)
        lot.expires_at = min(lot.expires_at, max(wish.expires_at, now + 1))
        if lot.waits and lot.matures_at <= now:
            lot.waits = False
            model._repay(lot)


# -- cancelling
def _cancel(model: Model, wish: Wish, order: Order, points: int) -> None:
    own = order.lot
    if points <= 0 or own is None:
        return
    order.net -= points
    points = _undo(order, own, own.free, points)
    part = min(own.expired, points)
    if part:
        own.expired -= part
        order.undone.append(Part(own, part))
        points -= part
    given: dict[Lot, int] = {}
    for one in order.returned:
        if isinstance(one.place, Lot):
            given[one.place] = given.get(one.place, 0) + one.points
    if not wish.is_forgiving:
        for lot in in_spending_order(model.lots):
            points = _undo(order, lot, max(0, lot.free - given.get(lot, 0)), points)
        for lot in given:
            points = _undo(order, lot, lot.free, points)
    if points:
        order.undone.append(Part(_bear(model, wish, points), points))


def _undo(order: Order, lot: Lot, there: int, points: int) -> int:
    part = min(there, points)
    if part:
        lot.free -= part
        order.undone.append(Part(lot, part))
    return points - part
