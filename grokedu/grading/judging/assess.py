"""Grading one submission: take the learner's answers out, run them in a sandbox, judge them here.

`Grader` holds what grading many submissions of one lesson needs; `assess` keeps one in the process
it is called in, so that any executor can map it over submissions.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import threading
import time
from dataclasses import dataclass, replace

from nbformat import NotebookNode

from grokedu.classroom.cells import grade_id, is_left_out
from grokedu.classroom.checking.guard import Crash
from grokedu.classroom.checking.judge import unattempted
from grokedu.classroom.checking.verdict import Verdict
from grokedu.classroom.notebook import parse_notebook
from grokedu.grading.intake.naming import listed, shown
from grokedu.grading.intake.reading import repair
from grokedu.grading.judging.annotations import (
    belongs,
    cell_outputs,
    failure_flags,
    grafted,
    own_outputs,
    review_flags,
    score,
)
from grokedu.grading.judging.execution import OutOfTimeError, Run
from grokedu.grading.judging.plan import Plan
from grokedu.grading.judging.required_cells import left_out_cells
from grokedu.grading.result import Result, Status, Submission
from grokedu.grading.sandbox.bubblewrap import SandboxSettings
from grokedu.grading.sandbox.sandbox import BUBBLEWRAP, NONE, Sandbox, SandboxError
from grokedu.grading.sandbox.worker import load_torch


def assess(submission: Submission, plan: Plan) -> Result:
    """Grade one submission; there is a result whatever it holds. Threads take turns.

    Raises:
        SandboxError: no sandbox could be made, twice: nothing is known about the submission.
    """
    with _turn:
        try:
            return _grader(plan).grade(submission)
        except SandboxError:
            _grader(plan).close()
            return _grader(plan).grade(submission)


def warm_up(plan: Plan) -> None:
    """Begin to make the sandbox that `assess` will use in this process."""
    with _turn:
        _ = _grader(plan).sandbox


_LONGEST_FLAG = 300
# One sandbox holds one session, and what silences a reference silences the process.
_turn = threading.Lock()


@functools.lru_cache(maxsize=2)
def _grader(plan: Plan) -> Grader:
    return Grader(plan)


class Grader:
    """Grades submissions of one lesson, one after another, in one sandbox."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.lesson = plan.find(plan.lesson)
        self.release = parse_notebook(plan.release.decode("utf-8"), "the release")
        self._sandbox: Sandbox | None = None

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox, made when it is first needed."""
        if self._sandbox is None:
            self._sandbox = Sandbox(self._settings())
            load_torch()  # references are run here, while the sandbox comes up
        return self._sandbox

    def close(self) -> None:
        """End the sandbox; the next submission gets a new one."""
        if self._sandbox is not None:
            self._sandbox.close()
            self._sandbox = None

    def grade(self, submission: Submission) -> Result:
        """Grade one submission.

        Raises:
            SandboxError: the sandbox is gone; nothing is known about the submission.
        """
        started = time.monotonic()
        if submission.content is None:
            return self.unreadable(submission, submission.problem)
        try:
            notebook, notes = self._read(submission.content)
            judged = judge_notebook(self, notebook, submission.student)
            flags = (*submission.notes, *notes, *judged.flags)
            result = self._result(submission, notebook, Status.GRADED, (), judged.verdicts, flags)
        except (ValueError, OutOfTimeError) as error:
            return self.unreadable(submission, str(error))
        return replace(result, seconds=round(time.monotonic() - started, 3))

    def unreadable(self, submission: Submission, reason: str) -> Result:
        """The result of what cannot be graded: the release, with the reason for a person to see."""
        notebook = copy.deepcopy(self.release)
        return self._result(
            submission, notebook, Status.NEEDS_REVIEW, (reason,), {}, submission.notes
        )

    def _read(self, content: bytes) -> tuple[NotebookNode, tuple[str, ...]]:
        """The release with the answers in it, and what was odd about them."""
        try:
            old, notes = repair(content)
            if not belongs(self.release, old):
                raise ValueError(
                    f"this is another notebook: no cell of {self.plan.lesson} is in it; "
                    "hand in the notebook of this lesson"
                )
            notebook, report = grafted(self.release, old)
        except ValueError:
            raise
        except Exception as error:
            kind = type(error).__name__
            raise ValueError(f"it could not be read ({kind}): a person looks at it") from error
        if report.left_over:
            notes = (*notes, f"answers without a place: {listed(report.left_over)}")
        return notebook, notes

    def _result(
        self,
        submission: Submission,
        notebook: NotebookNode,
        status: Status,
        reasons: tuple[str, ...],
        verdicts: dict[str, Verdict],
        flags: tuple[str, ...],
    ) -> Result:
        notebook.metadata["grokedu"] = {"status": status.value, "reasons": list(reasons)}
        exercises = {}
        for id, exercise in self.lesson.exercises.items():
            findings = verdicts.get(id, unattempted(exercise)).findings
            exercises[id] = {
                "outcome": (findings.outcome if status == Status.GRADED else status).value,
                "points": float(findings.points),
                "of": float(findings.max_points),
                "version": exercise.version,
                "misconception": findings.misconception,
            }
        answers = {
            cell.id: cell.source for cell in notebook.cells if cell.id in self.lesson.exercises
        }
        return Result(
            submission.student,
            self.plan.lesson,
            status,
            reasons,
            flags,
            exercises,
            answers if status == Status.GRADED else {},
            json.dumps(notebook),
            submission=submission.digest,
            release=self.plan.digest,
            seed=self.plan.seed,
            sandbox=BUBBLEWRAP if self.plan.confined else NONE,
        )

    def _settings(self) -> SandboxSettings:
        setup = []
        for cell in self.release.cells:
            if grade_id(cell) is not None and cell.cell_type == "code":
                break
            if cell.cell_type == "code" and not is_left_out(cell):
                setup.append(cell.source)
        return SandboxSettings(
            self.plan.lesson,
            tuple(setup),
            dict(self.plan.references),
            confined=self.plan.confined,
            hidden=self.plan.hidden,
            seconds=int(2 * self.plan.student_seconds),
        )


@dataclass(frozen=True)
class Judged:
    """The verdicts on the answers of one notebook, and what a person may want to look at."""

    verdicts: dict[str, Verdict]
    flags: tuple[str, ...]


def judge_notebook(grader: Grader, notebook: NotebookNode, student: str) -> Judged:
    """Run a grafted notebook's code in a session, judge each answer where its check stands, and
    put what was found into the outputs.

    Raises:
        OutOfTimeError: the submission took more than it may.
        SandboxError: the sandbox is gone.
    """
    plan, lesson = grader.plan, grader.lesson
    checks = {f"{id}-check": exercise for id, exercise in lesson.exercises.items()}
    places = [at for at, cell in enumerate(notebook.cells) if grade_id(cell) in checks]
    released = {(cell.id, cell.source) for cell in grader.release.cells}
    own = {
        at
        for at, cell in enumerate(notebook.cells)
        if grade_id(cell) is None and (cell.id, cell.source) not in released
    }
    left_out = left_out_cells(notebook.cells, own, grader.sandbox.settings.setup)
    code = "\0".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    verdicts: dict[str, Verdict] = {}
    crashes: dict[str, Crash] = {}
    failed: list[str] = []
    with Run(grader.sandbox, plan.cell_seconds, plan.check_seconds, plan.student_seconds) as run:
        for at, cell in enumerate(notebook.cells[: max(places, default=-1) + 1]):
            id = grade_id(cell)
            if id in checks:
                exercise = checks[id]
                seed = case_seed(plan.seed, plan.lesson, exercise.id, student, code)
                verdict = run.judge(exercise, seed, crashes.get(exercise.id))
                verdicts[exercise.id] = verdict
                cell.outputs = [score(verdict)]
            elif cell.cell_type == "code" and at not in left_out:
                ran = run.cell(cell.source)
                if ran.crash is not None and id:
                    crashes[id] = ran.crash
                if at in own:
                    cell.outputs = own_outputs(cell.outputs, ran, plan.cell_seconds)
                    failed += failure_flags(ran)
                else:
                    cell.outputs = cell_outputs(ran, plan.cell_seconds)
        flags = run.flags
    flags = (*flags, *review_flags(notebook.cells, verdicts, failed))
    return Judged(verdicts, tuple(shown(flag, _LONGEST_FLAG) for flag in flags))


def case_seed(seed: int, lesson: str, exercise: str, student: str, code: str) -> int:
    """The seed of one submission's cases: another one for every student and every change of code.

    What a learner's function sees of it reveals neither the instructor's seed nor any other case.
    """
    parts = "\0".join((str(seed), lesson, exercise, student, code))
    digest = hashlib.sha256(parts.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "little") >> 1
