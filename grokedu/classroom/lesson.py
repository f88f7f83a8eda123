"""A lesson: its exercises, reflections and claims, and the functions a learner calls in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from grokedu.classroom.checking.call import local
from grokedu.classroom.checking.exercise import Exercise
from grokedu.classroom.checking.judge import judge, not_callable, reference_taken
from grokedu.classroom.checking.source import stub
from grokedu.classroom.checking.verdict import Outcome, Verdict
from grokedu.classroom.learning import progress

VISIBLE_SEED = 0


@dataclass(frozen=True)
class Reflection:
    """A question that is answered in words and marked by hand.

    Attributes:
        id: its name, unique within the lesson.
        rubric: the points of each line and what earns them.

    >>> Reflection("why", ((2, "a reason"), (1, "an example"))).points
    3
    """

    id: str
    rubric: tuple[tuple[int, str], ...]

    @property
    def points(self) -> int:
        """The sum of the points of the rubric's lines."""
        return sum(points for points, _ in self.rubric)


@dataclass(frozen=True)
class Claim:
    """A claim whose outcome the learner predicts before the experiment and settles after it.

    Attributes:
        id: its name, unique within the lesson.
        text: the claim, as a sentence with a full stop.
        choices: the outcomes that can be predicted.
    """

    id: str
    text: str
    choices: tuple[str, ...]


def grading_seed() -> int | None:
    """The instructor's seed, from ``GROKEDU_GRADING_SEED``; None when the variable is not set.

    Raises:
        ValueError: the variable does not hold a whole number.
    """
    given = os.environ.get("GROKEDU_GRADING_SEED", "")
    try:
        return int(given) if given else None
    except ValueError:
        raise ValueError(
            f"GROKEDU_GRADING_SEED is {given!r}; wanted a whole number such as 20"
        ) from None


def running_for_scores() -> bool:
    """Whether the notebook is being graded. Then only the cells that scores depend on run."""
    return "NBGRADER_EXECUTION" in os.environ or grading_seed() is not None


