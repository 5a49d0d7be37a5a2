"""Mutants of a module: its text with one small change, such as a careless hand might make.

Pure: text goes in, trees come out; nothing is run here. What is changed: comparisons, arithmetic,
and/or/not, whole numbers by one, words, what is returned, arguments (swapped with their neighbour,
or left out), minima and maxima, conditions, filters and slices; and statements are left out. What
is not: sentences for people, type hints, docstrings, decorators, imports, and the first assignment
of a name, without which any test at all would fail. No two mutants are the same text.
"""

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from typing import Final, TypeAlias

import msgspec

_CHANGE_MAX: Final = 60
"""Longer pieces of code are cut in a mutant's name,"""
_AROUND: Final = 16
"""to what differs, and so much before and after it."""

_COMPARED: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
}  # fmt: skip
_RECKONED: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip
_CALLED: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}
_PLAIN: Final = (ast.Name, ast.Attribute, ast.Constant, ast.Subscript)
"""Arguments that may change places with their neighbour."""
_SKIPPED: Final = frozenset({"annotation", "returns", "decorator_list", "keywords"})
"""Fields that are not looked into; the keywords of a class among them, those of a call are."""

Changes: TypeAlias = Iterator[ast.AST]


class Mutant(msgspec.Struct, frozen=True):
    """One change. `number` finds it again in the same text of the module.

    `scope` is the function that is changed (Books.take), "" for what runs at the import. Whatever
    reaches one of the lines `first` ... `last` may notice it. `nth` tells equal changes of a scope
    apart.
    """

    module: str
    number: int
    scope: str
    first: int
    last: int
    change: str
    nth: int

    @property
    def name(self) -> str:
        """What it is known by, also when lines have moved."""
        again = f" #{self.nth}" if self.nth > 1 else ""
        return f"{self.module} {self.scope or '(import)'}: {self.change}{again}"


class _Site(msgspec.Struct):
    """A field of a node (a place in it, where it is a list), and what may stand there instead."""

    scope: str
    around: ast.AST
    """The statement, or the case of a match, in which the change lies."""
    parent: ast.AST
    field: str
    place: int | None
    old: ast.AST
    new: ast.AST

    def put(self, node: ast.AST) -> None:
        if self.place is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.place] = node

    def text(self) -> str:
        """The statement with the change."""
        if self.old is self.around:
            return ast.unparse(self.new)
        self.put(self.new)
        text = ast.unparse(self.around)
        self.put(self.old)
        return text

    def lines(self) -> tuple[int, int]:
        inner = self.old if isinstance(self.old, ast.expr) else self.around
        if isinstance(inner, ast.For | ast.While | ast.If):
            inner = inner.iter if isinstance(inner, ast.For) else inner.test
        elif isinstance(inner, ast.match_case):
            inner = inner.pattern
        outer = self.around.pattern if isinstance(self.around, ast.match_case) else self.around
        is_simple = isinstance(outer, ast.stmt) and not hasattr(outer, "body")
        last = outer if is_simple else inner
        return outer.lineno, last.end_lineno or last.lineno  # type: ignore[attr-defined]


def mutants(module: str, source: str) -> list[Mutant]:
    """Every mutant of the module, in the order of its text."""
    found: list[Mutant] = []
    seen: set[tuple[int, str]] = set()
    names: Counter[tuple[str, str]] = Counter()
    for number, site in enumerate(_sites(ast.parse(source))):
        text = site.text()
        if text == ast.unparse(site.around) or (id(site.around), text) in seen:
            continue
        seen.add((id(site.around), text))
        change = _told(ast.unparse(site.old), ast.unparse(site.new))
        names[site.scope, change] += 1
        nth = names[site.scope, change]
        found.append(Mutant(module, number, site.scope, *site.lines(), change, nth))
    return found


def mutated(source: str, mutant: Mutant) -> ast.Module:
    """The module with this one change."""
    tree = ast.parse(source)
    for number, site in enumerate(_sites(tree)):
        if number == mutant.number:
            site.put(site.new)
            return ast.fix_missing_locations(tree)
    raise ValueError(f"{mutant.name} is no mutant of this text")


def _told(old: str, new: str) -> str:
    """What became of a piece of code, on one line."""
    one, other = " ".join(old.split()), " ".join(new.split())
    begin = end = 0
    if max(len(one), len(other)) > _CHANGE_MAX:
        alike = _alike(one, other)
        begin = max(0, alike - _AROUND)
        end = max(0, _alike(one[alike:][::-1], other[alike:][::-1]) - _AROUND)
    return " -> ".join(_cut(text, begin, len(text) - end) for text in (one, other))


