"""Numbers that a lesson names: conditions over them, and texts that they are filled into.

The facts of a run are what its lab's ``facts(view)`` gives: numbers and words by name.  A condition is a comparison,
or several with ``and`` and ``or``: ``modes >= 6 and beside.loss < loss``.  A text holds ``{modes:.0f}``, or
``{beside.loss:.3f}`` for the run beside it; a brace of its own is written twice.  Nothing in either is executed.
"""

from __future__ import annotations

import ast
import keyword
import operator
import re
import string
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from engine.contract import syntax

Fact = float | str
Facts = Mapping[str, Fact]

BESIDE = "beside"
_SAME: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {ast.Eq: operator.eq, ast.NotEq: operator.ne}
_ORDER: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
_FORM = re.compile(r"[<>^]?[-+ ]?[0-9]{0,2},?(\.[0-9]{1,2})?[defgs%]?")


class FactError(ValueError):
    """A condition or a text is not of the form above, or names what is no fact.  The message is a sentence's end."""


def is_name(text: str) -> bool:
    """Whether a fact may be called `text`."""
    return text.isidentifier() and not keyword.iskeyword(text) and text != BESIDE


def names(condition: str = "", text: str = "") -> set[str]:
    """What a condition and a text name: ``modes``, ``beside.modes``.  Raises `FactError` if a form is unknown."""
    named = {name for _, name, _ in _pieces(text) if name}
    if condition:
        for node in ast.walk(_parsed(condition)):
            if isinstance(node, ast.Attribute) or (isinstance(node, ast.Name) and node.id != BESIDE):
                named.add(ast.unparse(node))
    return named


def holds(condition: str, facts: Facts, beside: Facts | None = None) -> bool:
    """Whether `condition` is true of a run's `facts` and those of the run `beside` it.  Raises `FactError`."""
    return _true(_parsed(condition), facts, beside or {})


def filled(text: str, facts: Facts, beside: Facts | None = None) -> str:
    """`text` with the facts that it names, and a minus before what is below zero.  Raises `FactError`."""
    said = []
    for literal, name, form in _pieces(text):
        said.append(literal)
        if name:
            fact = _fact(name, facts, beside or {})
            try:
                written = format(fact, form)
                said.append(written if isinstance(fact, str) else written.replace("-", "−"))
            except ValueError:
                raise FactError(f"{name} is {fact!r}, which cannot be written as {{{name}:{form}}}") from None
    return "".join(said)


def _pieces(text: str) -> Iterator[tuple[str, str, str]]:
    """(what stands there, the fact after it or "", how that is written), in order."""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as error:
        raise FactError(f"'{text}' has a brace too many or too few ({error})") from None
    for literal, name, form, conversion in parts:
        if name is not None:
            of_beside, dot, own = name.partition(".")
            if not is_name(own if dot else name) or (dot and of_beside != BESIDE):
                raise FactError(f"'{{{name}}}' names no fact: write {{name}} or {{beside.name}}, and a brace twice")
            if conversion or not _FORM.fullmatch(form or ""):
                raise FactError(f"a fact cannot be written as '{form or conversion}': write it like {{{name}:.2f}}")
        yield literal, name or "", form or ""


def _parsed(condition: str) -> ast.expr:
    """The tree of a condition, of which every node is known."""
    try:
        tree = syntax.condition(condition.strip())
    except (SyntaxError, ValueError):  # ValueError: a zero byte
        raise _strange(condition) from None
    _require_condition(tree, condition)
    return tree


def _strange(condition: str) -> FactError:
    return FactError(f"'{condition}' is no comparison of facts: write 'loss < 0.1', 'modes >= 6 and beside.modes < 3'")


def _require_condition(node: ast.expr, condition: str) -> None:
    if isinstance(node, ast.BoolOp):
        for part in node.values:
            _require_condition(part, condition)
    elif isinstance(node, ast.Compare) and all(type(sign) in _SAME | _ORDER for sign in node.ops):
        for side in (node.left, *node.comparators):
            _require_side(side, condition)
    else:
        raise _strange(condition)


def _require_side(node: ast.expr, condition: str) -> None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
        fits = isinstance(node, ast.Constant) and type(node.value) in (int, float)
    elif isinstance(node, ast.Constant):
        fits = type(node.value) in (int, float, str)
    elif isinstance(node, ast.Attribute):
        fits = isinstance(node.value, ast.Name) and node.value.id == BESIDE and is_name(node.attr)
    else:
        fits = isinstance(node, ast.Name) and is_name(node.id)
    if not fits:
        raise _strange(condition)


def _true(node: ast.expr, facts: Facts, beside: Facts) -> bool:
    if isinstance(node, ast.BoolOp):
        parts = (_true(part, facts, beside) for part in node.values)
        return all(parts) if isinstance(node.op, ast.And) else any(parts)
    assert isinstance(node, ast.Compare)
    sides = [_side(side, facts, beside) for side in (node.left, *node.comparators)]
    return all(_compared(sign, one, other) for sign, one, other in zip(node.ops, sides[:-1], sides[1:], strict=True))


def _compared(sign: ast.cmpop, one: Fact, other: Fact) -> bool:
    if isinstance(one, str) != isinstance(other, str):
        raise FactError(f"{one!r} and {other!r} cannot be compared: one is a text, the other a number")
    if isinstance(one, str) and type(sign) not in _SAME:
        raise FactError(f"{one!r} and {other!r} are texts, of which none is larger")
    return (_SAME | _ORDER)[type(sign)](one, other)


def _side(node: ast.expr, facts: Facts, beside: Facts) -> Fact:
    if isinstance(node, ast.UnaryOp):
        assert isinstance(node.operand, ast.Constant)
        return -float(node.operand.value)  # type: ignore[arg-type]
    if isinstance(node, ast.Constant):
        return node.value  # type: ignore[return-value]
    return _fact(ast.unparse(node), facts, beside)


def _fact(name: str, facts: Facts, beside: Facts) -> Fact:
    of_beside, dot, own = name.partition(".")
    known, key = (beside, own) if dot else (facts, of_beside)
    if key not in known:
        there = f"the facts are {', '.join(sorted(known))}" if known else "there are no facts"
        raise FactError(f"there is no fact {name}; {there}{' of the run beside it' if dot else ''}")
    return known[key]
