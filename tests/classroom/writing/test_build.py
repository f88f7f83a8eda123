"""The build of a tiny lesson: refusals, the same bytes each time, drift, nbgrader's release."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from grokedu.classroom.writing.build import Builder
from grokedu.classroom.writing.script import ScriptError
from grokedu.lessons import find

MODULE = '''\
from grokedu.classroom.checking.exercise import Case
from grokedu.classroom.lesson import Lesson

lesson = Lesson("77_tiny", "Tiny")
hint, reference, ready = lesson.hint, lesson.reference, lesson.ready
reset, predict, settle = lesson.reset, lesson.predict, lesson.settle


@lesson.exercise(points={"small": 1, "large": 0.5}, hints=("a", "b", "c"), why="it is small")
def double(x):
    """Twice x."""
    return 2 * x


@double.cases
def _(seed, level):
    yield Case("three", "small", (3,))
    yield Case("more", "large", (10**6 + seed,))


lesson.reflection("why", (2, "says why"))
lesson.claim("grows", "it grows.", "yes", "no")
'''

SCRIPT = """\
# %% [markdown]
# # Tiny
#
# It took {{runs}} runs.

# %% setup="imports"
import l77_tiny as check

# %% answer="double"

# %% test="double"

# %% predict="grows"
check.predict("grows", ...)

# %% experiment="watch"
if check.ready("double"):
    watched = [double(n) for n in range(3)]
    print(watched)