def _alike(one: str, other: str) -> int:
    """How many letters the two have in common at first."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((count for count, (a, b) in pairs if a != b), min(len(one), len(other)))


def _cut(text: str, begin: int, end: int) -> str:
    end = min(end, begin + _CHANGE_MAX)
    return f"{'…' * (begin > 0)}{text[begin:end]}{'…' * (end < len(text))}"


# -- walking -----------------------------------------------------------------------------------


def _sites(tree: ast.Module) -> Iterator[_Site]:
    yield from _within(tree, tree, "", "")


def _within(node: ast.AST, around: ast.AST, scope: str, path: str) -> Iterator[_Site]:
    """Every site below a node. `path` is the class that is open, `scope` the function."""
    for field, value in ast.iter_fields(node):
        if field in _SKIPPED and not isinstance(node, ast.Call):
            continue
        if field == "args" and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _within(value, node, path and "", path)  # defaults: worked out at the import
            continue
        children = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        for place, child in children:
            if isinstance(child, ast.AST) and not _is_left_alone(node, child):
                nearest = child if isinstance(child, ast.stmt | ast.match_case) else around
                for new in _changes(child, node, around):
                    yield _Site(scope, nearest, node, field, place, child, new)
                yield from _within(child, nearest, *_names(child, scope, path))


def _names(node: ast.AST, scope: str, path: str) -> tuple[str, str]:
    if isinstance(node, ast.ClassDef) and not scope:
        return scope, f"{path}{node.name}."
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not scope:
        return f"{path}{node.name}", path
    return scope, path


def _is_left_alone(parent: ast.AST, child: ast.AST) -> bool:
    match child:
        case ast.JoinedStr() | ast.Import() | ast.ImportFrom() | ast.Assert():
            return True
        case ast.Expr(value=ast.Constant()):  # a docstring
            return True
        case ast.Constant(value=str(text)):  # a sentence
            return " " in text.strip()
        case ast.Assign(targets=[ast.Name(id="__slots__")]):
            return True
        case ast.AnnAssign(annotation=ast.Name(id="TypeAlias")):
            return True
        case ast.pattern():
            return True
        case _:
            return (
                isinstance(parent, ast.Subscript)
                and isinstance(child, ast.Constant)
                and (isinstance(child.value, str))
            )


# -- changing ----------------------------------------------------------------------------------


def _changes(node: ast.AST, parent: ast.AST, around: ast.AST) -> Changes:
    match node:
        case ast.stmt():
            yield from _of_statement(node, parent)
        case ast.match_case():
            yield _with(node, guard=ast.Constant(False))
        case ast.comprehension(ifs=[_, *_]):
            for one in node.ifs:
                yield _with(node, ifs=[other for other in node.ifs if other is not one])
        case ast.Call():
            yield from _of_call(node)
        case ast.Slice():
            if node.lower:
                yield _with(node, lower=None)
            if node.upper:
                yield _with(node, upper=None)
        case ast.expr():
            yield from _of_expression(node)


def _of_statement(node: ast.stmt, parent: ast.AST) -> Changes:
    match node:
        case ast.If() | ast.While():
            if not isinstance(node.test, ast.Compare | ast.UnaryOp):  # else its own changes do it
                yield _with(node, test=ast.UnaryOp(ast.Not(), node.test))
        case ast.For():
            yield _with(node, iter=ast.Tuple([], ast.Load()))
        case ast.Continue() | ast.Break():
            yield ast.Break() if isinstance(node, ast.Continue) else ast.Continue()
        case ast.Return(value=ast.expr()) if not _is_no(node.value):
            yield ast.Return(ast.Constant(None))
        case ast.AugAssign() if type(node.op) in _RECKONED:
            yield _with(node, op=_RECKONED[type(node.op)]())
    if _can_be_left_out(node, parent):
        yield ast.Pass()


def _can_be_left_out(node: ast.stmt, parent: ast.AST) -> bool:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)]):
            return _is_known(name, node, parent)
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]) | ast.AugAssign() | ast.Expr():
            return True
        case ast.Return(value=None | ast.Constant(value=None)):
            is_last = isinstance(parent, ast.FunctionDef) and node is parent.body[-1]
            return not is_last  # which would be the same
        case _:
            return isinstance(node, ast.Return | ast.Raise | ast.Continue | ast.Break)


def _is_known(name: str, node: ast.stmt, parent: ast.AST) -> bool:
    """Whether a name stands for something already: then the assignment can be left out."""
    reads = {one.id for one in ast.walk(node)
             if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}  # fmt: skip
    return name in reads or isinstance(parent, ast.If | ast.For | ast.While)


def _of_call(node: ast.Call) -> Changes:
    if isinstance(node.func, ast.Name):
        if node.func.id in _CALLED:
            yield _with(node, func=ast.Name(_CALLED[node.func.id], ast.Load()))
        if node.func.id in ("sorted", "reversed"):
            yield _with(node, func=ast.Name("list", ast.Load()), keywords=[])
    is_even = isinstance(node.func, ast.Name) and node.func.id in _CALLED
    for place, (one, other) in enumerate(zip(node.args, node.args[1:], strict=False)):
        if isinstance(one, _PLAIN) and isinstance(other, _PLAIN) and not is_even:
            swapped = [*node.args[:place], other, one, *node.args[place + 2 :]]
            yield _with(node, args=swapped)
    for keyword in node.keywords:
        if keyword.arg:
            yield _with(node, keywords=[one for one in node.keywords if one is not keyword])


def _of_expression(node: ast.expr) -> Changes:
    match node:
        case ast.Compare():
            for place, op in enumerate(node.ops):
                for other in _COMPARED[type(op)]:
                    yield _with(node, ops=[*node.ops[:place], other(), *node.ops[place + 1 :]])
        case ast.BoolOp():
            yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
            for one in node.values:
                rest = [other for other in node.values if other is not one]
                yield _with(node, values=rest) if len(rest) > 1 else rest[0]
        case ast.BinOp() if type(node.op) in _RECKONED:
            yield _with(node, op=_RECKONED[type(node.op)]())
        case ast.UnaryOp():
            yield node.operand
        case ast.IfExp():
            yield node.body
            yield node.orelse
        case ast.Constant():
            yield from map(ast.Constant, _other_values(node.value))


def _other_values(value: object) -> Iterator[bool | int | str]:
    match value:
        case bool():
            yield not value
        case int():
            yield value + 1
            yield value - 1
        case str():
            yield f"{value}x"


def _with(node: ast.AST, **fields: object) -> ast.AST:
    """The node with other fields; its children are shared."""
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def _is_no(node: ast.expr | None) -> bool:
    """None, or False, which stands for the same wherever it is only asked whether it is so."""
    return isinstance(node, ast.Constant) and (node.value is None or node.value is False)
