"""The test files that a change touches, nearest first: what `make check` runs of the unit tests.

Nearest are changed test files, the examples in changed modules, and the tests that mirror what has
changed: ``tests/llc/test_exact.py`` mirrors ``grokedu/llc/exact.py``, and ``tests/test_readme.py``
mirrors ``README.md``. Then come the tests that import a changed module and those in the folder
that mirrors its room; then those that import a module that imports it, and so on.

It needs no earlier run, unlike pytest-testmon, which first runs all tests under coverage.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

import grimp

PACKAGES = ("grokedu", "tests", "scripts", "benchmarks")
# What a change is compared with: the first of these that is there.
UPSTREAM = ("origin/HEAD", "origin/main", "main")


def changed(root: Path) -> list[str]:
    """The files that differ from where this branch left the main one, new ones included.

    Raises:
        RuntimeError: if git cannot tell.
    """
    if not _git(root, "rev-parse", "--verify", "--quiet", "HEAD"):
        raise RuntimeError("git cannot tell what has changed here, so use `make test`")
    # A shallow clone may have no common commit.
    bases = (_git(root, "merge-base", "HEAD", name) for name in UPSTREAM)
    [base] = next(filter(None, bases), ["HEAD"])
    differing = _git(root, "diff", "--name-only", "--no-renames", "--relative", base)
    new = _git(root, "ls-files", "--others", "--exclude-standard")
    return sorted({*differing, *new})


def nearest(root: Path, files: Iterable[str]) -> list[str]:
    """The test files that some changed files touch, and modules with examples, nearest first."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    distances = _distances(graph, files)
    found = []
    for module in sorted(distances, key=lambda name: (distances[name], name)):
        path = module.replace(".", "/")
        file = next((f for f in (f"{path}.py", f"{path}/__init__.py") if (root / f).exists()), "")
        if file and _has_tests(root / file):
            found.append(file)
    return found


def _distances(graph: grimp.ImportGraph, files: Iterable[str]) -> dict[str, int]:
    """How many imports lie between each module and the nearest changed file."""
    distances: dict[str, int] = {}
    frontier: set[str] = set()
    beside: set[str] = set()
    for file in files:
        path = Path(file)
        inside = path.suffix == ".py" and path.parts[0] in PACKAGES
        module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        if inside and module in graph.modules:
            frontier.add(module)
        room = path.parts[1:-1] if path.parts[0] == "grokedu" else ()
        name = module.rpartition(".")[2] if path.parts[0] == "grokedu" else path.stem.lower()
        frontier |= {".".join(("tests", *room, f"test_{name}"))} & graph.modules
        if room:
            beside |= _tests_in(graph, ".".join(("tests", *room)))
    steps = 0
    while frontier:
        distances |= dict.fromkeys(frontier, steps)
        following = set(beside) if steps == 0 else set()
        for module in frontier:
            following |= graph.find_modules_that_directly_import(module)
            # Tests use the fixtures of a conftest.py without importing it.
            if module.endswith(".conftest"):
                following |= _tests_in(graph, module.rpartition(".")[0])
        frontier, steps = following - distances.keys(), steps + 1
    return distances


def _tests_in(graph: grimp.ImportGraph, package: str) -> set[str]:
    if package not in graph.modules:
        return set()
    below = graph.find_descendants(package)
    return {module for module in below if module.rpartition(".")[2].startswith("test_")}


def _has_tests(file: Path) -> bool:
    return file.name.startswith("test_") or ">>> " in file.read_text(encoding="utf-8")


def _git(root: Path, *arguments: str) -> list[str]:
    run = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    return run.stdout.splitlines() if run.returncode == 0 else []