# %% [markdown] reflect="why"
# YOUR ANSWER HERE
"""

SETTINGS = '[tool.grokedu]\nrepository = "someone/course"\nbranch = "main"\n'


class Workshop:
    """A repository with the one tiny lesson, whose files can be edited."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs = "5"
        self.script = folder / "solutions" / "77_tiny.py"
        self.module = folder / "l77_tiny.py"
        self.key = folder / "solutions" / "77_tiny" / "77_tiny.ipynb"
        self.release = folder / "course" / "77_tiny" / "77_tiny.ipynb"
        self.settings = folder / "pyproject.toml"
        self.config = folder / "nbgrader_config.py"
        self.script.parent.mkdir()
        self.script.write_text(SCRIPT)
        self.module.write_text(MODULE)
        self.settings.write_text(SETTINGS)

    def lesson(self):
        spec = importlib.util.spec_from_file_location("l77_tiny", self.module)
        sys.modules["l77_tiny"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.lesson

    def builder(self) -> Builder:
        return Builder(self.folder, lambda text: text.replace("{{runs}}", self.runs))

    def build(self, run: bool = False) -> None:
        self.builder().build(self.lesson(), run=run)

    def drift(self) -> list[str]:
        return self.builder().drift(self.lesson())

    def edit(self, file: str, old: str, new: str) -> None:
        if file == "runs":
            self.runs = new
            return
        path = getattr(self, file)
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


@pytest.fixture
def workshop(tmp_path, root, monkeypatch) -> Workshop:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # for the kernel
    monkeypatch.setitem(sys.modules, "l77_tiny", None)
    shutil.copy(root / "nbgrader_config.py", tmp_path)
    return Workshop(tmp_path)


EDITS = {
    "declares no answer 'triple'": ("script", 'answer="double"', 'answer="triple"'),
    "no answer cell for double": ("script", '# %% answer="double"\n\n# %% test="double"\n', ""),
    "the test 'double' has no answer cell before it": ("script", '# %% answer="double"\n', ""),
    "no test cell for double": ("script", '# %% test="double"\n', ""),
    "declares no test 'triple'": ("script", 'test="double"', 'test="triple"'),
    "no reflect cell for why": ("script", '# %% [markdown] reflect="why"\n# YOUR', "# YOUR"),
    "declares no reflect 'how'": ("script", 'reflect="why"', 'reflect="how"'),
    "no predict cell for grows": ("script", 'predict="grows"', 'experiment="grows"'),
    "declares no predict 'falls'": ("script", 'predict="grows"', 'predict="falls"'),
    "two cells are marked answer='double'": (
        "script", 'answer="double"\n', 'answer="double"\n\n# %% answer="double"\n',
    ),
    "unknown marker": ("script", 'setup="imports"', 'start="imports"'),
    "the answer 'double' uses factor, which no setup binds": ("module", "2 * x", "factor * x"),
    "the answer 'double' uses early from an experiment": (
        "both",
        '# %% answer="double"',
        '# %% experiment="e"\nif check.ready():\n    early = 2\n\n# %% answer="double"',
    ),
    "the experiment 'e' must be one `if check.ready(...):`": (
        "script", '# %% answer="double"', '# %% experiment="e"\nearly = 2\n\n# %% answer="double"',
    ),
    "the experiment 'watch' rests on double without check.ready of it": (
        "script", 'if check.ready("double"):', "if True:",
    ),
    "the code cell of experiment 'watch' is not Python": ("script", "range(3)]", "range(3"),
    "its first cell is not a text cell": (
        "script", '# %% [markdown]\n# # Tiny', '# %% setup="a"\n# # Tiny',
    ),
}  # fmt: skip


@pytest.mark.parametrize("said", EDITS)
def test_a_script_that_does_not_fit_its_lesson_is_refused(workshop, said):
    file, old, new = EDITS[said]
    workshop.edit("script" if file == "both" else file, old, new)
    if file == "both":
        workshop.edit("module", "2 * x", "early * x")
    with pytest.raises(ScriptError) as raised:
        workshop.build()
    assert said in str(raised.value)
    assert str(raised.value).startswith("77_tiny.py: ")
    assert not workshop.key.exists()
    assert not workshop.release.exists()


def test_two_exercises_of_one_name_are_refused(workshop):
    workshop.edit("module", "lesson.reflection", "lesson.exercise(points={'a': 1}, hints=('a', 'b',"
                  " 'c'))(double.reference)\nlesson.reflection")  # fmt: skip
    with pytest.raises(ValueError, match="two exercises named 'double'"):
        workshop.build()


def test_a_setup_or_an_earlier_answer_may_be_used(workshop):
    workshop.edit("module", "2 * x", "factor * x")
    workshop.edit("script", "as check", "as check\nfactor = 2")
    workshop.build()


def test_the_same_bytes_each_time(workshop):
    workshop.build()
    first = workshop.key.read_bytes(), workshop.release.read_bytes()
    assert workshop.drift() == ["solutions/77_tiny/77_tiny.ipynb was executed from other sources"]
    shutil.rmtree(workshop.key.parent)
    shutil.rmtree(workshop.release.parent)
    workshop.build()
    assert (workshop.key.read_bytes(), workshop.release.read_bytes()) == first


def test_ids_points_and_metadata_are_nbgraders(workshop):
    workshop.build()
    cells = {cell.id: cell for cell in nbformat.read(workshop.release, 4).cells}
    graded = {id: cell for id, cell in cells.items() if "nbgrader" in cell.metadata}
    assert list(graded) == ["double", "double-check", "why-reflect"]
    marks = [graded[id].metadata.nbgrader for id in graded]
    assert [mark.grade_id for mark in marks] == list(graded)
    assert [mark.get("points") for mark in marks] == [None, 1.5, 2]
    assert [(mark.grade, mark.solution, mark.locked) for mark in marks] == [
        (False, True, False), (True, False, True), (True, True, False),
    ]  # fmt: skip
    assert cells["double-check"].source == "check.double(double)"
    assert cells["double"].source.endswith(
        "# write your code here\n    raise NotImplementedError()"
    )
    text = workshop.release.read_text()
    assert "return 2 * x" not in text
    assert "It took 5 runs." in text
    assert "github/someone/course/blob/main/course/77_tiny/77_tiny.ipynb" in text
    assert nbformat.validate(nbformat.read(workshop.release, 4)) is None


@pytest.fixture
def executed(workshop) -> Workshop:
    """Built, with the outputs that an execution would have left."""
    workshop.build()
    key = nbformat.read(workshop.key, 4)
    key.metadata["grokedu"] = nbformat.read(workshop.release, 4).metadata["grokedu"]
    key.cells[-3].outputs = [nbformat.v4.new_output("stream", text="[0, 2, 4]\n")]
    workshop.key.write_text(nbformat.writes(key) + "\n")
    assert workshop.drift() == []
    return workshop


DRIFT = {
    "prose": ("script", "# # Tiny", "# # Small", 2),
    "a result": ("runs", "5", "6", 2),
    "an experiment": ("script", "range(3)", "range(4)", 2),
    "a cell more": ("script", "# %% setup", "# %% [markdown]\n# More.\n\n# %% setup", 2),
    "an answer": ("module", "2 * x", "x + x", 2),
    "the stub": ("config", "write your code", "put your code", 1),
    "a docstring": ("module", "Twice x.", "Two x.", 2),
    "points": ("module", '"small": 1', '"small": 3', 2),
    "a hint": ("module", '("a", "b"', '("a", "new"', 2),
    "a case": ("module", "10**6", "10**5", 2),
    "a rubric": ("module", "says why", "says it", 2),
    "the repository": ("settings", "someone/course", "someone/else", 2),
    "the key's source, by hand": ("key", "return 2 * x", "return x * 2", 1),
    "the key's points, by hand": ("key", '"points": 1.5', '"points": 9', 1),
    "the key's ids, by hand": ("key", '"id": "double"', '"id": "twice"', 1),
    "the key's hash, by hand": ("key", '"made_of": "', '"made_of": "0', 1),
    "the release, by hand": ("release", "Tiny", "tiny", 1),
}


@pytest.mark.parametrize("kind", DRIFT)
def test_drift_is_seen_and_mended(executed, kind):
    file, old, new, count = DRIFT[kind]
    executed.edit(file, old, new)
    assert len(executed.drift()) == count
    executed.build()
    assert [line for line in executed.drift() if "differs from what its sources make" in line] == []


@pytest.mark.parametrize("file", ["key", "release"])
def test_a_missing_notebook_is_drift(executed, file):
    getattr(executed, file).unlink()
    assert executed.drift() == [
        f"{getattr(executed, file).relative_to(executed.folder)} differs from what its sources make"
    ]


def test_outputs_are_kept_while_nothing_changed(executed):
    before = executed.key.read_bytes()
    executed.build(run=True)
    assert executed.key.read_bytes() == before
    assert b"[0, 2, 4]" in before


@pytest.mark.parametrize("damage", ["a cell deleted", "a source edited", "sources changed"])
def test_stale_outputs_are_not_kept(executed, damage):
    key = nbformat.read(executed.key, 4)
    if damage == "a cell deleted":
        del key.cells[2]
    elif damage == "a source edited":
        key.cells[2].source += "  # by hand"
    else:
        executed.edit("script", "range(3)", "range(4)")
    executed.key.write_text(nbformat.writes(key) + "\n")
    executed.build()
    assert "[0, 2, 4]" not in executed.key.read_text()


@pytest.mark.notebooks
def test_a_lesson_is_executed_and_must_earn_full_marks(workshop):
    workshop.build(run=True)
    assert workshop.drift() == []
    assert "[0, 2, 4]" in workshop.key.read_text()
    sources = workshop.release.read_bytes()
    never_the_same = "import time\n    return 2 * x if x < 9 else time.perf_counter_ns() % 10**6"
    workshop.edit("module", "return 2 * x", never_the_same)
    with pytest.raises(RuntimeError, match=r"scores too little: .'double-check': .1.0, 1.5.."):
        workshop.build(run=True)
    workshop.module.write_text(MODULE)
    workshop.edit("script", "    print(watched)", "    import sys\n    print(1, file=sys.stderr)")
    with pytest.raises(RuntimeError, match="wrote to stderr: 1"):
        workshop.build(run=True)
    assert workshop.release.read_bytes() == sources


@pytest.mark.grading
def test_nbgrader_makes_the_same_release(executed):
    ours = executed.release.read_bytes()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["generate_assignment", "77_tiny", "--force", "--create"]
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *command],
        cwd=executed.folder,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert executed.release.read_bytes().rstrip() == ours.rstrip()


def test_without_executing_a_lesson_takes_under_five_seconds(tmp_path, root):
    (tmp_path / "solutions").mkdir()
    for name in ("pyproject.toml", "nbgrader_config.py", "solutions/00_start_here.py"):
        shutil.copy(root / name, tmp_path / name)
    lesson = find("00")
    before = time.process_time()
    builder = Builder(tmp_path, lambda text: text)
    builder.build(lesson, run=False)
    assert time.process_time() - before < 5.0
    assert builder.release(lesson.name).exists()
