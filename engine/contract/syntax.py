"""Python's own syntax trees, read by one thread at a time.

CPython 3.11 counts how deep it is within a tree for all threads together.  Where two of them parse at once, one may end
with "SystemError: AST constructor recursion depth mismatch": seen once, under a soak.
"""

from __future__ import annotations

import ast
import threading

_turn = threading.Lock()


def parsed(source: str) -> ast.Module:
    """The tree of a module.  Raises `SyntaxError`."""
    with _turn:
        return ast.parse(source)


def condition(source: str) -> ast.expr:
    """The tree of one expression.  Raises `SyntaxError`."""
    with _turn:
        return ast.parse(source, mode="eval").body
