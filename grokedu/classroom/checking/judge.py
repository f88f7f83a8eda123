"""From an exercise and something that can be called to a verdict."""

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
    """Try an answer on every case and say what was found.

    ``caller`` makes the calls: in this process, or at the other end of a pipe. Only the plain data
    it brings back is judged. After a call that did not come back no further case is tried.
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
    faults += ["it was not tried, because an earlier case did not come back"] * untried
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
    """The verdict on a stub."""
    advice = f'write the body of `{exercise.id}`; a hint: check.hint("{exercise.id}")'
    return Verdict(_without_points(exercise, Outcome.NOT_ATTEMPTED, advice))


def reference_taken(exercise: Exercise) -> Verdict:
    """The verdict on the reference itself."""
    note = "this is the reference: go on with it; it earns no points"
    return Verdict(_without_points(exercise, Outcome.REFERENCE_TAKEN, note))


def not_callable(exercise: Exercise, kind: str) -> Verdict:
    """The verdict on something that is no function or class; ``kind`` is its type's name."""
    advice = f"pass the function itself: check.{exercise.id}({exercise.id}); this is of type {kind}"
    return Verdict(_without_points(exercise, Outcome.INCORRECT, advice))


def cell_raised(exercise: Exercise, crash: Crash) -> Verdict:
    """The verdict on an answer whose cell could not be run."""
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
        raise ValueError(f"{exercise.id}: cases of {sorted(tried)}, points of {[*exercise.points]}")
    return {
        group: (0.0 if group in failed else float(weight), float(weight))
        for group, weight in exercise.points.items()
    }


def _also(
    cases: Sequence[Case], faults: Sequence[str], groups: dict[str, tuple[float, float]]
) -> tuple[str, ...]:
    """The first failed case of every lost group but the first."""
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