@dataclass
class Lesson:
    """One lesson. Its notebook is called ``name``, and its module ``l`` followed by ``name``.

    Attributes:
        name: two digits and the topic, as in ``01_grokking``.
        title: the name people see.
        exercises, reflections, claims: what the lesson declares, by id.
        session: the latest verdict on each exercise since the kernel started.

    >>> Lesson("01_grokking", "Grokking").number
    '01'
    """

    name: str
    title: str
    exercises: dict[str, Exercise] = field(default_factory=dict)
    reflections: dict[str, Reflection] = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)
    session: dict[str, Verdict] = field(default_factory=dict)

    @property
    def number(self) -> str:
        """The two digits that the lesson's name starts with."""
        return self.name.partition("_")[0]

    @property
    def max_points(self) -> float:
        """The points of all exercises; reflections are not counted."""
        return sum(exercise.max_points for exercise in self.exercises.values())

    def exercise(self, **attributes: Any) -> Callable[[Callable[..., Any]], LearnerCheck]:
        """Declare an exercise: decorate its reference, or pass a function of the library.

        Args:
            attributes: those of `grokedu.classroom.checking.exercise.Exercise`.

        Returns:
            A decorator that turns the reference into the exercise's check.

        Raises:
            ValueError: the lesson has an exercise of that name, or an attribute is invalid.
        """

        def declare(reference: Callable[..., Any]) -> LearnerCheck:
            made = LearnerCheck(reference, **attributes)
            if made.id in self.exercises:
                raise ValueError(f"lesson {self.name} has two exercises named {made.id!r}")
            made.lesson = self
            self.exercises[made.id] = made
            return made

        return declare

    def reflection(self, id: str, *rubric: tuple[int, str]) -> None:
        """Declare a question that is marked by hand.

        Args:
            id: its name, unique within the lesson.
            rubric: for each line the points and what earns them.

        Raises:
            ValueError: the lesson has a reflection of that name.
        """
        if id in self.reflections:
            raise ValueError(f"lesson {self.name} has two reflections named {id!r}")
        self.reflections[id] = Reflection(id, rubric)

    def claim(self, id: str, text: str, *choices: str) -> None:
        """Declare a claim that learners predict and settle.

        Args:
            id: its name, unique within the lesson.
            text: the claim, as a sentence with a full stop.
            choices: the outcomes that can be predicted.

        Raises:
            ValueError: the lesson has a claim of that name.
        """
        if id in self.claims:
            raise ValueError(f"lesson {self.name} has two claims named {id!r}")
        self.claims[id] = Claim(id, text, choices)

    def remember(self, exercise: Exercise, verdict: Verdict) -> None:
        """Keep a verdict for this session and, unless grading, the best one with the progress."""
        self.session[exercise.id] = verdict
        if running_for_scores():
            return
        kept = progress.read(self.name, exercise.id)
        if float(verdict) >= kept.get("points", 0.0):
            kept |= {
                "points": float(verdict),
                "of": exercise.max_points,
                "outcome": verdict.outcome,
                "version": exercise.version,
            }
            progress.write(self.name, exercise.id, kept)

    def ready(self, *ids: str) -> bool:
        """Whether each of these exercises is solved, or its reference taken, in this session.

        Experiments run only if this is true. If it is false, a line is printed that says why.

        Raises:
            ValueError: the lesson has no exercise of that name.
        """
        for id in ids:
            self._known(id)
        if running_for_scores():
            print("This experiment is not run for scores.")
            return False
        missing = [id for id in ids if not self._usable(id)]
        if missing:
            names = ", ".join(f"`{id}`" for id in missing)
            print(
                f"This experiment needs {names}. Solve it above, or go on with "
                f'{missing[0]} = check.reference("{missing[0]}").'
            )
        return not missing

    def hint(self, id: str) -> None:
        """Print the next hint of an exercise. Each says more than the last; hints cost no points.

        Raises:
            ValueError: the lesson has no exercise of that name.
        """
        exercise = self._known(id)
        kept = progress.read(self.name, id)
        shown = min(kept.get("hints", 0) + 1, len(exercise.hints))
        progress.write(self.name, id, kept | {"hints": shown})
        print(f"Hint {shown} of {len(exercise.hints)}: {exercise.hints[shown - 1]}")
        if shown == len(exercise.hints):
            print(f'That was the last. To go on without solving it: check.reference("{id}")')

    def reference(self, id: str) -> Callable[..., Any]:
        """Return the model answer of an exercise, to go on without solving it; it earns no points.

        Raises:
            ValueError: the lesson has no exercise of that name.
        """
        exercise = self._known(id)
        self.remember(exercise, reference_taken(exercise))
        return exercise.reference

    def reset(self, id: str) -> None:
        """Forget the points and hints of one exercise, and print its empty cell to paste.

        Raises:
            ValueError: the lesson has no exercise of that name.
        """
        exercise = self._known(id)
        progress.forget(self.name, id)
        self.session.pop(id, None)
        print(f"{id} starts afresh. Its empty cell:\n\n{stub(exercise.reference)}")

    def predict(self, id: str, choice: Any = ...) -> None:
        """Record which outcome you expect, before you run the experiment.

        Args:
            id: the claim.
            choice: one of its choices. Without it, the prediction so far is printed.

        Raises:
            ValueError: the lesson has no claim of that name.
        """
        claim = self._claim(id)
        if choice is ...:
            kept = progress.read(self.name, f"claim-{id}").get("prediction")
            note = f"Your prediction so far: {kept}." if kept else "No prediction yet."
            print(f"{note} Replace ... by one of: {', '.join(map(repr, claim.choices))}.")
            return
        if choice not in claim.choices:
            print(f"{choice!r} is not a choice; one of: {', '.join(map(repr, claim.choices))}.")
            return
        kept = progress.read(self.name, f"claim-{id}")
        progress.write(self.name, f"claim-{id}", kept | {"prediction": choice})
        print(f"Noted: {claim.text} You expect: {choice}.")

    def settle(self, id: str, measured: str, verdict: str) -> None:
        """Print and keep a claim's prediction, its measured result and its verdict.

        Args:
            id: the claim.
            measured: the result with its interval.
            verdict: "holds", "holds in a window", "undecided" or "fails".

        Raises:
            ValueError: the lesson has no claim of that name, or the verdict is another word.
        """
        claim = self._claim(id)
        if verdict not in ("holds", "holds in a window", "undecided", "fails"):
            raise ValueError(
                f"a verdict of {verdict!r}; wanted holds, holds in a window, undecided or fails"
            )
        kept = progress.read(self.name, f"claim-{id}")
        expected = kept.get("prediction")
        guess = f"Your prediction: {expected}." if expected else "You made no prediction."
        progress.write(self.name, f"claim-{id}", kept | {"measured": measured, "verdict": verdict})
        follows = "is undecided" if verdict == "undecided" else verdict
        print(f"Claim: {claim.text}\n{guess}\nMeasured: {measured}.\nThe claim {follows}.")

    def _usable(self, id: str) -> bool:
        verdict = self.session.get(id)
        return verdict is not None and verdict.outcome in (
            Outcome.CORRECT,
            Outcome.REFERENCE_TAKEN,
        )

    def _known(self, id: str) -> Exercise:
        if id not in self.exercises:
            raise ValueError(f"no exercise {id!r} here; there are: {', '.join(self.exercises)}")
        return self.exercises[id]

    def _claim(self, id: str) -> Claim:
        if id not in self.claims:
            raise ValueError(f"no claim {id!r} here; there are: {', '.join(self.claims)}")
        return self.claims[id]


class LearnerCheck(Exercise):
    """An exercise that can be called with a learner's answer."""

    lesson: Lesson

    def __call__(self, answer: Any = None, /) -> Verdict:
        """Check an answer.

        Args:
            answer: the learner's function or class.

        Returns:
            The points earned, which a notebook shows as a card. Nothing that the answer raises
            gets out.

        Raises:
            RuntimeError: the reference itself does not return, so that nothing can be checked.
        """
        if answer is self.reference:
            verdict = reference_taken(self)
        elif not callable(answer):
            verdict = not_callable(self, type(answer).__name__)
        else:
            seed = grading_seed()
            level = "visible" if seed is None else "grading"
            caller = local({self.id: answer})
            chosen = VISIBLE_SEED if seed is None else seed % 2**31  # what a generator can take
            verdict = judge(self, caller, chosen, level)
        self.lesson.remember(self, verdict)
        return verdict
