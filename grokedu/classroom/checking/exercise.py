"""An exercise: a reference, cases to try, known misconceptions, hints and points.

A lesson's module makes one from a reference, usually a function of the library, and then adds cases
and misconceptions to it:

    accuracy = lesson.exercise(
        points={"values": 1, "ties": 1},
        hints=("...", "...", "..."),
        why="Accuracy is what everybody plots first.",
    )(measures.accuracy)

    @accuracy.cases
    def _(seed, level):
        yield Case("two of three right", "values", (logits, labels))

    @accuracy.misconception("You compared the largest logit itself with the label.")
    def takes_the_value(logits, labels):
        return (logits.max(-1).values == labels).float().mean(-1)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from grokedu.classroom.checking.call import Reply, Request, local
from grokedu.classroom.checking.compare import describe, difference

LEVELS = ("visible", "grading")


@dataclass(frozen=True)
class Case:
    """One call to try.

    Attributes:
        name: what is tried, in words that learners understand.
        group: the group of cases it belongs to; points are given by group.
        args, kwargs: the arguments of the call.
        probe: the name of the probe that drives the answer; None for a plain call.
        shown: the inputs as the verdict shows them; made from the arguments if left out.
        result: what a verdict calls the result.

    >>> Case("three", "values", (3,), {"base": 2}).inputs()
    '3, base=2'
    """

    name: str
    group: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    probe: str | None = None
    shown: str = ""
    result: str = "the result"

    def inputs(self) -> str:
        """The arguments in a few words."""
        if self.shown:
            return self.shown
        parts = [describe(value) for value in self.args]
        return ", ".join(parts + [f"{key}={describe(v)}" for key, v in self.kwargs.items()])


def refused(name: str, group: str, *args: Any) -> Case:
    """A case in which the answer must raise the error that the reference raises.

    Args:
        name, group: as in `Case`.
        args: the arguments of the call.

    >>> refused("a word", "errors", "three").probe
    'refusal'
    """
    return Case(name, group, args, probe="refusal", result="the error it raised")


@dataclass(frozen=True)
class Misconception:
    """A plausible wrong answer, and the message for a learner who gives it."""

    name: str
    message: str
    answer: Callable[..., Any]


Cases = Callable[[int, str], Iterable[Case]]
Judge = Callable[[Case, Any], str]


@dataclass(eq=False, repr=False)
class Exercise:
    """One exercise of a lesson.

    Attributes:
        reference: the model answer. Its name is the exercise's id and the name of the learner's
            function, and never changes; its docstring states the task.
        points: the points of each group of cases, earned if all of its cases pass.
        hints: three, each saying more than the last.
        why: one clause on what the function is for, shown above the answer cell.
        minutes: how long a learner takes, about.
        difficulty: 1 for a warm-up, 2 for a core exercise, 3 for a stretch.
        operations: rounded operations behind one number of the result, for the tolerance.
        judge: says what is wrong with the result of a case, or returns "". For answers that must
            have a property, and need not equal the reference's.
        mutates: whether the answer is meant to change its arguments.
        false_refusal: the probability that a right answer is refused, at most 1e-6; above 0 only
            for answers that draw at random.
        version: increased when the check changes; recorded with each score.
        seconds: the time limit of one call.
        misconceptions: known wrong answers.

    Raises:
        ValueError: there are not three hints, or ``false_refusal`` is above 1e-6.
    """

    reference: Callable[..., Any]
    points: Mapping[str, float]
    hints: tuple[str, str, str]
    why: str = ""
    minutes: int = 10
    difficulty: int = 1
    operations: int = 1000
    judge: Judge | None = None
    mutates: bool = False
    false_refusal: float = 0.0
    version: int = 1
    seconds: float = 5.0
    misconceptions: list[Misconception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.id: str = self.reference.__name__
        if len(self.hints) != 3 or not all(self.hints):
            raise ValueError(f"exercise {self.id!r} has {len(self.hints)} hints; it needs three")
        if not 0.0 <= self.false_refusal <= 1e-6:
            raise ValueError(
                f"exercise {self.id!r} has false_refusal={self.false_refusal}; "
                "wanted a probability of at most 1e-6"
            )

    def __repr__(self) -> str:
        return f"<exercise {self.id}, {self.max_points:g} points>"

    @property
    def max_points(self) -> float:
        """The sum of the points of all groups."""
        return sum(self.points.values())

    def cases(self, make: Cases) -> Cases:
        """Decorate the function that makes the cases.

        Args:
            make: takes a seed and a level, "visible" or "grading". Grading changes the inputs and
                their sizes, never what is required.
        """
        self.make_cases = make
        return make

    def misconception(self, message: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorate a plausible wrong answer.

        Args:
            message: what to tell a learner who gives this answer.
        """

        def add(answer: Callable[..., Any]) -> Callable[..., Any]:
            self.misconceptions.append(Misconception(answer.__name__, message, answer))
            return answer

        return add

    def request(self, case: Case) -> Request:
        """The call to make for a case."""
        return Request(self.id, case.args, case.kwargs, case.probe, self.seconds)

    def expected(self, cases: Iterable[Case]) -> list[Reply]:
        """The reference's reply to each case.

        The reference runs before the answer. What torch loads only when it is first used is then
        loaded, and does not count against the learner's time limit.

        Raises:
            RuntimeError: the reference did not return, for example on an overloaded machine, so
                that no answer can be judged.
        """
        call, cases = local({self.id: self.reference}), list(cases)
        replies = [call(replace(self.request(case), seconds=60.0)) for case in cases]
        for case, reply in zip(cases, replies, strict=True):
            if reply.status != "returned":
                raise RuntimeError(f"the reference of {self.id!r} {reply.status} on {case.name!r}")
        return replies

    def fault(self, case: Case, reply: Reply, expected: Reply) -> str:
        """What is wrong with a reply: its status, then changed arguments, then its value.

        Args:
            case: the case that was tried.
            reply: the answer's reply.
            expected: the reference's reply.

        Returns:
            A sentence; empty if the reply is right.
        """
        if reply.status == "crashed" and reply.crash:
            return f"it raised {reply.crash.type}: {reply.crash.message}".rstrip(": ")
        if reply.status == "ended":
            return "it ended the process it ran in, as `os._exit` or a fault in compiled code does"
        if reply.status == "timed out":
            return f"it was still running after {self.seconds:g} s, and was stopped"
        if reply.status == "not data":
            return f"what it returned could not be read: {reply.reason}"
        if reply.status != "returned":
            return f"it was {reply.status}"
        if not self.mutates and (found := self._changed_argument(case, reply)):
            return found
        if self.judge is not None:
            found = self.judged(case, reply.result)
        else:
            found = difference(reply.result, expected.result, self.operations, case.result)
        return found or (self._wrong_arguments(reply, expected) if self.mutates else "")

    def judged(self, case: Case, result: Any) -> str:
        """What `judge` says about a result, which may be any plain data.

        Returns:
            A sentence; empty if the result is right. A result that makes `judge` raise is wrong.
        """
        assert self.judge is not None
        try:
            return self.judge(case, result)
        except Exception:
            return f"it returned {describe(result)}, which is not of the kind that is wanted"

    @staticmethod
    def _changed_argument(case: Case, reply: Reply) -> str:
        after = _arguments(reply)
        for name, before in _arguments(case).items():
            if difference(after.get(name), before, 0):
                return f"it changed its argument {name} in place: work on a copy"
        return ""

    def _wrong_arguments(self, reply: Reply, expected: Reply) -> str:
        """What is wrong with the arguments after a call that is meant to change them."""
        after = _arguments(reply)
        for name, want in _arguments(expected).items():
            if found := difference(after.get(name), want, self.operations, f"argument {name}"):
                return f"after the call, {found}"
        return ""


def _arguments(call: Case | Reply) -> dict[str, Any]:
    """The arguments of a call by the names that a learner is told."""
    numbered = {f"number {number}": value for number, value in enumerate(call.args, 1)}
    return numbered | {f"`{name}`": value for name, value in call.kwargs.items()}
