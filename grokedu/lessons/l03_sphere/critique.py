"""What a remedy takes away of a cost, and how many of the fitting networks generalise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from grokedu import sphere
from grokedu.classroom.checking.exercise import Case
from grokedu.lessons.l03_sphere.about import lesson

NAN = float("nan")


share_explained = lesson.exercise(
    points={"seed by seed": 2, "no cost": 1},
    hints=(
        "If the cost is 10 and the remedy leaves 4 of it, what share is gone?",
        "The cost is `large - one`, what the remedy gains is `large - remedied`, each of one seed.",
        "`torch.where(large > one, (large - remedied) / (large - one), torch.nan)`.",
    ),
    why="that a remedy helps is no finding; the share of the cost it takes away, seed by seed, is",
    minutes=5,
    difficulty=2,
)(sphere.share_explained)


@share_explained.cases
def _(seed: int, level: str) -> Iterator[Case]:
    draw = torch.Generator().manual_seed(seed)
    runs = 4 if level == "visible" else 6
    one = torch.rand(runs, generator=draw, dtype=torch.float64)
    large = one + 0.5 + torch.rand(runs, generator=draw, dtype=torch.float64)
    better = large - (large - one) * torch.linspace(0.2, 0.9, runs, dtype=torch.float64)
    yield Case(f"{runs} seeds, a remedy", "seed by seed", (one, large, better))
    worse = better.clone()
    worse[0], worse[1] = large[0] + 0.3, one[1] - 0.2
    yield Case("a remedy that harms, one that overshoots", "seed by seed", (one, large, worse))
    free = large.clone()
    free[0], free[-1] = one[0], one[-1] - 0.1
    yield Case("two seeds without a cost", "no cost", (one, free, better))


@share_explained.misconception("what is *left* of the cost; the share that is gone is 1 minus it.")
def takes_what_is_left(one: Tensor, large: Tensor, remedied: Tensor) -> Tensor:
    return torch.where(large > one, (remedied - one) / (large - one), torch.nan)


@share_explained.misconception(
    "a share of the whole measure at the large norm. Part of it is there at α = 1 too, and is no "
    "cost of the norm: divide by what the large norm *adds*."
)
def divides_by_the_whole(one: Tensor, large: Tensor, remedied: Tensor) -> Tensor:
    return torch.where(large > one, (large - remedied) / large, torch.nan)


@share_explained.misconception(
    "a share of means. One seed is then set against another's cost: pair them, a share for each."
)
def averages_first(one: Tensor, large: Tensor, remedied: Tensor) -> Tensor:
    share = (large.mean() - remedied.mean()) / (large.mean() - one.mean())
    return torch.where(large > one, share, torch.nan)


@share_explained.misconception(
    "cut to between 0 and 1. A remedy that makes things worse must be seen to."
)
def cuts_off(one: Tensor, large: Tensor, remedied: Tensor) -> Tensor:
    return torch.where(large > one, ((large - remedied) / (large - one)).clamp(0.0, 1.0), torch.nan)


@share_explained.misconception(
    "a number where there is no cost. Nothing can be explained there: nan."
)
def divides_anyway(one: Tensor, large: Tensor, remedied: Tensor) -> Tensor:
    return (large - remedied) / (large - one)


generalising_share = lesson.exercise(
    points={"some fit": 2, "how well": 1, "none fits": 1},
    hints=(
        "Two questions of each network, one after the other. Of whom is the second one asked?",
        "`train_logits.argmax(-1) == train_labels` is (S, n); who has all of them right? Ask those "
        "alone for their test accuracy.",
        "`fits = (train_logits.argmax(-1) == train_labels).all(-1)`, `accuracy = "
        "(test_logits.argmax(-1) == test_labels).double().mean(-1)[fits]`, then the mean of "
        "`accuracy >= threshold`, or nan if nobody fits.",
    ),
    why="it asks what the landscape itself prefers, with no optimizer to blame",
    minutes=8,
    difficulty=3,
)(sphere.generalising_share)


@generalising_share.cases
def _(seed: int, level: str) -> Iterator[Case]:
    draw = torch.Generator().manual_seed(seed)
    n, count = (3, 12) if level == "visible" else (4, 15)
    m, classes = 8, 3
    train_labels, test_labels = (
        torch.randint(classes, (k,), generator=draw).long() for k in (n, m)
    )

    def logits(right: Tensor, labels: Tensor) -> Tensor:
        """Random logits that have just these examples right."""
        z = torch.randn((*right.shape, classes), generator=draw, dtype=torch.float64)
        top = torch.where(right, labels, (labels + 1) % classes)
        return z + 9.0 * torch.nn.functional.one_hot(top, classes)

    # Networks by train examples right and test examples right: fitting and not, general and not.
    train_right = torch.ones(count, n, dtype=torch.bool)
    train_right[8:, 0] = False  # eight fit: shares of eight are the same in float32 and float64
    train_right[10:, 1] = False
    test_right = torch.zeros(count, m, dtype=torch.bool)
    for at, right in enumerate((8, 7, 6, 3, 2, 8, 8, 7, 1, 8, 7)):
        test_right[at, :right] = True
    order = torch.randperm(count, generator=draw)
    args = (
        logits(train_right, train_labels)[order],
        train_labels,
        logits(test_right, test_labels)[order],
        test_labels,
    )
    yield Case(f"{count} networks, 8 of them fit", "some fit", (*args, 0.8))
    yield Case("who is exactly at the threshold", "how well", (*args, 0.75))
    yield Case("a low threshold", "how well", (*args, 0.3))
    nobody = logits(train_right & (torch.arange(n) > 0), train_labels)
    yield Case("no network fits", "none fits", (nobody, train_labels, *args[2:], 0.8))
    one = train_right.clone()
    one[1:, 0] = False
    # A group where nothing ever fits would be earned by an answer that is always nan.
    yield Case(
        "one does after all",
        "none fits",
        (
            logits(one, train_labels),
            train_labels,
            logits(test_right, test_labels),
            test_labels,
            0.8,
        ),
    )


def _fits(logits: Tensor, labels: Tensor) -> Tensor:
    return (logits.argmax(-1) == labels).all(dim=-1)


def _accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    return (logits.argmax(-1) == labels).double().mean(dim=-1)


@generalising_share.misconception(
    "a share of *all* networks. Nobody would use one that does not even fit: divide by those that "
    "do."
)
def divides_by_all(a: Tensor, b: Tensor, c: Tensor, d: Tensor, threshold: float) -> Any:
    fits, general = _fits(a, b), _accuracy(c, d) >= threshold
    count = int(fits.sum())
    return count, (fits & general).double().mean().item() if count else NAN


@generalising_share.misconception(
    "the condition the wrong way round: of those that generalise, the share that fits."
)
def turns_the_condition(a: Tensor, b: Tensor, c: Tensor, d: Tensor, threshold: float) -> Any:
    fits, general = _fits(a, b), _accuracy(c, d) >= threshold
    count = int(fits.sum())
    return count, fits[general].double().mean().item() if count else NAN


@generalising_share.misconception(
    "the mean test accuracy of the fitting networks; how many of them reach the threshold is asked."
)
def averages_the_accuracy(a: Tensor, b: Tensor, c: Tensor, d: Tensor, threshold: float) -> Any:
    fits = _fits(a, b)
    return int(fits.sum()), _accuracy(c, d)[fits].mean().item()


@generalising_share.misconception(
    "a network that has most train examples right does not fit: all of them are wanted."
)
def lets_one_be_wrong(a: Tensor, b: Tensor, c: Tensor, d: Tensor, threshold: float) -> Any:
    fits = (a.argmax(-1) == b).sum(-1) >= len(b) - 1
    return int(fits.sum()), (_accuracy(c, d)[fits] >= threshold).double().mean().item()


@generalising_share.misconception("*above* the threshold: who is exactly at it generalises, too.")
def asks_for_more(a: Tensor, b: Tensor, c: Tensor, d: Tensor, threshold: float) -> Any:
    fits = _fits(a, b)
    return int(fits.sum()), (_accuracy(c, d)[fits] > threshold).double().mean().item()


@generalising_share.misconception(
    "0 where no network fits. Nothing is known of networks that were never found: nan."
)
def counts_none_as_zero(a: Tensor, b: Tensor, c: Tensor, d: Tensor, threshold: float) -> Any:
    fits = _fits(a, b)
    general = (_accuracy(c, d)[fits] >= threshold).double()
    return int(fits.sum()), general.sum().item() / max(1, len(general))
