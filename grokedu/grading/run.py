"""`grokedu grade`: a folder of submissions in; a score, a reason and a feedback page for each out.

The sequence, as `grade` goes through it, and where each step is:

1. There is a sandbox (`sandbox.sandbox`), and no other run grades this lesson.
2. A zip or folder is taken in (`intake.intake`), and what was handed in is looked through.
3. The gradebook is copied (`book.backup`), and the lesson is entered (`book.course`).
4. Each submission that has no result yet goes to a process (`judging.batch`), where
   `judging.assess` reads it (`intake.reading`), puts its answers into the release
   (`judging.annotations`), runs the cells in a session of the sandbox and judges what comes back
   (`judging.execution`).
5. Its result is entered: first into nbgrader's gradebook (`book.gradebook`), then on its feedback
   page (`page.feedback`), and last into the ledger (`book.ledger`).
6. Penalties for being late are set, and a table says what to look at (`book.scores`).

What is finished stays finished: only what stands in the ledger counts as graded. Whatever ends a
run, the next one goes on where it stopped. `regrade` goes through the same steps from 3 on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm import tqdm

from grokedu.grading.book.backup import back_up
from grokedu.grading.book.course import Course, enter_lesson
from grokedu.grading.book.gradebook import penalise, publish
from grokedu.grading.book.scores import not_as_recorded, scores
from grokedu.grading.book.similar import similar_answers
from grokedu.grading.intake import intake
from grokedu.grading.intake.intake import handed_in
from grokedu.grading.judging.batch import MakeExecutor, grade_each, processes
from grokedu.grading.judging.plan import Plan, answers_given
from grokedu.grading.page import feedback
from grokedu.grading.result import Result, Status, Submission, line, printable, summary
from grokedu.grading.sandbox.sandbox import why_not

ALL_GRADED, NOT_ENTERED, SOME_TO_REVIEW = 0, 1, 3


@dataclass(frozen=True)
class Round:
    """One round of grading a lesson.

    Attributes:
        title: the lesson's, for feedback pages.
        source: a zip or folder to take in first; None for what is in ``submitted`` already.
        taken: what became of a source's files, once it was taken in.
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
    taken: tuple[intake.Taken, ...] = ()

    @property
    def submitted(self) -> Path:
        """Where nbgrader looks for what was handed in."""
        return Path(self.course.coursedir.root, self.course.coursedir.submitted_directory)

    def submissions(self) -> Iterator[Submission]:
        """What was handed in, by the students who are to be graded."""
        for submission in handed_in(self.submitted, self.plan.lesson, self.taken):
            if not self.students or submission.student in self.students:
                yield submission

    def results(self, submissions: Iterable[Submission]) -> Iterator[Result]:
        """Grade submissions as they are wanted."""
        make = self.make or processes(self.plan)
        for _, result in grade_each(submissions, self.plan, make, self.jobs):
            yield result


def grade(round: Round) -> int:
    """Grade what is not graded yet, and return `ALL_GRADED`, `SOME_TO_REVIEW` or `NOT_ENTERED`.

    Raises:
        ValueError: there is nothing to grade, no sandbox to do it in, or another run is grading.
        SandboxError: no sandbox came up.
    """
    require_sandbox(round.plan)
    with no_other_run(round):
        round = take_in(round)
        submitted = {each.student: each.digest for each in round.submissions()}
        known = round.course.ledger.all(round.plan.lesson).results
        require_students(round, {*submitted, *known})
        waiting = _not_graded(round, submitted)
        failed = _grade_waiting(round, waiting) if waiting else 0
        for note in penalise(round.course, round.plan.lesson):
            print(printable(note))
        settled = print_summary(round, graded_before=len(submitted) - len(waiting))
    if failed:
        print(f"Not entered: {failed}. Mend what is said above, and give the command again.")
        return NOT_ENTERED
    return ALL_GRADED if settled else SOME_TO_REVIEW


def require_sandbox(plan: Plan) -> None:
    """Refuse to run learners' code unprotected unless that was asked for.

    Raises:
        ValueError: there is no sandbox; the message says how to get one.
    """
    missing = why_not() if plan.confined else ""
    if missing:
        raise ValueError(f"{missing}. To grade without a sandbox all the same: --no-sandbox")


