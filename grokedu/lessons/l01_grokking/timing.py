"""The delay: when a run fitted, when it generalised, and the runs that never did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from grokedu import measures
from grokedu.classroom.checking.exercise import Case, refused
from grokedu.lessons.l01_grokking.about import lesson

NAN = float("nan")

grokking_delay = lesson.exercise(
    points={"both get there": 2, "another threshold": 1, "censored": 1, "unequal lengths": 1},
    hints=(
        "First find, for one curve, the step at which it is at the threshold for the first time.",
        "`steps[accuracy >= threshold]` are all the steps that are high enough; which one do you "
        "want? What if there is none?",
        "With `t = steps[train_accuracy >= threshold]` and `g` alike for test: nan if either is "
        "empty, else `float(g[0] - t[0])`. Before that, compare the three lengths.",
    ),
    why="without a definition, two people can look at one curve and argue about when it grokked",
    minutes=8,
    difficulty=2,
)(measures.grokking_delay)


@grokking_delay.cases
def _(seed: int, level: str) -> Iterator[Case]:
    draw = torch.Generator().manual_seed(seed)
    count = 8 if level == "visible" else 11
    both, other, censored = "both get there", "another threshold", "censored"
    steps = torch.cumsum(torch.randint(1, 200, (count,), generator=draw).double(), 0)
    fitted, grokked = 2, count - 2
    train = torch.linspace(0.1, 0.7, count, dtype=torch.float64)
    test = torch.linspace(0.0, 0.6, count, dtype=torch.float64)
    late, early = test.clone(), train.clone()
    early[fitted:], late[grokked:] = 1.0, 0.995
    yield Case("a run that groks", both, (steps, early, late))
    exact, dips = early.clone(), late.clone()
    exact[fitted], exact[fitted + 1], dips[grokked + 1] = 0.75, 0.8, 0.4
    yield Case("the test accuracy dips again", both, (steps, early, dips))
    at = {"threshold": 0.75}
    yield Case("exactly at a threshold of 0.75", other, (steps, exact, late), at)
    yield Case("the test accuracy never gets there", censored, (steps, early, test))
    yield Case("the train accuracy never gets there", censored, (steps, train, late))
    # Groups of censored runs alone would be earned by an answer that is always nan.
    sooner = test.clone()
    sooner[grokked - 1 :] = 1.0
    yield Case("a run that gets there after all", censored, (steps, early, sooner))
    yield refused("two of three as long", "unequal lengths", steps, early, late[:-1])


def _reached(
    steps: Tensor, accuracy: Tensor, high: Callable[[Tensor], Tensor], which: int = 0
) -> float:
    at = steps[high(accuracy)]
    return float(at[which]) if len(at) else NAN


@grokking_delay.misconception("the position in the record, not the step: look it up in `steps`.")
def counts_records(
    steps: Tensor, train_accuracy: Tensor, test_accuracy: Tensor, threshold: float = 0.99
) -> float:
    places = torch.arange(len(steps))
    return _reached(places, test_accuracy, lambda x: x >= threshold) - _reached(
        places, train_accuracy, lambda x: x >= threshold
    )


@grokking_delay.misconception("a value when the run never got there: such a run has no delay, nan.")
def ends_with_the_record(
    steps: Tensor, train_accuracy: Tensor, test_accuracy: Tensor, threshold: float = 0.99
) -> float:
    ends = [
        _reached(steps, curve, lambda x: x >= threshold)
        for curve in (test_accuracy, train_accuracy)
    ]
    last = float(steps[-1])
    return (last if ends[0] != ends[0] else ends[0]) - (last if ends[1] != ends[1] else ends[1])


@grokking_delay.misconception(
    "the *last* time the accuracy was too low. A dip later on does not undo that it got there."
)
def waits_until_it_stays(
    steps: Tensor, train_accuracy: Tensor, test_accuracy: Tensor, threshold: float = 0.99
) -> float:
    ends = []
    for curve in (test_accuracy, train_accuracy):
        low = (curve < threshold).nonzero()
        after = int(low[-1]) + 1 if len(low) else 0
        ends.append(float(steps[after]) if after < len(steps) else NAN)
    return ends[0] - ends[1]


@grokking_delay.misconception("the test step alone. The delay counts from when the run had fitted.")
def starts_at_zero(
    steps: Tensor, train_accuracy: Tensor, test_accuracy: Tensor, threshold: float = 0.99
) -> float:
    fitted = _reached(steps, train_accuracy, lambda x: x >= threshold)
    grokked = _reached(steps, test_accuracy, lambda x: x >= threshold)
    return grokked if fitted == fitted else NAN


@grokking_delay.misconception("99 % built in: the threshold is an argument, use it.")
def ignores_the_threshold(
    steps: Tensor, train_accuracy: Tensor, test_accuracy: Tensor, threshold: float = 0.99
) -> float:
    return _reached(steps, test_accuracy, lambda x: x >= 0.99) - _reached(
        steps, train_accuracy, lambda x: x >= 0.99
    )


@grokking_delay.misconception(
    "`argmax` of something that is never true: it gives position 0. Look first whether any step is "
    "high enough."
)
def trusts_argmax(
    steps: Tensor, train_accuracy: Tensor, test_accuracy: Tensor, threshold: float = 0.99
) -> float:
    ends = [
        float(steps[(curve >= threshold).int().argmax()])
        for curve in (test_accuracy, train_accuracy)
    ]
    return ends[0] - ends[1]


@grokking_delay.misconception(
    "the first element of nothing: a run that never gets there has no such step. Return nan for it."
)
def takes_the_first_of_none(
    steps: Tensor, train_accuracy: Tensor, test_accuracy: Tensor, threshold: float = 0.99
) -> float:
    grokked = steps[test_accuracy >= threshold][0]
    return float(grokked - steps[train_accuracy >= threshold][0])


@grokking_delay.misconception("*above* the threshold: a run that is exactly at it has reached it.")
def asks_for_more(
    steps: Tensor, train_accuracy: Tensor, test_accuracy: Tensor, threshold: float = 0.99
) -> float:
    return _reached(steps, test_accuracy, lambda x: x > threshold) - _reached(
        steps, train_accuracy, lambda x: x > threshold
    )


censored_median = lesson.exercise(
    points={"all arrived": 1, "some censored": 2, "most censored": 1},
    hints=(
        "If three runs took 100, 300 and more than 9000 steps, which is the middle one?",
        "Put infinity in place of nan, sort, and take the middle; what if the middle is infinite?",
        "`v = values.nan_to_num(nan=float('inf')).sort().values`; the median is the mean of "
        "`v[(S - 1) // 2]` and `v[S // 2]`, or nan if that is infinite.",
    ),
    why="the slowest runs are the ones you never see the end of, and dropping them flatters you",
    minutes=8,
    difficulty=3,
)(measures.censored_median)


@censored_median.cases
def _(seed: int, level: str) -> Iterator[Case]:
    draw = torch.Generator().manual_seed(seed)
    odd, even = (5, 6) if level == "visible" else (7, 8)
    for runs in (odd, even):
        steps = torch.randint(100, 9000, (runs,), generator=draw).double()
        steps[0], steps[1] = 50.0, 9500.0
        order = torch.randperm(runs, generator=draw)
        yield Case(f"{runs} runs that grokked", "all arrived", (steps[order],))
        for missing, group in ((2, "some censored"), ((runs + 1) // 2, "most censored")):
            some = steps[order].clone()
            some[some.argsort(descending=True)[:missing]] = NAN
            yield Case(f"{runs} runs, {missing} censored", group, (some,))
        yield Case(f"{runs} runs, none censored after all", "most censored", (steps[order] / 2,))


@censored_median.misconception(
    "the censored runs dropped. They are the slow ones: leaving them out makes grokking look fast."
)
def drops_them(values: Tensor) -> float:
    arrived = values[~values.isnan()].double()
    return float(arrived.quantile(0.5)) if len(arrived) else NAN


@censored_median.misconception("zero in place of nan: a run that never came counts as the fastest.")
def counts_them_as_zero(values: Tensor) -> float:
    return float(values.nan_to_num(nan=0.0).double().quantile(0.5))


@censored_median.misconception("nan as soon as one run is censored; the middle may still be known.")
def gives_up(values: Tensor) -> float:
    return float(values.double().quantile(0.5))


@censored_median.misconception("the mean. One censored run makes it unknown; the median stands it.")
def takes_the_mean(values: Tensor) -> float:
    return (
        float(values.nan_to_num(nan=float("inf")).mean())
        if values.isnan().any()
        else float(values.mean())
    )


@censored_median.misconception(
    "the lower of the two middle values (`torch.median` does that); for an even number of runs "
    "take their mean."
)
def takes_the_lower_middle(values: Tensor) -> Any:
    lower = values.nan_to_num(nan=float("inf")).median()
    return float(lower) if lower.isfinite() else NAN
