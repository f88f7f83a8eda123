"""Chains of devinterp, run in an environment of its own: jobs on stdin, results on stdout.

The networks and data of :mod:`benchmarks.llc_against` are here too, with torch alone, as both sides
are given the same. A job is a line, a JSON object::

    {"network": ["deep_linear", {"widths": [4, 4, 4], "rank": 2}], "lr": 1e-5, "localization": 1.0,
     "nbeta": null, "chains": 10, "draws": 1200, "burn_in": 1200, "seed": 0}

Left out, ``lr`` and ``localization`` are devinterp's defaults; an ``nbeta`` of null is what its
``default_nbeta`` gives for the batch. The result has "value", "nbeta", "seconds" and "cpu"; the
value is null where devinterp stopped at a loss of nan, or gave one that is not finite.
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Loss = Callable[[Tensor, Tensor], Tensor]
Example = tuple[nn.Module, Tensor, Tensor, Loss]


def half_square(outputs: Tensor, targets: Tensor) -> Tensor:
    """Half the squared error, summed over coordinates: the mean over examples."""
    return (outputs - targets).square().sum(dim=-1).mean() / 2


def deep_linear(widths: Sequence[int], rank: int) -> Example:
    """A deep linear network at w* = diag(I_r, 0) in every layer, and its population loss.

    The inputs are ``sqrt(d) e_i``, whose second moment is exactly the identity, so that the mean
    loss over them is ``|W - W*|_F^2 / 2``.

    >>> net, inputs, targets, loss = deep_linear([3, 2, 4], rank=1)
    >>> loss(net(inputs), targets).item(), (inputs.T @ inputs / 3 - torch.eye(3)).abs().max() < 1e-6
    (0.0, tensor(True))
    """
    net = nn.Sequential(*(nn.Linear(a, b, bias=False) for a, b in pairwise(widths)))
    with torch.no_grad():
        for weight in net.parameters():
            weight.zero_()[:rank, :rank] = torch.eye(rank)
    inputs = math.sqrt(widths[0]) * torch.eye(widths[0])
    return net, inputs, net(inputs).detach(), half_square


def regression(curvatures: Sequence[float]) -> Example:
    """Linear regression at w* = 0 with the loss ``sum of h_i w_i^2 / 2``.

    >>> net, inputs, targets, loss = regression([4.0, 1.0])
    >>> _ = nn.init.ones_(net.weight)
    >>> round(loss(net(inputs), targets).item(), 5)
    2.5
    """
    net = nn.Linear(len(curvatures), 1, bias=False)
    nn.init.zeros_(net.weight)
    inputs = torch.diag((len(curvatures) * torch.tensor(curvatures)).sqrt())
    return net, inputs, torch.zeros(len(curvatures), 1), half_square


class TwoLayerNetwork(nn.Module):
    """Logits ``(A[a] + B[b])**2 @ W`` of pairs of residues.

    >>> TwoLayerNetwork(p=5, width=8)(torch.tensor([[1, 2], [3, 4]])).shape
    torch.Size([2, 5])
    """

    def __init__(self, p: int, width: int) -> None:
        super().__init__()
        self.A, self.B = (nn.Parameter(torch.randn(p, width) / p**0.5) for _ in range(2))
        self.W = nn.Parameter(torch.randn(width, p) / width**0.5)

    def forward(self, pairs: Tensor) -> Tensor:
        """Logits (n, p) of pairs (n, 2)."""
        return (self.A[pairs[:, 0]] + self.B[pairs[:, 1]]).square() @ self.W


class ModularMLP(nn.Module):
    """The network of devinterp's modular addition: one embedding, a map for each residue, GELU.

    >>> sum(w.numel() for w in ModularMLP(p=53, embedding=12, hidden=48).parameters())
    4428
    """

    def __init__(self, p: int, embedding: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(p, embedding)
        self.left, self.right = (nn.Linear(embedding, hidden) for _ in range(2))
        self.out = nn.Linear(hidden, p, bias=False)

    def forward(self, pairs: Tensor) -> Tensor:
        """Logits (n, p) of pairs (n, 2)."""
        embedded = self.embedding(pairs)
        return self.out(F.gelu(self.left(embedded[:, 0]) + self.right(embedded[:, 1])))


def modular(net: Callable[..., nn.Module], fraction: float, p: int, **sizes: int) -> Example:
    """A network at its first weights, on a share of the pairs of addition modulo p."""
    torch.manual_seed(0)
    pairs = torch.cartesian_prod(torch.arange(p), torch.arange(p))
    pairs = pairs[torch.randperm(p * p)[: round(fraction * p * p)]]
    return net(p=p, **sizes), pairs, pairs.sum(dim=1) % p, F.cross_entropy


def two_layer(fraction: float, p: int, width: int) -> Example:
    """The two-layer network with the square as its activation."""
    return modular(TwoLayerNetwork, fraction, p, width=width)


def modular_mlp(fraction: float, p: int, embedding: int, hidden: int) -> Example:
    """The modular-addition network of devinterp's examples."""
    return modular(ModularMLP, fraction, p, embedding=embedding, hidden=hidden)


NETWORKS: dict[str, Callable[..., Example]] = {
    each.__name__: each for each in (deep_linear, regression, two_layer, modular_mlp)
}


def build(network: Sequence[Any]) -> Example:
    """The network, inputs, targets and loss of a name and its sizes.

    Raises:
        ValueError: for an unknown name.
    """
    name, sizes = network
    if name not in NETWORKS:
        raise ValueError(f"the network is {name!r}; wanted one of {', '.join(NETWORKS)}")
    return NETWORKS[name](**sizes)


def only(batches: list[Any]) -> Any:
    """The one batch of a data set of batches: collated once and not example by example."""
    return batches[0]


def run(job: dict[str, Any]) -> dict[str, float | None]:
    """One call of devinterp, all examples in every batch."""
    from devinterp.slt.sampler import estimate_learning_coeff_with_summary
    from devinterp.utils import default_nbeta
    from torch.utils.data import DataLoader

    net, inputs, targets, loss = build(job["network"])
    nbeta = job["nbeta"] or float(default_nbeta(len(inputs)))
    given = {name: job[name] for name in ("lr", "localization") if name in job}

    def evaluate(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return loss(model(batch[0]), batch[1])

    began, cpu = time.perf_counter(), time.process_time()
    try:
        value = estimate_learning_coeff_with_summary(
            net,
            DataLoader([(inputs, targets)], collate_fn=only),  # type: ignore[arg-type]
            evaluate=evaluate,
            optimizer_kwargs={"nbeta": nbeta, **given},
            num_draws=job["draws"],
            num_chains=job["chains"],
            num_burnin_steps=job["burn_in"],
            seed=job["seed"],
            verbose=False,
        )["llc/mean"]
    except RuntimeError as error:
        if "NaN" not in str(error):
            raise
        value = math.nan
    return {
        "value": value if math.isfinite(value) else None,
        "nbeta": nbeta,
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
    }


def main() -> None:
    """Answer every line of stdin until it ends."""
    warnings.simplefilter("ignore")  # devinterp warns at every call: of full batches, seeds, nbeta
    torch.set_num_threads(1)  # its networks here are small; the same for both sides
    answers = sys.stdout
    for line in sys.stdin:
        with contextlib.redirect_stdout(sys.stderr):
            result = run(json.loads(line))
        print(json.dumps(result), file=answers, flush=True)


if __name__ == "__main__":
    main()
