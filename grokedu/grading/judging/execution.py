"""Running one submission to its end, even where its cells and calls end their process."""

from __future__ import annotations

import time
from collections.abc import Callable

from grokedu.classroom.checking.call import Reply, Request
from grokedu.classroom.checking.exercise import Exercise
from grokedu.classroom.checking.guard import Crash
from grokedu.classroom.checking.judge import cell_raised, judge, reference_taken
from grokedu.classroom.checking.verdict import Outcome, Verdict
from grokedu.grading.sandbox.sandbox import Sandbox
from grokedu.grading.sandbox.session import Message, Ran, Session
from grokedu.grading.sandbox.worker import PATIENCE


class OutOfTimeError(Exception):
    """A submission took more time than it may; the rest of it was not run."""


class Run:
    """One submission's cells and checks, in the order of the notebook.

    A cell that ends or hangs its process is left out from then on: a new session runs the cells
    before it again, and goes on after it. So one bad answer costs no other answer its points.

    Raises:
        SandboxError: the sandbox did not come up.
    """

    def __init__(
        self, sandbox: Sandbox, cell_seconds: float, check_seconds: float, seconds: float
    ) -> None:
        self._sandbox = sandbox
        sandbox.wait()  # before anybody's time is counted
        self._cell_seconds, self._check_seconds = cell_seconds, check_seconds
        self._seconds, self._deadline = seconds, time.monotonic() + seconds
        self._session: Session | None = None
        self._sound: list[str] = []
        self.flags: tuple[str, ...] = ()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *error: object) -> None:
        if self._session is not None:
            self._session.close()

    def cell(self, source: str) -> Ran:
        """Run a cell.

        Raises:
            OutOfTimeError: no time is left for it.
        """
        ran = self._live().run(source, self._cell_seconds, self._left())
        if self._live_still():
            self._sound.append(source)
        return ran

    def judge(self, exercise: Exercise, seed: int, crash: Crash | None) -> Verdict:
        """Judge an answer; ``crash`` is what the cell it should have come from raised, if it did.

        Raises:
            OutOfTimeError: no time is left for it.
        """
        session = self._live()
        if session.took_reference(exercise.id):
            return reference_taken(exercise)
        calls = _Calls(session, self._check_seconds, self._left)
        verdict = judge(exercise, calls, seed, "grading")
        self._left()
        if verdict.outcome is Outcome.NOT_ATTEMPTED and crash is not None:
            return cell_raised(exercise, crash)
        if verdict > 0 and calls.reach(exercise.id):
            flag = f"{exercise.id}: calls the course's own function; look whether it is an answer"
            self.flags = (*self.flags, flag)
        return verdict

    def _live(self) -> Session:
        """The session, or a new one that has run every sound cell so far."""
        while self._session is None or not self._session.alive:
            self._session = Session(self._sandbox)
            for place, source in enumerate(self._sound):
                self._session.run(source, self._cell_seconds, self._left())
                if not self._session.alive:
                    del self._sound[place]
                    break
        return self._session

    def _live_still(self) -> bool:
        return self._session is not None and self._session.alive

    def _left(self) -> float:
        """The seconds that are left."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise OutOfTimeError(
                f"grading it took more than {self._seconds:g} s: it was stopped, and is looked at "
                "by a person"
            )
        return left


class _Calls:
    """Makes the calls of one check, within its budget: processor time first, as for each call."""

    def __init__(self, session: Session, seconds: float, left: Callable[[], float]) -> None:
        self._session, self._seconds, self._student_left = session, seconds, left
        self._first: Message | None = None
        self._started, self._used = time.monotonic(), 0.0

    def __call__(self, request: Request) -> Reply:
        message = Message.of(request)
        if self._first is None:  # what the judge itself did before is not the learner's to pay for
            self._first, self._started = message, time.monotonic()
            self._used = self._session.used()
        left = self._left()
        return self._session.call(message, left) if left > 0 else Reply("timed out")

    def reach(self, id: str) -> bool:
        """Whether the first call reaches the reference of an exercise, if it can still be tried."""
        left = self._left()
        return (
            left > 0
            and self._first is not None
            and self._session.calls_reference(self._first, id, left)
        )

    def _left(self) -> float:
        passed = time.monotonic() - self._started
        if passed >= self._seconds and self._session.used() - self._used >= self._seconds:
            return 0.0
        return min(PATIENCE * self._seconds - passed, self._student_left())
