"""Which of a learner's own cells the scores need: all except those that only look at something."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence

from nbformat import NotebookNode

from grokedu.classroom.cells import is_left_out
from grokedu.classroom.checking.source import names_bound, names_needed

_SHOWING = frozenset(("check", "display", "plt", "print"))
_REACHING = frozenset(
    "__builtins__ delattr eval exec getattr get_ipython globals locals open setattr vars".split()
)
_SETTING = ("manual_seed", "seed", "set_")
_LASTING = (
    *(ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
    *(ast.AugAssign, ast.Delete, ast.Global, ast.Nonlocal, ast.NamedExpr),
)


def left_out_cells(
    cells: Sequence[NotebookNode], own: Collection[int], setup: Collection[str]
) -> set[int]:
    """The places of code cells that need not run: the setup, experiments, and what only looks.

    Args:
        cells: of the notebook.
        own: the places of the learner's own cells.
        setup: the sources that every session has run.
    """
    code = [at for at, cell in enumerate(cells) if cell.cell_type == "code"]
    rest = [at for at in code if cells[at].source not in setup and not is_left_out(cells[at])]
    mine = {index for index, at in enumerate(rest) if at in own}
    skipped = {rest[index] for index in not_required([cells[at].source for at in rest], mine)}
    return {at for at in code if at not in rest or at in skipped}


def not_required(sources: Sequence[str], own: Collection[int]) -> set[int]:
    """The places of those cells that no score needs; only those in ``own`` may be.

    Such a cell only assigns names and shows things: it imports and defines nothing, changes nothing
    in place, calls nothing for its effect, and binds no name that a cell that is run reads. Nor
    does it read a value that such a cell reads, for it could change it. When in doubt, a cell is
    needed: to run one too many costs time, to run one too few would cost points.

    >>> sources = ["def f(x): return x + a", "a = 1", "losses = [f(x) for x in range(3)]"]
    >>> not_required(sources, {1, 2})
    {2}
    """
    left = {place for place in own if _only_looks(sources[place])}
    bound = {place: names_bound(sources[place]) for place in left}
    reads = [_read(source) for source in sources]
    values: set[str] = set().union(*map(_assigned, sources))
    read: set[str] = set()
    for place in set(range(len(sources))) - left:
        read |= reads[place]
    while found := {
        place for place in left if read & (bound[place] | ((reads[place] - bound[place]) & values))
    }:
        left -= found
        read = read.union(*(reads[place] for place in found))
    return left


def _only_looks(source: str) -> bool:
    tree = _parsed(source)
    if tree is None:
        return False
    local = names_bound(source)
    for node in ast.walk(tree):
        if isinstance(node, _LASTING) or (isinstance(node, ast.Name) and node.id in _REACHING):
            return False
        if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
            return False
        if isinstance(node, ast.Attribute) and node.attr.startswith(_SETTING):
            return False
        if isinstance(node, ast.Expr) and not _only_shows(node.value, local | _SHOWING):
            return False
    return True


def _only_shows(shown: ast.expr, harmless: Collection[str]) -> bool:
    """Whether an expression that stands alone calls nothing, or a method of what is harmless."""
    if not isinstance(shown, ast.Call):
        return not any(isinstance(node, ast.Call) for node in ast.walk(shown))
    root: ast.expr = shown.func
    while isinstance(root, ast.Attribute):
        root = root.value
    return isinstance(root, ast.Name) and root.id in harmless


def _read(source: str) -> set[str]:
    """The names that a cell reads; where that cannot be seen, every word in it."""
    tree = _parsed(source)
    if tree is None or any(isinstance(n, ast.Name) and n.id in _REACHING for n in ast.walk(tree)):
        return set(re.findall(r"\w+", source))
    return names_needed(source) | _stored_again(source, tree)


def _stored_again(source: str, tree: ast.Module) -> set[str]:
    """Names that a cell binds, and may have read before: ``n = n + 1``."""
    loaded = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and _is_load(n)}
    return loaded & names_bound(source)


def _is_load(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Load)


def _assigned(source: str) -> set[str]:
    """The names that a cell binds to what can be changed; of one that does not parse, all words."""
    tree = _parsed(source)
    if tree is None:
        return set(re.findall(r"\w+", source))
    stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not _is_load(n)}
    return stored & names_bound(source)


def _parsed(source: str) -> ast.Module | None:
    try:
        tree = ast.parse(source)
        names_needed(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return tree
