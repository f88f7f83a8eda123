"""The answer cell and the learner's empty cell, made from the source of a reference.

The references are functions of the library, so learners write what the library runs. The learner's
cell keeps the signature and the docstring. In the answer key each body stands between nbgrader's
solution marks, and nbgrader removes it from the release.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import symtable
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
STUB = ("# write your code here", "raise NotImplementedError()")

_Definition = (ast.FunctionDef, ast.AsyncFunctionDef)
_Comprehension = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def solution(reference: Callable[..., Any]) -> str:
    """The reference's source with each function body between the solution marks.

    Args:
        reference: a function or class; its decorators are left out.

    Raises:
        ValueError: a function has its body on the line of its head.

    >>> print(mark("def double(x):\\n    '''Twice x.'''\\n    return 2 * x"))
    def double(x):
        '''Twice x.'''
        ### BEGIN SOLUTION
        return 2 * x
        ### END SOLUTION
    """
    return mark(_undecorated(textwrap.dedent(inspect.getsource(reference)).rstrip()))


def stub(reference: Callable[..., Any]) -> str:
    """The reference's source with each function body replaced by a NotImplementedError.

    Args:
        reference: a function or class; its decorators are left out.

    Raises:
        ValueError: a function has its body on the line of its head.
    """
    lines: list[str] = []
    inside = False
    for line in solution(reference).split("\n"):
        if line.strip() == BEGIN:
            indent = line[: len(line) - len(line.lstrip())]
            lines += [indent + text for text in STUB]
        inside = (inside or line.strip() == BEGIN) and line.strip() != END
        if not inside and line.strip() != END:
            lines.append(line)
    return "\n".join(lines)


def mark(source: str) -> str:
    """Put the solution marks around the body of each top-level function and method.

    Args:
        source: Python code.

    Raises:
        ValueError: a function has its body on the line of its head, where a mark does not fit.
    """
    tree = ast.parse(source)
    lines = source.split("\n")
    for node in reversed(list(_functions(tree))):
        body = node.body
        if ast.get_docstring(node, clean=False) is not None and len(body) > 1:
            body = body[1:]
        if body[0].lineno == node.lineno:
            raise ValueError(f"{node.name!r} has its body on the line of its head; put it below")
        decorators = [each.lineno for each in getattr(body[0], "decorator_list", ())]
        first, last = min([body[0].lineno, *decorators]) - 1, node.end_lineno or len(lines)
        while lines[first - 1].lstrip().startswith("#"):
            first -= 1
        indent = " " * body[0].col_offset
        lines[last:last] = [indent + END]
        lines[first:first] = [indent + BEGIN]
    return "\n".join(lines)


def _undecorated(source: str) -> str:
    definition = ast.parse(source).body[0]
    return "\n".join(source.split("\n")[definition.lineno - 1 :])


def names_bound(source: str) -> set[str]:
    """The names that code binds at its top level, by imports, assignments, definitions and loops.

    >>> sorted(names_bound("import torch as t\\nx = 1\\ndef f(y):\\n    z = y"))
    ['f', 't', 'x']
    """
    found: set[str] = set()
    for node in _outside_functions(ast.parse(source)):
        if isinstance(node, (*_Definition, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(a.asname or a.name).partition(".")[0] for a in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            found.add(node.name)
    return found


def names_needed(source: str) -> set[str]:
    """The names that code reads and does not bind itself. Built-in names are left out.

    >>> sorted(names_needed("x = 1\\ndef f(y):\\n    return len(y) + x + offset"))
    ['offset']
    """
    needed: set[str] = set()
    tables = [symtable.symtable(source, "<cell>", "exec")]
    while tables:
        table = tables.pop()
        top = table.get_type() == "module"
        needed |= {
            symbol.get_name()
            for symbol in table.get_symbols()
            if symbol.is_referenced() and (symbol.is_global() or (top and not symbol.is_assigned()))
        }
        tables += table.get_children()
    needed -= names_bound(source)
    return {name for name in needed if not hasattr(builtins, name) and not name.startswith("__")}


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in tree.body:
        if isinstance(node, _Definition):
            yield node
        elif isinstance(node, ast.ClassDef):
            yield from (entry for entry in node.body if isinstance(entry, _Definition))


def _outside_functions(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        yield node
        if not isinstance(node, (*_Definition, ast.ClassDef, ast.Lambda, *_Comprehension)):
            yield from _outside_functions(node)
