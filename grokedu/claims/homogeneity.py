"""What does it change to multiply all weights of a network by one number?

The degree that counting gives beside the one found by trying, the predictions at a tenth of all
weights, and a grokked network's accuracy and loss at several sizes. Lesson 02 runs it with the
learner's ``homogeneity_degree``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from grokedu import symmetry
from grokedu.measures import accuracy, cross_entropy
from grokedu.models.parameters import Params
from grokedu.symmetry import examples
from grokedu.tasks import Task

SIZES = (0.25, 1.0, 4.0)


class Tried(NamedTuple):
    """A network: its degree counted and tried, and the share of predictions kept at a tenth."""

    counted: float | None
    tried: float | None
    same: float


def measure(
    *, homogeneity_degree: Callable[..., float | None] = symmetry.homogeneity_degree
) -> dict[str, Tried]:
    """Four small networks of random weights, with and without biases, with ReLU and GELU.

    Args:
        homogeneity_degree: that of :mod:`grokedu.symmetry`, or a learner's.

    >>> measure()["three layers"]
    Tried(counted=3.0, tried=3.0, same=1.0)
    """
    x = torch.randn(50, 6, generator=torch.Generator().manual_seed(0))
    found = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        plain, biased = partial(nn.Linear, 6, 6, bias=False), partial(nn.Linear, 6, 6)
        nets: dict[str, tuple[list[nn.Module], list[float | None], list[bool]]] = {
            "three layers": (
                [plain(), nn.ReLU(), plain(), nn.ReLU(), plain()], [1.0, 1.0], [False] * 3
            ),
            "a bias in the first": ([biased(), nn.ReLU(), plain()], [1.0], [True, False]),
            "biases in both": ([biased(), nn.ReLU(), biased()], [1.0], [True, True]),
            "GELU, no biases": ([plain(), nn.GELU(), plain()], [None], [False] * 2),
        }  # fmt: skip
    for name, (layers, degrees, biases) in nets.items():
        net = nn.Sequential(*layers)
        weights = {key: weight.detach() for key, weight in net.named_parameters()}

        def outputs(values: dict[str, Tensor], net: nn.Module = net) -> Tensor:
            return functional_call(net, values, (x,)).detach()

        tenth = {key: weight / 10 for key, weight in weights.items()}
        same = (outputs(tenth).argmax(-1) == outputs(weights).argmax(-1)).double().mean()
        counted = homogeneity_degree(degrees, biases)
        found[name] = Tried(counted, symmetry.measured_degree(outputs, weights), float(same))
    return found


def at_sizes(net: Params, task: Task) -> dict[float, tuple[float, float]]:
    """The accuracy and the cross-entropy (nats) of a network of squares, all weights times r.

    Args:
        net: as of :func:`grokedu.symmetry.examples.one_matrix`.
        task: whose examples, of both parts, it is judged on.
    """
    found = {}
    for r in SIZES:
        logits = examples.logits({name: r * each for name, each in net.items()}, task.inputs)
        right, loss = accuracy(logits, task.targets), cross_entropy(logits, task.targets)
        found[r] = float(right), float(loss)
    return found


def table(found: dict[str, Tried], sizes: dict[float, tuple[float, float]]) -> str:
    """A line a network, and a line a size of the grokked one."""
    lines = [
        f"{name:20} counted {one.counted}, tried {one.tried}; at a tenth {one.same:.0%} "
        "predicted alike"
        for name, one in found.items()
    ]
    lines.append("your first network, of squares:")
    for r, (right, loss) in sizes.items():
        lines.append(f"  all weights times {r:4}: accuracy {right:.3f}, loss {loss:.4f}")
    return "\n".join(lines)
