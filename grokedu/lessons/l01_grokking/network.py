"""The network: its logits, two numbers made from them, and one step of training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from grokedu import measures, tasks, training
from grokedu.classroom.checking.exercise import Case
from grokedu.lessons.l01_grokking.about import lesson
from grokedu.models import two_layer

forward = lesson.exercise(
    points={"all pairs": 1, "some pairs": 2},
    hints=(
        "Look up one row of A for each a, and one row of B for each b. What shape is their sum?",
        "`A[pairs[:, 0]]` has one row for each example and shape (n, N); `B[pairs[:, 1]]` alike.",
        'With `hidden = params["A"][pairs[:, 0]] + params["B"][pairs[:, 1]]`, the logits are '
        '`hidden.square() @ params["W"]`.',
    ),
    why="nothing stays a black box that you have written yourself",
    minutes=8,
    difficulty=2,
    version=2,
)(two_layer.forward)


@forward.cases
def _(seed: int, level: str) -> Iterator[Case]:
    draw = torch.Generator().manual_seed(seed)
    p, width = (5, 8) if level == "visible" else (7, 9)
    small = {
        "A": torch.tensor([[1.0], [2.0]]),
        "B": torch.tensor([[0.0], [1.0]]),
        "W": torch.tensor([[1.0, -1.0]]),
    }
    yield Case("two residues, one neuron", "some pairs", (small, torch.tensor([[0, 0], [1, 1]])))
    shapes = {"A": (p, width), "B": (p, width), "W": (width, p)}
    params = {
        name: torch.randn(shape, generator=draw, dtype=torch.float64)
        for name, shape in shapes.items()
    }
    sizes = f"p = {p}, {width} neurons"
    # As many pairs as neurons, so that rows and columns taken for each other still multiply.
    some = torch.randint(p, (width, 2), generator=draw)
    yield Case(f"{sizes}, {width} pairs", "some pairs", (params, some))
    yield Case(f"{sizes}, all pairs", "all pairs", (params, tasks.modular_addition(p)[0]))


@forward.misconception("no square: without an activation the two layers are only one matrix.")
def leaves_out_the_square(params: Any, pairs: Tensor) -> Tensor:
    a, b = params["A"][pairs[:, 0]], params["B"][pairs[:, 1]]
    return (a + b) @ params["W"]


@forward.misconception("ReLU. This network squares; the square is what makes products of a and b.")
def takes_relu(params: Any, pairs: Tensor) -> Tensor:
    a, b = params["A"][pairs[:, 0]], params["B"][pairs[:, 1]]
    return (a + b).relu() @ params["W"]


@forward.misconception(
    "squares taken before the sum. Square the sum: only then is there a term 2·A[a]·B[b] in which "
    "the two numbers meet."
)
def squares_before_adding(params: Any, pairs: Tensor) -> Tensor:
    a, b = params["A"][pairs[:, 0]], params["B"][pairs[:, 1]]
    return (a.square() + b.square()) @ params["W"]


@forward.misconception("A used for both numbers. The second residue has a table of its own, B.")
def uses_one_table(params: Any, pairs: Tensor) -> Tensor:
    hidden = params["A"][pairs[:, 0]] + params["A"][pairs[:, 1]]
    return hidden.square() @ params["W"]


@forward.misconception(
    "right for all p² pairs in order, but `pairs` is ignored: in training only some of them are "
    "shown. Look up those that are asked for."
)
def ignores_the_pairs(params: Any, pairs: Tensor) -> Tensor:
    hidden = params["A"].unsqueeze(1) + params["B"].unsqueeze(0)
    return hidden.flatten(0, 1).square() @ params["W"]


@forward.misconception("columns for rows: `A[:, a]` picks neurons; the rows of A are `A[a]`.")
def picks_columns(params: Any, pairs: Tensor) -> Tensor:
    a, b = params["A"][:, pairs[:, 0]], params["B"][:, pairs[:, 1]]
    return (a + b).square() @ params["W"]


@forward.misconception("the two rows of `pairs` for a and b; they are its two *columns*.")
def unpacks_rows(params: Any, pairs: Tensor) -> Tensor:
    a, b = pairs
    return (params["A"][a] + params["B"][b]).square() @ params["W"]


cross_entropy = lesson.exercise(
    points={"values": 3, "large logits": 1},
    hints=(
        "The log-probability of a class is its logit minus one number that all classes share.",
        "`logits.logsumexp(dim=1)` is that number, safe for any size of logit; `gather` picks the "
        "logit of each label.",
        "`chosen = logits.gather(1, labels.unsqueeze(1)).squeeze(1)`, then the mean of "
        "`logits.logsumexp(dim=1) - chosen`.",
    ),
    why="this is what training pushes down, and what grokking is seen in",
    minutes=8,
    difficulty=2,
    version=2,
)(measures.cross_entropy)


def _logits(seed: int, level: str, *, labelled: bool) -> Iterator[Case]:
    draw = torch.Generator().manual_seed(seed)
    n, classes = (6, 4) if level == "visible" else (9, 5)
    labels = torch.randint(classes, (n,), generator=draw)
    labels[:2] = torch.tensor([0, 1])
    logits = torch.randn((n, classes), generator=draw, dtype=torch.float64)
    large = logits * 1000.0
    flat = torch.zeros(2, classes, dtype=torch.float64)
    with_labels: tuple[Tensor, ...] = (labels,) if labelled else ()
    yield Case("flat logits", "values", (flat, labels[:2]) if labelled else (flat,))
    yield Case(f"{n} examples", "values", (logits, *with_labels))
    yield Case("logits in the thousands", "large logits", (large, *with_labels))


@cross_entropy.cases
def _(seed: int, level: str) -> Iterator[Case]:
    return _logits(seed, level, labelled=True)


def _chosen(logits: Tensor, labels: Tensor) -> Tensor:
    return logits.gather(1, labels.unsqueeze(1)).squeeze(1)


@cross_entropy.misconception(
    "exp before log: with logits in the thousands exp overflows. `logsumexp` takes out the largest "
    "logit first."
)
def overflows(logits: Tensor, labels: Tensor) -> Tensor:
    return (logits.exp().sum(1).log() - _chosen(logits, labels)).mean()


@cross_entropy.misconception("the sum over the examples; the loss is their mean.")
def adds_up(logits: Tensor, labels: Tensor) -> Tensor:
    return (logits.logsumexp(1) - _chosen(logits, labels)).sum()


@cross_entropy.misconception("the sign: this is the log-probability, the loss is minus that.")
def forgets_the_sign(logits: Tensor, labels: Tensor) -> Tensor:
    return (_chosen(logits, labels) - logits.logsumexp(1)).mean()


@cross_entropy.misconception(
    "an average over all classes. The loss looks only at the label's own log-probability."
)
def averages_over_classes(logits: Tensor, labels: Tensor) -> Tensor:
    return -logits.log_softmax(1).mean()


@cross_entropy.misconception("a softmax over the examples: normalise over the classes, dim=1.")
def normalises_over_examples(logits: Tensor, labels: Tensor) -> Tensor:
    return -_chosen(logits.log_softmax(0), labels).mean()


average_log_prob = lesson.exercise(
    points={"values": 2, "large logits": 1},
    hints=(
        "You had the log-probability of one class above. Here you want it for every class.",
        "`logits.log_softmax(dim=1)` has one log-probability an example and class; average them.",
        "`logits.log_softmax(dim=1).mean()` is the whole of it.",
    ),
    why="this number was said to follow grokking without seeing a label; settle whether it does",
    minutes=4,
    difficulty=2,
    version=2,
)(measures.average_log_prob)


@average_log_prob.cases
def _(seed: int, level: str) -> Iterator[Case]:
    return _logits(seed, level, labelled=False)


@average_log_prob.misconception(
    "the average *probability*. It is 1/classes whatever the network does; take the log first."
)
def averages_probabilities(logits: Tensor) -> Tensor:
    return logits.softmax(1).mean()


@average_log_prob.misconception("log after averaging: the mean of logs is not the log of a mean.")
def takes_the_log_last(logits: Tensor) -> Tensor:
    return logits.softmax(1).mean(1).log().mean()


@average_log_prob.misconception("a sum over the classes; the mean is wanted over them as well.")
def adds_the_classes(logits: Tensor) -> Tensor:
    return logits.log_softmax(1).sum(1).mean()


@average_log_prob.misconception("the log-probability of the likeliest class alone; all count here.")
def takes_the_likeliest(logits: Tensor) -> Tensor:
    return logits.log_softmax(1).max(1).values.mean()


@average_log_prob.misconception(
    "softmax and then log: a probability too small for the computer becomes 0, and its log −inf."
)
def underflows(logits: Tensor) -> Tensor:
    return logits.softmax(1).log().mean()


@average_log_prob.misconception("the sign: a log-probability is negative, and so is its average.")
def turns_the_sign(logits: Tensor) -> Tensor:
    return -logits.log_softmax(1).mean()


train_step = lesson.exercise(
    points={"one step": 2, "many steps": 2},
    hints=(
        "Four moves, in this order: forget, compute, differentiate, move. One line each.",
        "`optimizer.zero_grad()` forgets; `loss.backward()` differentiates; `optimizer.step()` "
        "moves. The loss comes from calling `compute_loss()`.",
        "Keep `loss = compute_loss()` from before the step, and return `loss.item()` at the end.",
    ),
    why="the order of these four lines is where most training bugs live",
    minutes=5,
    difficulty=2,
)(training.train_step)


@train_step.cases
def _(seed: int, level: str) -> Iterator[Case]:
    draw = torch.Generator().manual_seed(seed)
    size, steps = (2, 4) if level == "visible" else (3, 6)
    start = torch.randn(size, generator=draw, dtype=torch.float64)
    targets = list(torch.randn((steps, size), generator=draw, dtype=torch.float64))
    for kind, options in (("SGD", {"lr": 0.1}), ("AdamW", {"lr": 0.1, "weight_decay": 0.5})):
        for group, used in (("one step", targets[:1]), ("many steps", targets)):
            shown = f"{group} of {kind} on the squared distance of {size} weights from a target"
            args = (start, used, kind, options)
            yield Case(f"{kind}, {group}", group, args, probe="training_steps", shown=shown)


Loss = Callable[[], Tensor]


@train_step.misconception(
    "old gradients kept: `backward` adds to what is there, so every step repeats all earlier ones. "
    "Call `optimizer.zero_grad()` first."
)
def never_forgets(optimizer: torch.optim.Optimizer, compute_loss: Loss) -> float:
    loss = compute_loss()
    loss.backward()
    optimizer.step()
    return loss.item()


@train_step.misconception(
    "no gradients at `step`, so nothing moves: they were forgotten after `backward`, or `step` "
    "came before it."
)
def forgets_too_late(optimizer: torch.optim.Optimizer, compute_loss: Loss) -> float:
    loss = compute_loss()
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


@train_step.misconception("the loss *after* the step was returned; the one before it is wanted.")
def returns_the_loss_after(optimizer: torch.optim.Optimizer, compute_loss: Loss) -> float:
    optimizer.zero_grad()
    compute_loss().backward()
    optimizer.step()
    return compute_loss().item()


@train_step.misconception("a step before `backward`: it moves along the gradient of the last call.")
def steps_before_differentiating(optimizer: torch.optim.Optimizer, compute_loss: Loss) -> float:
    loss = compute_loss()
    optimizer.step()
    optimizer.zero_grad()
    loss.backward()
    return loss.item()
