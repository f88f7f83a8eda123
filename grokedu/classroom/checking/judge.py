"""Try an answer on an exercise's cases and give a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from grokedu.classroom.checking.call import Caller, Reply
from grokedu.classroom.checking.exercise import Case, Exercise
from grokedu.classroom.checking.guard import Crash
from grokedu.classroom.checking.recognise import recognise
from grokedu.classroom.checking.verdict import Failure, Findings, Outcome, Verdict

_OUTCOMES = {
    "crashed": Outcome.CRASHED,
    "ended": Outcome.CRASHED,
    "timed out": Outcome.TIMED_OUT,
}


def judge(exercise: Exercise, caller: Caller, seed: int, level: str = "visible") -> Verdict:
    """Try an answer on every case.

    After a call that timed out or ended its process, no further case is tried.

    Args:
        exercise: what was to be written.
        caller: makes the calls, in this process or in another one.
        seed: what the cases are drawn from.
        level: "visible" or "grading".

    Raises:
        RuntimeError: the reference did not return.
        ValueError: a case belongs to a group without points, or a group has no case.
    """
    cases = list(exercise.make_cases(seed, level))
    expected = exercise.expected(cases)
    replies: list[Reply] = []
    for case in cases:
        replies.append(caller(exercise.request(case)))
        if replies[0].status in ("not attempted", "missing"):
            return unattempted(exercise)
        if replies[0].status == "not callable":
            return not_callable(exercise, replies[0].reason)
        if replies[-1].status in ("timed out", "ended"):
            break
    faults = [
        exercise.fault(case, reply, want)
        for case, reply, want in zip(cases, replies, expected, strict=False)
    ]
    untried = len(cases) - len(replies)
    faults += ["it was not tried, because an earlier case did not return"] * untried
    groups = _groups(exercise, cases, faults)
    passed = sum(not fault for fault in faults)
    if passed == len(cases):
        return Verdict(
            Findings(
                exercise.id,
                Outcome.CORRECT,
                groups,
                passed,
                len(cases),
                version=exercise.version,
            )
        )
    first = next(index for index, fault in enumerate(faults) if fault)
    outcome = Outcome.PARTLY
    if not any(earned for earned, _ in groups.values()):
        outcome = _OUTCOMES.get(replies[first].status, Outcome.INCORRECT)
    return Verdict(
        Findings(
            exercise.id,
            outcome,
            groups,
            passed,
            len(cases),
            failure=_failure(cases[first], replies[first], faults[first]),
            also=_also(cases, faults, groups),
            misconception=recognise(exercise, cases, replies, faults),
            advice=f'a hint: check.hint("{exercise.id}")',
            version=exercise.version,
        )
    )


def unattempted(exercise: Exercise) -> Verdict:
    """The verdict on an exercise whose answer was not written yet."""
    advice = f'write the body of `{exercise.id}`; a hint: check.hint("{exercise.id}")'
    return Verdict(_without_points(exercise, Outcome.NOT_ATTEMPTED, advice))


def reference_taken(exercise: Exercise) -> Verdict:
    """The verdict on the reference itself, which earns no points."""
    note = "this is the reference: go on with it; it earns no points"
    return Verdict(_without_points(exercise, Outcome.REFERENCE_TAKEN, note))


def not_callable(exercise: Exercise, kind: str) -> Verdict:
    """The verdict on an answer that cannot be called.

    Args:
        exercise: what was to be written.
        kind: the name of the answer's type.
    """
    advice = f"pass the function itself: check.{exercise.id}({exercise.id}); this is of type {kind}"
    return Verdict(_without_points(exercise, Outcome.INCORRECT, advice))


def cell_raised(exercise: Exercise, crash: Crash) -> Verdict:
    """The verdict on an answer whose cell raised an error when it ran.

    Args:
        exercise: what was to be written.
        crash: the error.
    """
    findings = _without_points(exercise, Outcome.CRASHED, "mend the cell; it must run by itself")
    line = f"line {crash.line}: {crash.text}" if crash.text else ""
    found = f"it raised {crash.type}: {crash.message}".rstrip(": ")
    return Verdict(replace(findings, failure=Failure("running the cell", "", found, line)))


def _groups(
    exercise: Exercise, cases: Sequence[Case], faults: Sequence[str]
) -> dict[str, tuple[float, float]]:
    failed = {case.group for case, fault in zip(cases, faults, strict=True) if fault}
    tried = {case.group for case in cases}
    if tried != set(exercise.points):
        raise ValueError(
            f"{exercise.id}: the cases have the groups {sorted(tried)}, but the points have "
            f"{sorted(exercise.points)}"
        )
    return {
        group: (0.0 if group in failed else float(weight), float(weight))
        for group, weight in exercise.points.items()
    }


def _also(
    cases: Sequence[Case], faults: Sequence[str], groups: dict[str, tuple[float, float]]
) -> tuple[str, ...]:
    """The first failed case of each group that lost its points, except the first such group."""
    first: dict[str, str] = {}
    for case, fault in zip(cases, faults, strict=True):
        if fault:
            first.setdefault(case.group, f"{case.name}: {fault}")
    return tuple(first.values())[1:] if len(groups) > 1 else ()


def _failure(case: Case, reply: Reply, fault: str) -> Failure:
    line = ""
    if reply.crash and reply.crash.line:
        crash = reply.crash
        line = f"line {crash.line} of {crash.function}: {crash.text}"
    return Failure(case.name, case.inputs(), fault, line, reply.printed.strip()[:300])


def _without_points(exercise: Exercise, outcome: Outcome, advice: str) -> Findings:
    groups = {group: (0.0, float(weight)) for group, weight in exercise.points.items()}
    return Findings(exercise.id, outcome, groups, advice=advice, version=exercise.version)
