"""From an exercise and something that can be called to a verdict."""

from __future__ import annotations

from collections.abc import Sequence

from grokedu.classroom.call import Caller, Reply, local
from grokedu.classroom.compare import difference
from grokedu.classroom.exercise import Case, Exercise
from grokedu.classroom.verdict import Failure, Findings, Verdict

STOPPING = ("timed out", "not attempted", "missing")


def judge(exercise: Exercise, caller: Caller, seed: int, level: str = "visible") -> Verdict:
    """Try an answer on every case and say what was found.

    ``caller`` makes the calls: in this process, or at the other end of a pipe. Only the plain data
    it brings back is judged. After a call that timed out no further case is tried.
    """
    cases = list(exercise.make_cases(seed, level))
    expected = exercise.expected(cases)
    replies: list[Reply] = []
    for case in cases:
        replies.append(caller(exercise.request(case)))
        if replies[-1].status in STOPPING:
            break
    if replies and replies[0].status in ("not attempted", "missing"):
        return unattempted(exercise)
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
            Findings(exercise.id, "correct", groups, passed, len(cases), version=exercise.version)
        )
    first = next(index for index, fault in enumerate(faults) if fault)
    outcome = "partly" if any(earned for earned, _ in groups.values()) else "incorrect"
    if outcome == "incorrect" and replies[first].status in ("crashed", "timed out"):
        outcome = replies[first].status
    return Verdict(
        Findings(
            exercise.id,
            outcome,
            groups,
            passed,
            len(cases),
            failure=_failure(cases[first], replies[first], faults[first]),
            misconception=recognise(exercise, cases, replies),
            advice=f'a hint: check.hint("{exercise.id}")',
            version=exercise.version,
        )
    )


def unattempted(exercise: Exercise) -> Verdict:
    """The verdict on a stub."""
    advice = f'write the body of `{exercise.id}`; a hint: check.hint("{exercise.id}")'
    return Verdict(_without_points(exercise, "not attempted", advice))


def reference_taken(exercise: Exercise) -> Verdict:
    """The verdict on the reference itself."""
    note = "this is the reference: go on with it; it earns no points"
    return Verdict(_without_points(exercise, "reference taken", note))


def not_callable(exercise: Exercise, answer: object) -> Verdict:
    """The verdict on something that is no function or class."""
    kind = type(answer).__name__
    advice = f"pass the function itself: check.{exercise.id}({exercise.id}); this is of type {kind}"
    return Verdict(_without_points(exercise, "incorrect", advice))


def recognise(exercise: Exercise, cases: Sequence[Case], replies: Sequence[Reply]) -> str:
    """The message of the misconception whose replies are the same as these in every case."""
    for known in exercise.misconceptions:
        call = local({exercise.id: known.answer})
        if all(
            _alike(exercise, case, reply, call(exercise.request(case)))
            for case, reply in zip(cases, replies, strict=False)
        ):
            return known.message
    return ""


def _alike(exercise: Exercise, case: Case, reply: Reply, theirs: Reply) -> bool:
    if reply.status != theirs.status:
        return False
    if reply.crash and theirs.crash:
        return reply.crash.type == theirs.crash.type
    if exercise.judge is not None and reply.status == "returned":
        return exercise.judged(case, reply.result) == exercise.judged(case, theirs.result)
    same_result = not difference(reply.result, theirs.result, exercise.operations)
    return same_result and not difference(reply.args, theirs.args, exercise.operations)


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


def _failure(case: Case, reply: Reply, fault: str) -> Failure:
    line = ""
    if reply.crash and reply.crash.line:
        crash = reply.crash
        line = f"line {crash.line} of {crash.function}: {crash.text}"
    return Failure(case.name, case.inputs(), fault, line, reply.printed.strip()[:300])


def _without_points(exercise: Exercise, outcome: str, advice: str) -> Findings:
    groups = {group: (0.0, float(weight)) for group, weight in exercise.points.items()}
    return Findings(exercise.id, outcome, groups, advice=advice, version=exercise.version)
