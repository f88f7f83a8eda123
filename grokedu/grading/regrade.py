"""Grading again what was graded: what would change is shown, and, if asked for, entered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tqdm import tqdm

from grokedu.grading.book.course import enter_lesson
from grokedu.grading.result import Result, Status, printable
from grokedu.grading.run import (
    Round,
    copy_gradebook,
    no_other_run,
    record,
    require_sandbox,
)


@dataclass(frozen=True)
class Change:
    """What grading again changes for one student."""

    old: Result
    new: Result

    @property
    def lines(self) -> list[str]:
        """What is different, an exercise a line; empty when nothing is."""
        if self.old.status != self.new.status:
            why = "; ".join(self.new.reasons)
            return [f"{self.old.status} -> {self.new.status}" + (f" ({why})" if why else "")]
        return [
            f"{id}: {_points(self.old, id)} -> {_points(self.new, id)}"
            for id in {**self.old.exercises, **self.new.exercises}
            if _points(self.old, id) != _points(self.new, id)
        ]


def regrade(round: Round, exercises: frozenset[str], apply: bool) -> int:
    """Grade again, show what changes, and enter it if ``apply``; returns an exit status.

    Args:
        exercises: change the scores of these only; of all when empty.

    Raises:
        ValueError: nothing was graded before, there is no such exercise, or a source was
            given.
    """
    if round.source is not None:
        raise ValueError("--regrade grades what is there; take the source in first, without it")
    require_sandbox(round.plan)
    known = round.plan.find(round.plan.lesson).exercises
    if unknown := exercises - set(known):
        raise ValueError(f"no exercise {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    before = round.course.ledger.all(round.plan.lesson).results
    if missing := round.students - set(before):
        raise ValueError(
            f"nothing of {round.plan.lesson} by {', '.join(sorted(missing))} was graded before"
        )
    chosen = {s: each for s, each in before.items() if not round.students or s in round.students}
    if not chosen:
        raise ValueError(f"nothing of {round.plan.lesson} was graded before; grade it first")
    with no_other_run(round):
        return _regrade(round, chosen, exercises, apply)


def _regrade(
    round: Round, before: Mapping[str, Result], exercises: frozenset[str], apply: bool
) -> int:
    changed = done = 0
    if apply:
        copy_gradebook(round.course)
        enter_lesson(round.course, round.plan.lesson)
    again = replace(round, students=frozenset(before))
    with tqdm(total=len(before), unit="student", mininterval=0.5, disable=None) as bar:
        for result in round.results(again.submissions()):
            old = before[result.student]
            if kept := _why_kept(old, result, exercises):
                bar.write(printable(f"{old.student}: {kept}"))
                continue
            change = Change(old, _merged(round, old, result, exercises))
            if apply:
                record(round, change.new)
            if change.lines:
                bar.write(printable(f"{old.student}: {'; '.join(change.lines)}"))
            changed += bool(change.lines)
            done += 1
            bar.update()
    print(f"{changed} of {done} students change.")
    print(
        f"Entered: {done}"
        if apply
        else "Nothing was changed. To enter these scores: --regrade --apply"
    )
    return 0


def _why_kept(old: Result, new: Result, exercises: frozenset[str]) -> str:
    """Why a student's result stays as it was; empty when the new one counts."""
    if not new.submission:  # the machine failed, not the student
        return f"stays as it was: {'; '.join(new.reasons)}"
    if exercises and old.submission != new.submission:
        return "handed in again since; grade that first"
    return ""


def _merged(round: Round, old: Result, new: Result, exercises: frozenset[str]) -> Result:
    """The new result, except for exercises that are to stay as they were."""
    if not exercises or Status.GRADED not in (old.status, new.status) or old.status != new.status:
        return new
    folder = round.course.folder("autograded", old.student, old.lesson)
    path = folder / f"{old.lesson}.ipynb"
    kept = {cell["id"]: cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]}
    notebook = json.loads(new.notebook)
    merged = dict(new.exercises)
    for id in set(old.exercises) - exercises:
        merged[id] = old.exercises[id]
        for cell in notebook["cells"]:
            if cell["id"] == f"{id}-check" and cell["id"] in kept:
                cell["outputs"] = kept[cell["id"]]["outputs"]
    return replace(new, exercises=merged, notebook=json.dumps(notebook))


def _points(result: Result, id: str) -> str:
    each = result.exercises.get(id)
    return f"{each['points']:g} of {each['of']:g}" if each else "none"
