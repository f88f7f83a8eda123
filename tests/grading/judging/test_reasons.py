"""The guide's tables have every reason that grading can give, and none that it cannot."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# The modules whose words become a reason or a flag.
SPEAKERS = (
    *("annotations", "archives", "assess", "batch", "execution", "gradebook", "intake", "ledger"),
    *("naming", "reading", "scores"),
)
# What else these modules say.
NOT_REASONS = {
    # parts of a reason
    "a folder",
    "an ordinary file",
    "no ordinary file",
    "a link",
    "line …: …",
    "line …: …: …",
    "… and … more",
    " (line …: …)",
    "raised ……",
    "raised an error",
    "ended its process",
    "it was cancelled",
    "no end after … s",
    "the file",
    "the file, cell …",
    "…: download it from where you worked on it (File > Download) and hand in that file",
    # of files that are no student's, and of a whole zip or folder
    "neither a notebook nor in a student's folder",
    "not of …",
    "… is not there; wanted a zip from the LMS or a folder of notebooks, "
    "such as downloads/submissions.zip",
    "… is not a zip archive, or is damaged (…): download it again",
    "… holds … files; at most … are taken: split it into several archives",
    "… holds more than … files; split it",
    # of a release, which is nobody's submission
    "the release",
    "… is not a notebook: its text is not UTF-8",
    # outcomes of a cell or a check, which cost points and no review
    "timed out",
    "it was still running after … s, and was stopped",
    "it ended the process it ran in, and was left out",
    # of ids that never get as far as the ledger, as they have a stand-in
    "… is no name of a lesson; wanted one such as 01_grokking",
    "… cannot be a student's id: …; wanted one such as student-03",
    # of a cluster, before anything is graded
    "--executor needs Dask: pip install 'grokedu[research]'",
    # what the formgrader shows above the reasons
    "**A person must look at this submission; it could not be graded.**",
    "- …",
}
# Functions whose strings are told by a caller: what is put for `where`, and what comes behind.
WHERE = {"_sound": "the file, cell …"}
CONTINUED = {"parse_content": ": …"}


def sayings(path: Path) -> Iterator[str]:
    """The sentences of a module: its strings with a blank; what differs in them is "…"."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    known = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                known[name] = text
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            known["where"] = WHERE.get(function.name, "the file")
            told = {id(part) for each in ast.walk(function) for part in _inner(each)}
            for node in ast.walk(function):
                if id(node) not in told and (text := _text(node, known)) and " " in text.strip():
                    yield text + CONTINUED.get(function.name, "")


def _inner(node: ast.AST) -> Iterator[ast.AST]:
    """What is no saying of its own: parts of one, docstrings, and names of things."""
    if isinstance(node, ast.JoinedStr):
        yield from (part for value in node.values for part in ast.walk(value))
    if isinstance(node, ast.Expr):
        yield node.value


def _text(node: ast.AST, known: dict[str, str]) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name):
            return known.get(name, "") if name.isupper() else ""
        case ast.JoinedStr(values=parts):
            return "".join(
                part.value
                if isinstance(part, ast.Constant)
                else known.get(ast.unparse(part.value), "…")
                for part in parts
            )
    return ""


def rows() -> list[str]:
    """The first column of the guide's two tables of reasons."""
    guide = (ROOT / "docs" / "instructors.md").read_text(encoding="utf-8")
    section = guide.partition("\n## Needs review\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (.+?) \| .+ \|$", section, re.M)
    return [cell for cell in cells if cell not in ("Reason", "Words")]


def test_the_tables_and_the_code_name_the_same_reasons():
    package = ROOT / "grokedu"
    files = {path.stem: path for path in (package / "grading").rglob("*.py")}
    paths = [package / "classroom" / "notebook.py", *(files[name] for name in SPEAKERS)]
    said = {text for path in paths for text in sayings(path)}
    table = rows()
    assert len(table) > 50
    patterns = {row: re.compile(re.escape(row).replace("…", ".*"), re.S) for row in table}
    matched = {
        text: [row for row, pattern in patterns.items() if pattern.fullmatch(text)] for text in said
    }
    unnamed = {text for text, found in matched.items() if not found}
    assert unnamed == NOT_REASONS
    assert set(table) == {row for found in matched.values() for row in found}
