"""Who handed a file in, by its name; and which names are fit to be a student's id.

Canvas names what it downloads ``{name}_{LATE_}{user id}_{attachment id}_{own name}``, or
``{LATE_}anon_{id}_{attachment id}_{own name}`` where marking is anonymous (canvas-lms,
lib/content_zipper.rb). Moodle puts a student's files into the folder
``{full name}_{participant number}_assignsubmission_{plugin}_``, or that in front of each file's own
name (moodle, mod/assign/locallib.php). Anything else is read as ``ID.ipynb`` or ``ID/own name``.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LONGEST_ID = 128
# Files that a student means when it lies beside no others: reported to them, not passed over.
MISTAKEN = (".zip", ".html", ".htm", ".pdf", ".py")
_CANVAS = re.compile(
    r"(?:(?P<late>LATE_)?anon_(?P<anonymous>[A-Za-z0-9]{5})|.+?_(?P<late_too>LATE_)?(?P<id>\d+))"
    r"_\d+_(?P<own>.+)",
    re.DOTALL,
)
_MOODLE = re.compile(
    r".*?_(?P<id>\d+)_assignsubmission_[a-z0-9]+(?:_(?P<own>.*))?", re.DOTALL | re.IGNORECASE
)
# Marks that turn the order of the letters after them: "ada" could show as another name.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_JUNK = (".ipynb_checkpoints", "__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Owner:
    """Whose a file is.

    Attributes:
        student: the id; empty when the file's name does not say.
        own: what the student called the file, with folders of their own in front.
        late: whether the LMS marked it late.
        lms: whether an LMS named it.
    """

    student: str
    own: str
    late: bool = False
    lms: bool = False


def owner(path: Sequence[str]) -> Owner:
    """Whose file this is, by its path below the archive or folder that was handed over.

    >>> owner(["lovelaceada_LATE_4711_90210_01_grokking.ipynb"])
    Owner(student='4711', own='01_grokking.ipynb', late=True, lms=True)
    >>> owner(["Ada Lovelace_4711_assignsubmission_file_", "work.ipynb"]).student
    '4711'
    >>> owner(["ada.ipynb"]).student, owner(["ada", "work.ipynb"]).student
    ('ada', 'ada')
    """
    first, rest = path[0], list(path[1:])
    if found := _MOODLE.fullmatch(first):
        own = "/".join([*filter(None, [found["own"]]), *rest])
        return Owner(found["id"], own, lms=True)
    if not rest and (found := _CANVAS.fullmatch(first)):
        late = bool(found["late"] or found["late_too"])
        return Owner(found["anonymous"] or found["id"], found["own"], late=late, lms=True)
    if rest:
        return Owner(first, "/".join(rest))
    stem, dot, extension = first.rpartition(".")
    if is_notebook(first) or f"{dot}{extension}".lower() in MISTAKEN:
        return Owner(stem, first)
    return Owner("", first)


def is_junk(path: Sequence[str]) -> bool:
    """Whether a file is Jupyter's, an office program's or an operating system's own."""
    return any(part in _JUNK or part.startswith(("~$", "._")) for part in path)


def is_notebook(name: str) -> bool:
    """Whether a file is called a notebook."""
    return name.lower().endswith(".ipynb")


def common_folder(paths: list[tuple[str, ...]], lesson: str) -> int:
    """1 when all lies in one folder that is no student's, as when a folder was zipped; or 0."""
    below = [path[1:] for path in paths]
    if len({path[0] for path in paths}) != 1 or not all(below) or owner(paths[0]).lms:
        return 0
    if any(owner(path).lms for path in below):
        return 1
    seconds = {path[0] for path in below}
    if all(len(path) > 1 for path in below):
        return int(len(seconds) > 1 and lesson not in seconds)
    several = sum(len(path) == 1 and is_notebook(path[0]) for path in below) > 1
    return int(several and f"{lesson}.ipynb" not in seconds)


def choose(names: Iterable[str], lesson: str) -> tuple[str | None, str, tuple[str, ...]]:
    """Which of a student's files is the lesson's notebook: its name, a problem, and notes.

    >>> choose(["draft.ipynb", "figure.png"], "01_grokking")
    ('draft.ipynb', '', ('was named draft.ipynb',))
    """
    given = sorted(names)
    notebooks = [name for name in given if is_notebook(name)]
    canonical = [name for name in notebooks if name.rpartition("/")[2] == f"{lesson}.ipynb"]
    if len(canonical) == 1:
        others = [name for name in notebooks if name != canonical[0]]
        return canonical[0], "", (f"also handed in, not read: {listed(others)}",) if others else ()
    if len(notebooks) == 1:
        return notebooks[0], "", (f"was named {shown(notebooks[0])}",)
    if notebooks:
        many = {2: "two"}.get(len(notebooks), str(len(notebooks)))
        return None, f"{many} notebooks: {listed(notebooks)}; which is meant?", ()
    return None, f"no notebook; found {listed(given)}" if given else "nothing handed in", ()


def id_problem(student: str) -> str:
    """Why a name cannot be a student's id; empty when it can."""
    if not student:
        return "the student's id is empty"
    if len(student) > LONGEST_ID or len(student.encode("utf-8", "replace")) > 2 * LONGEST_ID - 16:
        return f"the student's id is too long: {len(student)} of {LONGEST_ID} characters"
    if not student.strip(".") or "/" in student or "\\" in student:
        return "the student's id would name another folder"
    if student != student.strip():
        return "the student's id begins or ends with a blank"
    if any(unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") for sign in student):
        return "the student's id holds control characters"
    if _TURNING.intersection(student):
        return "the student's id holds marks that turn the writing direction"
    return ""


def substitute_id(student: str) -> str:
    """A name for reporting someone whose id cannot be used: a valid id that nobody else has.

    >>> substitute_id("ada")
    'ada'
    >>> substitute_id(" ada")
    'ada�afbe5890'
    """
    if not id_problem(student):
        return student
    digest = hashlib.sha256(student.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    readable = shown(student, 40)
    for sign in "/\\":
        readable = readable.replace(sign, "\ufffd")
    return f"{readable.strip()}\ufffd{digest}"


def look_alikes(students: Iterable[str]) -> dict[str, list[str]]:
    """Ids that differ only by case or by how Unicode writes their letters, each with the others.

    >>> look_alikes(["ada", "Ada", "ben"])
    {'ada': ['Ada'], 'Ada': ['ada']}
    """
    alike: dict[str, list[str]] = {}
    for student in students:
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", student).casefold())
        alike.setdefault(folded, []).append(student)
    groups = [group for group in alike.values() if len(group) > 1]
    return {one: [other for other in group if other != one] for group in groups for one in group}


def shown(name: str, longest: int = 80) -> str:
    """A file's name as one line of harmless text."""
    bad = ("Cc", "Cf", "Cs", "Zl", "Zp")
    text = "".join("\ufffd" if unicodedata.category(sign) in bad else sign for sign in name)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def listed(names: Sequence[str], most: int = 5) -> str:
    """Names in a line: "a.ipynb, b.ipynb and 3 more"."""
    text = ", ".join(map(shown, names[:most]))
    return text if len(names) <= most else f"{text} and {len(names) - most} more"
