"""Grading again what was graded: what would change is shown, and, if asked for, entered."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from tqdm import tqdm

from grokedu.classroom.grading.backup import back_up
from grokedu.classroom.grading.grade import Round, record, require_sandbox
from grokedu.classroom.grading.report import printable
from grokedu.classroom.grading.result import GRADED, Result


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
        ValueError: nothing of it was graded before, or there is no such exercise.
    """
    require_sandbox(round.plan)
    known = round.plan.find(round.plan.lesson).exercises
    if unknown := exercises - set(known):
        raise ValueError(f"no exercise {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    before = round.course.ledger.all(round.plan.lesson).results
    if round.students:
        before = {s: result for s, result in before.items() if s in round.students}
    if not before:
        raise ValueError(f"nothing of {round.plan.lesson} was graded before; grade it first")
    again = replace(round, source=None, students=frozenset(before))
    changes = []
    with tqdm(total=len(before), unit="student", mininterval=0.5) as bar:
        for result in round.results(again.submissions()):
            old = before[result.student]
            change = Change(old, _merged(round, old, result, exercises))
            changes.append(_light(change, apply))
            if change.lines:
                bar.write(f"{printable(old.student)}: {'; '.join(change.lines)}")
            bar.update()
    differing = [change for change in changes if change.lines]
    print(f"{len(differing)} of {len(changes)} students change.")
    if not apply:
        print("Nothing was changed. To enter these scores: --regrade --apply")
        return 0
    print(f"The gradebook is kept as it was: {back_up(round.course)}")
    for change in changes:
        record(round, change.new)
    print(f"Entered: {len(changes)}")
    return 0


def _light(change: Change, keep: bool) -> Change:
    """The change without its notebook unless that will be written: hundreds would fill memory."""
    return change if keep else Change(change.old, replace(change.new, notebook=""))


def _merged(round: Round, old: Result, new: Result, exercises: frozenset[str]) -> Result:
    """The new result, but for exercises that are to stay as they were."""
    if not exercises or GRADED not in (old.status, new.status) or old.status != new.status:
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
