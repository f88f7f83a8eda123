"""The task: every pair with its label, and what the network may see of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from grokedu import tasks
from grokedu.classroom.checking.exercise import Case, refused
from grokedu.lessons.l01_grokking.about import lesson

modular_addition = lesson.exercise(
    points={"p = 3": 1, "any p": 1, "a modulus too small": 1},
    hints=(
        "There are p·p pairs. Which of the two numbers changes from one row to the next?",
        "`torch.cartesian_prod(x, x)` lists all pairs of entries of x, the second one fastest.",
        "With `r = torch.arange(p)`: pairs are `torch.cartesian_prod(r, r)`, labels "
        "`pairs.sum(dim=1) % p`. Raise the ValueError first, if p < 2.",
    ),
    why="this is the whole world your network will live in: small enough to list every example",
    minutes=5,
    difficulty=1,
)(tasks.modular_addition)


@modular_addition.cases
def _(seed: int, level: str) -> Iterator[Case]:
    yield Case("p = 3", "p = 3", (3,))
    for p in (2, 7) if level == "visible" else (5, 10 + seed % 3):
        yield Case(f"p = {p}", "any p", (p,))
    yield refused("p = 1", "a modulus too small", 1)


@modular_addition.misconception("plain addition: the sums are right, but not taken modulo p.")
def forgets_the_modulus(p: int) -> Any:
    pairs = torch.cartesian_prod(torch.arange(p), torch.arange(p))
    return pairs, pairs.sum(dim=1)


@modular_addition.misconception(
    "residues that start at 1. Modulo p they are 0, 1, ..., p−1, and they are also row numbers."
)
def starts_at_one(p: int) -> Any:
    pairs = torch.cartesian_prod(torch.arange(1, p + 1), torch.arange(1, p + 1))
    return pairs, pairs.sum(dim=1) % p


@modular_addition.misconception(
    "each unordered pair once. (a, b) and (b, a) are two examples: the network must find out by "
    "itself that the order does not matter."
)
def leaves_out_swapped_pairs(p: int) -> Any:
    pairs = torch.combinations(torch.arange(p), with_replacement=True)
    return pairs, pairs.sum(dim=1) % p


@modular_addition.misconception("a and b swapped: row a·p + b must hold (a, b), so b runs fastest.")
def lets_a_run_fastest(p: int) -> Any:
    pairs = torch.cartesian_prod(torch.arange(p), torch.arange(p)).flip(1)
    return pairs, pairs.sum(dim=1) % p


def _judge_split(case: Case, result: Any) -> str:
    """A right split is any that is disjoint, covers, has the sizes asked for, and is seeded.

    Two seeds give a right answer the same split with a probability below 1e-9 at these sizes.
    """
    if case.group == "an empty part":
        return (
            ""
            if result == "ValueError"
            else f"the error it raised is {result!r}, wanted 'ValueError'"
        )
    seeds, n, fraction = case.args
    if not isinstance(result, list) or len(result) != len(seeds):
        return "it did not return one split for each generator"
    for split in result:
        if not (isinstance(split, (tuple, list)) and len(split) == 2):
            return "it did not return two tensors, train and test"
        for part, name in zip(split, ("train", "test"), strict=True):
            if not isinstance(part, Tensor) or part.dtype not in (torch.int64, torch.int32):
                return f"{name} is not an integer tensor of indices"
            if part.ndim != 1:
                return f"{name} has {part.ndim} dimensions, wanted one"
    if case.group == "seeded":
        same = [bool(torch.equal(result[0][0], split[0])) for split in result]
        if not same[1]:
            return "one seed gave two different splits: draw from `generator` and nothing else"
        if torch.equal(result[0][0], torch.arange(len(result[0][0]))):
            return "the indices come in order: nothing is shuffled"
        return "two different seeds gave the same split: draw from `generator`" if same[2] else ""
    for train, test in result:
        both = torch.cat([train, test]).sort().values.tolist()
        if set(train.tolist()) & set(test.tolist()):
            return "train and test share indices"
        if len(set(both)) < len(both):
            return "an index is there more than once"
        if both != list(range(n)):
            return f"train and test together are not the indices 0 to {n - 1}"
        if len(train) != round(fraction * n):
            return f"train has {len(train)} of {n} indices, wanted {round(fraction * n)}"
    return ""


train_test_split = lesson.exercise(
    points={"sizes and cover": 2, "seeded": 1, "an empty part": 1},
    hints=(
        "Shuffle the numbers 0 to n−1 once. What are the first few of them, and the rest?",
        "`torch.randperm(n, generator=generator)` is the shuffled list; cut it at `round(fraction "
        "* n)`.",
        "`order = torch.randperm(n, generator=generator)`, then return `order[:size], "
        "order[size:]`. If size is 0 or n, raise a ValueError.",
    ),
    why="grokking is a statement about examples the network has never seen",
    minutes=6,
    difficulty=1,
    judge=_judge_split,
    false_refusal=1e-6,
)(tasks.train_test_split)


@train_test_split.cases
def _(seed: int, level: str) -> Iterator[Case]:
    sizes = ((40, 0.29), (41, 0.8)) if level == "visible" else ((57, 0.31), (90, 0.75))
    for n, fraction in sizes:
        name = f"n = {n}, fraction = {fraction}"
        seeds = [seed + 5, seed + 5, seed + 6]
        for group in ("sizes and cover", "seeded"):
            yield Case(
                f"{name}: {group}",
                group,
                (seeds, n, fraction),
                probe="for_seeds",
                shown=f"{n}, {fraction}, a generator (twice with one seed, once another)",
            )
    for fraction in (0.0, 1.0):
        draw = torch.Generator().manual_seed(seed)
        yield refused(f"fraction = {fraction}", "an empty part", 10, fraction, draw)


@train_test_split.misconception(
    "two independent draws. Then some test examples were trained on, and the test accuracy lies."
)
def draws_twice(n: int, fraction: float, generator: torch.Generator) -> Any:
    size = _size_or_error(n, fraction)
    first = torch.randperm(n, generator=generator)
    return first[:size], torch.randperm(n, generator=generator)[size:]


@train_test_split.misconception(
    "no shuffling. The pairs are in order, so the network would never see the larger values of a."
)
def cuts_without_shuffling(n: int, fraction: float, generator: torch.Generator) -> Any:
    size = _size_or_error(n, fraction)
    return torch.arange(size), torch.arange(size, n)


@train_test_split.misconception(
    "torch's global generator. Use the one that is handed in, or nobody can repeat your run."
)
def ignores_the_generator(n: int, fraction: float, generator: torch.Generator) -> Any:
    size = _size_or_error(n, fraction)
    order = torch.randperm(n)
    return order[:size], order[size:]


@train_test_split.misconception(
    "torch's global generator, seeded anew in every call: then every split is the same. Draw from "
    "the generator that is handed in."
)
def seeds_the_global_generator(n: int, fraction: float, generator: torch.Generator) -> Any:
    size = _size_or_error(n, fraction)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    return order[:size], order[size:]


@train_test_split.misconception("`fraction` as the share to test on. It is the share to train on.")
def takes_the_test_share(n: int, fraction: float, generator: torch.Generator) -> Any:
    size = _size_or_error(n, 1 - fraction)
    order = torch.randperm(n, generator=generator)
    return order[:size], order[size:]


@train_test_split.misconception("`int(fraction * n)`, which rounds down; `round` was asked for.")
def rounds_down(n: int, fraction: float, generator: torch.Generator) -> Any:
    _size_or_error(n, fraction)
    order = torch.randperm(n, generator=generator)
    return order[: int(fraction * n)], order[int(fraction * n) :]


def _size_or_error(n: int, fraction: float) -> int:
    size = round(fraction * n)
    if not 0 < size < n:
        raise ValueError("an empty part")
    return size
