"""`grokedu grade`: a folder of submissions in; a score, a reason and a feedback page for each out.

What is finished stays finished: a result is first in nbgrader's gradebook, then on its feedback
page, and last in the ledger, and only what stands in the ledger counts as graded. Whatever ends a
run, the next one goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from grokedu.classroom.grading import feedback, intake
from grokedu.classroom.grading.backup import back_up
from grokedu.classroom.grading.batch import MakeExecutor, grade_each, processes
from grokedu.classroom.grading.gradebook import Course, enter_lesson, penalise, publish, scores
from grokedu.classroom.grading.plan import Plan, answers_given
from grokedu.classroom.grading.report import line, summary
from grokedu.classroom.grading.result import GRADED, Result, Submission
from grokedu.classroom.grading.sandbox import why_not
from grokedu.classroom.grading.scores import NOT_ENTERED
from grokedu.classroom.grading.similar import similar_answers

ALL_GRADED, SOME_TO_REVIEW = 0, 3


@dataclass(frozen=True)
class Round:
    """One round of grading a lesson.

    Attributes:
        title: the lesson's, for feedback pages.
        source: a zip or folder to take in first; None for what is in ``submitted`` already.
        students: grade only these; all when empty.
        make: makes executors for a number of jobs; processes of this machine when None.
    """

    course: Course
    plan: Plan
    title: str
    source: Path | None = None
    jobs: int = 1
    students: frozenset[str] = frozenset()
    make: MakeExecutor | None = None

    @property
    def submitted(self) -> Path:
        """Where nbgrader looks for what was handed in."""
        return Path(self.course.coursedir.root, self.course.coursedir.submitted_directory)

    def submissions(self) -> Iterator[Submission]:
        """What was handed in, after taking in the source."""
        taken = []
        if self.source is not None:
            taken = intake.collect(self.source, self.plan.lesson, self.submitted)
            for each in taken:
                if each.problem or each.notes or not each.student:
                    said = "; ".join(part for part in (each.problem, *each.notes) if part)
                    print(f"{each.file}: {each.outcome}{': ' + said if said else ''}")
            print(f"Taken in from {self.source}: {len(taken)} files")
        for submission in intake.read(self.submitted, self.plan.lesson, taken):
            if not self.students or submission.student in self.students:
                yield submission

    def results(self, submissions: Iterable[Submission]) -> Iterator[Result]:
        """Grade submissions as they are wanted."""
        make = self.make or processes(self.plan)
        for _, result in grade_each(submissions, self.plan, make, self.jobs):
            yield result


def grade(round: Round) -> int:
    """Grade what is not graded yet, and return `ALL_GRADED` or `SOME_TO_REVIEW`.

    Raises:
        ValueError: there is nothing to grade, or no sandbox to do it in.
        SandboxError: no sandbox came up.
    """
    require_sandbox(round.plan)
    ledger, lesson = round.course.ledger, round.plan.lesson
    submissions = list(_light(round.submissions()))
    if not submissions:
        raise ValueError(
            f"nothing was handed in for {lesson}: no {round.submitted}/STUDENT/{lesson}/; "
            "give a zip or a folder of notebooks after the lesson's name to take one in"
        )
    print(f"The gradebook is kept as it was: {back_up(round.course)}")
    enter_lesson(round.course, lesson)
    # A gradebook that was put back from a backup may lack results that the ledger has.
    lost = {each.student for each in scores(round.course, lesson) if NOT_ENTERED in each.reasons}
    waiting = {
        student
        for student, digest in submissions
        if student in lost or not ledger.finished(lesson, student, digest)
    }
    if waiting:
        again = replace(round, source=None, students=frozenset(waiting))
        with tqdm(total=len(waiting), unit="student", mininterval=0.5) as bar:
            for result in round.results(again.submissions()):
                record(round, result)
                bar.write(line(result))
                bar.update()
    for note in penalise(round.course, lesson):
        print(note)
    records = ledger.all(lesson)
    results = [records.results[s] for s, _ in submissions if s in records.results]
    print(summary(results, round.plan, graded_before=len(submissions) - len(waiting)))
    for path, problem in records.damaged.items():
        print(f"{path}: {problem}")
    answers = {each.student: each.answers for each in results}
    for pair in similar_answers(answers, answers_given(round.plan)):
        print(pair)
    graded = len(results) == len(submissions) and all(each.status == GRADED for each in results)
    return ALL_GRADED if graded else SOME_TO_REVIEW


def record(round: Round, result: Result) -> None:
    """Enter a result where it belongs: the gradebook, the feedback page, and last the ledger."""
    notes = publish(round.course, result)
    feedback.write(round.course, result.student, round.plan.lesson, round.title)
    round.course.ledger.write(replace(result, flags=(*result.flags, *notes)))


def require_sandbox(plan: Plan) -> None:
    """Refuse to run learners' code unprotected unless that was asked for.

    Raises:
        ValueError: there is no sandbox; the message says how to get one.
    """
    missing = why_not() if plan.confined else ""
    if missing:
        raise ValueError(f"{missing}. To grade without a sandbox all the same: --no-sandbox")


def dask(address: str) -> MakeExecutor:
    """Makes executors that grade on the workers of a Dask cluster.

    Raises:
        ValueError: Dask is not installed.
        OSError: there is no scheduler at the address.
    """
    try:
        from dask.distributed import Client
    except ImportError:
        raise ValueError("--executor needs Dask: pip install 'grokedu[research]'") from None
    client = Client(address, timeout=20)
    make: Callable[[], Executor] = client.get_executor
    return lambda jobs: make()


def _light(submissions: Iterable[Submission]) -> Iterator[tuple[str, str]]:
    """Who handed in what, without holding on to it."""
    return ((each.student, each.digest) for each in submissions)
