"""What an exercise is: a reference, the cases that try it, known misconceptions, hints and points.

A lesson's module makes one from a reference, most often a function of the library, and then hangs
cases and misconceptions on it:

    accuracy = lesson.exercise(
        points={"one batch": 1, "many runs": 1},
        hints=("...", "...", "..."),
        why="Accuracy is what everybody plots first.",
    )(measures.accuracy)

    @accuracy.cases
    def _(seed, level):
        yield Case("two of three right", "one batch", (logits, labels))

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
    """One call to try: a name learners can read, the group whose points it decides, the arguments.

    Attributes:
        probe: the name of the probe that drives the answer; None for a plain call.
        shown: the inputs as the verdict shows them; made from the arguments when left out.
        result: what a verdict calls the result.
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
    """A call that must raise what the reference raises."""
    return Case(name, group, args, probe="refusal", result="the error it raised")


@dataclass(frozen=True)
class Misconception:
    """A plausible wrong answer and what to say to someone who gives it."""

    name: str
    message: str
    answer: Callable[..., Any]


Cases = Callable[[int, str], Iterable[Case]]
Judge = Callable[[Case, Any], str]


@dataclass(eq=False, repr=False)
class Exercise:
    """One exercise of a lesson.

    Attributes:
        reference: a right answer. Its name is the exercise's id and the name of the learner's
            function, for good; its docstring is the exercise's statement.
        points: the weight of each group of cases; a group earns it when all its cases pass.
        hints: three, each saying more than the last.
        operations: rounded operations behind one number of the result, for the tolerance.
        judge: says what is wrong with a result, or ""; for answers that are right by a property
            and not by equality with the reference.
        mutates: whether the answer is meant to change its arguments.
        false_refusal: how likely a right answer is refused (at most 1e-6), for random answers.
        version: raised when the check changes; recorded with each score.
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
            raise ValueError(f"exercise {self.id!r} may refuse right answers too often")

    def __repr__(self) -> str:
        return f"<exercise {self.id}, {self.max_points:g} points>"

    @property
    def max_points(self) -> float:
        """The points of all groups together."""
        return sum(self.points.values())

    def cases(self, make: Cases) -> Cases:
        """Decorate the function that makes the cases from a seed and a level.

        The level is "visible" or "grading"; grading changes seeds and sizes, never requirements.
        """
        self.make_cases = make
        return make

    def misconception(self, message: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorate a plausible wrong answer with what to say to someone who gives it."""

        def keep(answer: Callable[..., Any]) -> Callable[..., Any]:
            self.misconceptions.append(Misconception(answer.__name__, message, answer))
            return answer

        return keep

    def request(self, case: Case) -> Request:
        """The call that a case makes."""
        return Request(self.id, case.args, case.kwargs, case.probe, self.seconds)

    def expected(self, cases: Iterable[Case]) -> list[Reply]:
        """What the reference replies to each case.

        Running it first also loads whatever torch loads late, so that a learner's time limit
        counts the learner's own time.

        Raises:
            RuntimeError: if the reference does not return, as on a machine with no time left; an
                answer cannot be judged by that.
        """
        call, cases = local({self.id: self.reference}), list(cases)
        replies = [call(replace(self.request(case), seconds=60.0)) for case in cases]
        for case, reply in zip(cases, replies, strict=True):
            if reply.status != "returned":
                raise RuntimeError(f"the reference of {self.id!r} {reply.status} on {case.name!r}")
        return replies

    def fault(self, case: Case, reply: Reply, expected: Reply) -> str:
        """What is wrong with a reply to a case; empty when nothing is.

        The status comes first, then whether inputs were changed, then the value.
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
        if not self.mutates and (found := self._changed(case, reply)):
            return found
        if self.judge is not None:
            found = self.judged(case, reply.result)
        else:
            found = difference(reply.result, expected.result, self.operations, case.result)
        return found or (self._left(reply, expected) if self.mutates else "")

    def judged(self, case: Case, result: Any) -> str:
        """What `judge` says of a result, which may be anything that crosses the wire."""
        assert self.judge is not None
        try:
            return self.judge(case, result)
        except Exception:
            return f"it returned {describe(result)}, which is not of the kind that is wanted"

    @staticmethod
    def _changed(case: Case, reply: Reply) -> str:
        after = _arguments(reply)
        for name, before in _arguments(case).items():
            if difference(after.get(name), before, 0):
                return f"it changed its argument {name} in place: work on a copy"
        return ""

    def _left(self, reply: Reply, expected: Reply) -> str:
        """What is wrong with the arguments as the call left them."""
        after = _arguments(reply)
        for name, want in _arguments(expected).items():
            if found := difference(after.get(name), want, self.operations, f"argument {name}"):
                return f"after the call, {found}"
        return ""


def _arguments(call: Case | Reply) -> dict[str, Any]:
    """Arguments by what a learner calls them."""
    numbered = {f"number {number}": value for number, value in enumerate(call.args, 1)}
    return numbered | {f"`{name}`": value for name, value in call.kwargs.items()}
