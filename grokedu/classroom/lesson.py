"""A lesson's exercises, reflections and predictions, and what a learner calls in its notebook."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from grokedu.classroom.checking.call import local
from grokedu.classroom.checking.exercise import Exercise
from grokedu.classroom.checking.judge import judge, not_callable, reference_taken
from grokedu.classroom.checking.verdict import Outcome, Verdict
from grokedu.classroom.learning import progress

VISIBLE_SEED = 0


@dataclass(frozen=True)
class Reflection:
    """A question answered in words, marked by hand along its rubric (points, what earns them)."""

    id: str
    rubric: tuple[tuple[int, str], ...]

    @property
    def points(self) -> int:
        """The points of all lines of the rubric together."""
        return sum(points for points, _ in self.rubric)


@dataclass(frozen=True)
class Claim:
    """A claim the learner predicts before the experiment and settles after it."""

    id: str
    text: str
    choices: tuple[str, ...]


def grading_seed() -> int | None:
    """The instructor's seed while grading (``GROKEDU_GRADING_SEED``); None while learning."""
    given = os.environ.get("GROKEDU_GRADING_SEED", "")
    return int(given) if given else None


def running_for_scores() -> bool:
    """Whether nbgrader is executing the notebook: only what scores need is run then."""
    return "NBGRADER_EXECUTION" in os.environ or grading_seed() is not None


@dataclass
class Lesson:
    """One lesson. Its module's name is ``l`` + number + topic; its notebook's, number + topic.

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
        """The two digits its name starts with."""
        return self.name.partition("_")[0]

    @property
    def max_points(self) -> float:
        """Points of all exercises, reflections not counted."""
        return sum(exercise.max_points for exercise in self.exercises.values())

    def exercise(self, **attributes: Any) -> Callable[[Callable[..., Any]], LearnerCheck]:
        """Make an exercise of a reference: decorate a function, or call with one of the library.

        The attributes are those of `grokedu.classroom.checking.exercise.Exercise`.
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
        """Declare a question marked by hand."""
        if id in self.reflections:
            raise ValueError(f"lesson {self.name} has two reflections named {id!r}")
        self.reflections[id] = Reflection(id, rubric)

    def claim(self, id: str, text: str, *choices: str) -> None:
        """Declare a claim to predict and settle."""
        if id in self.claims:
            raise ValueError(f"lesson {self.name} has two claims named {id!r}")
        self.claims[id] = Claim(id, text, choices)

    def remember(self, exercise: Exercise, verdict: Verdict) -> None:
        """Keep a verdict for this session and, while learning, in the progress folder."""
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

        An experiment stands under it. When one is missing, or while the notebook is graded, one
        line says so.
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
        """Print the next hint of an exercise; they rise in strength, and cost nothing."""
        exercise = self._known(id)
        kept = progress.read(self.name, id)
        shown = min(kept.get("hints", 0) + 1, len(exercise.hints))
        progress.write(self.name, id, kept | {"hints": shown})
        print(f"Hint {shown} of {len(exercise.hints)}: {exercise.hints[shown - 1]}")
        if shown == len(exercise.hints):
            print(f'That was the last. To go on without solving it: check.reference("{id}")')

    def reference(self, id: str) -> Callable[..., Any]:
        """The reference for an exercise, so that one can go on; it earns no points."""
        exercise = self._known(id)
        self.remember(exercise, reference_taken(exercise))
        return exercise.reference

    def reset(self, id: str) -> None:
        """Forget the points and hints of one exercise, and print its empty cell to paste."""
        from grokedu.classroom.checking.source import stub

        exercise = self._known(id)
        progress.forget(self.name, id)
        self.session.pop(id, None)
        print(f"{id} starts afresh. Its empty cell:\n\n{stub(exercise.reference)}")

    def predict(self, id: str, choice: Any = ...) -> None:
        """Record what you expect of a claim, before you run its experiment."""
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
        """Print and keep the verdict line of a claim: prediction, what was measured, what follows.

        Args:
            measured: the result with its interval.
            verdict: "holds", "holds in a window" or "fails".
        """
        claim = self._claim(id)
        if verdict not in ("holds", "holds in a window", "fails"):
            raise ValueError(f"a verdict of {verdict!r}; wanted holds, holds in a window or fails")
        kept = progress.read(self.name, f"claim-{id}")
        expected = kept.get("prediction")
        guess = f"Your prediction: {expected}." if expected else "You made no prediction."
        progress.write(self.name, f"claim-{id}", kept | {"measured": measured, "verdict": verdict})
        print(f"Claim: {claim.text}\n{guess}\nMeasured: {measured}.\nThe claim {verdict}.")

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
        """Check an answer: a function or a class; returns the points as a card.

        Whatever the answer does, nothing is raised.

        Raises:
            RuntimeError: if not even the reference returns, so that nothing can be checked.
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