@contextmanager
def no_other_run(round: Round) -> Iterator[None]:
    """Keep other runs from grading the same lesson.

    Raises:
        ValueError: another run is.
    """
    folder = round.course.ledger.folder / round.plan.lesson
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FileLock(folder / ".grading")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(f"another run is grading {round.plan.lesson}: wait for its end") from None
    try:
        yield
    finally:
        lock.release()


def take_in(round: Round) -> Round:
    """The round with its source taken in, and what became of each file said."""
    if round.source is None:
        return round
    taken = intake.collect(round.source, round.plan.lesson, round.submitted)
    for each in taken:
        if each.problem or each.notes or not each.student:
            said = "; ".join(part for part in (each.problem, *each.notes) if part)
            print(printable(f"{each.file}: {each.outcome}{': ' + said if said else ''}"))
    students = len({each.student for each in taken if each.student})
    print(f"Taken in from {round.source}: {students} students")
    return replace(round, source=None, taken=tuple(taken))


def require_students(round: Round, there: Collection[str]) -> None:
    """Refuse a run without students, or with students who handed in nothing.

    Raises:
        ValueError: there is nobody, or not everybody who was asked for.
    """
    if missing := sorted(round.students - set(there)):
        raise ValueError(
            f"nothing was handed in for {round.plan.lesson} by {', '.join(missing)}; look at the "
            f"folders in {round.submitted}"
        )
    if not there:
        raise ValueError(
            f"nothing was handed in for {round.plan.lesson}: no "
            f"{round.submitted}/STUDENT/{round.plan.lesson}/; "
            "give a zip or a folder of notebooks after the lesson's name to take one in"
        )


def _not_graded(round: Round, submitted: Mapping[str, str]) -> set[str]:
    """The students whose submission has no result, or one that the gradebook does not show."""
    ledger, lesson = round.course.ledger, round.plan.lesson
    waiting = {s for s, digest in submitted.items() if not ledger.finished(lesson, s, digest)}
    if waiting:
        copy_gradebook(round.course)
    enter_lesson(round.course, lesson)
    # As after a gradebook was put back from a backup.
    lost = not_as_recorded(round.course, lesson) & set(submitted)
    if lost and not waiting:
        copy_gradebook(round.course)
    return waiting | lost


def copy_gradebook(course: Course) -> None:
    """Copy the gradebook before it is changed, and say where to."""
    print(f"The gradebook is kept as it was: {back_up(course)}")


def _grade_waiting(round: Round, waiting: set[str]) -> int:
    """Grade and enter some students; returns how many could not be entered."""
    failed = 0
    chosen = replace(round, students=frozenset(waiting))
    with tqdm(total=len(waiting), unit="student", mininterval=0.5, disable=None) as bar:
        for result in round.results(chosen.submissions()):
            try:
                record(round, result)
                bar.write(line(result))
            except Exception as error:  # one student's file or row must not cost the others theirs
                failed += 1
                bar.write(printable(f"{result.student}: not entered: {error}"))
            bar.update()
    return failed


def record(round: Round, result: Result) -> None:
    """Enter a result where it belongs: the gradebook, the feedback page, and last the ledger."""
    notes = publish(round.course, result)
    feedback.write(round.course, result.student, round.plan.lesson, round.title)
    round.course.ledger.write(replace(result, flags=(*result.flags, *notes)))


def print_summary(round: Round, graded_before: int) -> bool:
    """Print the table and what to look at; returns whether nothing needs review any more."""
    lesson = round.plan.lesson
    records = round.course.ledger.all(lesson)
    results = [r for s, r in records.results.items() if not round.students or s in round.students]
    standing = scores(round.course, lesson)
    settled = {each.student for each in standing if each.status != Status.NEEDS_REVIEW}
    print(summary(results, round.plan, settled, graded_before))
    for problem in records.damaged.values():
        print(printable(problem))
    answers = {each.student: each.answers for each in results}
    for pair in similar_answers(answers, answers_given(round.plan)):
        print(printable(str(pair)))
    return not records.damaged and all(each.student in settled for each in results)
