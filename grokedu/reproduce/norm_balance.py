"""Do the norms that a rescaling symmetry links become equal under weight decay?

Weight decay presses a network down its orbit towards the least norm, where the norms of incoming
and outgoing weights stand in the ratio that the symmetry says. For gradient flow with L2 that is a
theorem; the runs here use AdamW, which conserves and decays nothing of the kind exactly. Other
norms, such as those of embedding and unembedding, no symmetry links.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from grokedu import figures
from grokedu.artifacts import load_ensemble
from grokedu.measures import tensor_norms
from grokedu.models.transformer import NAMES, Transformer
from grokedu.models.transformer_gradient import TransformerGradient
from grokedu.optimizers import AdamW
from grokedu.reproduce.outcome import Outcome, Verdict, said
from grokedu.runs import Array
from grokedu.sphere import Split, descend, scaled_copies
from grokedu.statistics import bootstrap
from grokedu.symmetry import conserved_charge, transformer_pairs
from grokedu.tasks import make_task, random_stream

CLOSE = 0.1  # a ratio within this of 1 counts as equal
REACH = ("W_E", "W_V", "W_O", "W_in", "W_out", "W_U")  # the path from a token to the logits
LINKED = (("W_V", "W_O"), ("W_Q", "W_K"), ("W_in", "W_out"))


def run(*, quick: bool, progress: bool) -> Outcome:
    """Train transformers, p = 53 over three seeds (quick) or p = 113 over five; read the ensemble.

    The ensemble's two-layer networks have the square between, which links the squared norms of the
    two embeddings together to twice that of the readout.
    """
    seeds = range(3 if quick else 5)
    start, end, gaps = train_transformers(quick, [*seeds], progress)
    ratios = {f"{one}_{other}": end[one] / end[other] for one, other in (*LINKED, ("W_E", "W_U"))}
    runs = load_ensemble()
    two_layer = np.sqrt(
        (runs["norm_A"][-1] ** 2 + runs["norm_B"][-1] ** 2) / (2 * runs["norm_W"][-1] ** 2)
    )
    reach = np.array([end[name] for name in REACH])
    spread = reach.max(axis=0) / reach.min(axis=0)
    off_path = {name: end[name] / reach.mean(axis=0) for name in ("W_Q", "W_K", "W_pos")}
    linked = [ratios[f"{one}_{other}"] for one, other in LINKED]
    equal = [bool((np.abs(np.log(r)) <= np.log1p(CLOSE)).all()) for r in (*linked, two_layer)]
    verdict: Verdict = "holds" if all(equal) else "holds in a window" if any(equal) else "fails"
    found = {name: bootstrap(values) for name, values in ratios.items()}
    square = bootstrap(two_layer, groups=runs.labels["seed"])
    return Outcome(
        verdict=verdict,
        says=(
            "norms at the end, transformer: "
            + ", ".join(
                f"{name.replace('_W', ' / W')} {said(one, '.2f')}" for name, one in found.items()
            )
            + f" (the last linked by no symmetry); largest over smallest of {', '.join(REACH)} "
            f"{said(bootstrap(spread), '.2f')}; W_Q is {said(bootstrap(off_path['W_Q']), '.2f')} "
            f"of their mean; two layers with x²: {said(square, '.3f')} of the balanced ratio, in "
            f"{len(runs)} runs from {two_layer.min():.2f} to {two_layer.max():.2f}"
        ),
        published=(
            "Nanda et al. 2023's network as the course's sources retell it: late in training the "
            "six tensors on the path to the logits have near-equal norms, others go to zero"
        ),
        numbers={
            "close": CLOSE,
            "ratios": found,
            "equal": dict(zip([*(f"{a}_{b}" for a, b in LINKED), "two_layer"], equal, strict=True)),
            "two_layer": square,
            "largest_over_smallest": bootstrap(spread),
            "off_path": {name: bootstrap(values) for name, values in off_path.items()},
            "charge_gap": {
                name: {at: bootstrap(values) for at, values in one.items()}
                for name, one in gaps.items()
            },
            "norms_at_start": {name: bootstrap(values) for name, values in start.items()},
            "norms_at_end": {name: bootstrap(values) for name, values in end.items()},
        },
        seeds=[*seeds],
        draw=partial(
            figures.balance,
            {name: start[name] for name in (*REACH, "W_Q", "W_K", "W_pos")},
            {name: end[name] for name in (*REACH, "W_Q", "W_K", "W_pos")},
            LINKED,
            title="One-layer transformer, AdamW, weight decay 1",
        ),
    )


def train_transformers(
    quick: bool, seeds: list[int], progress: bool
) -> tuple[dict[str, Array], dict[str, Array], dict[str, dict[str, Array]]]:
    """Norms at the start and the end, name to (S,), and the gap of the charges at both.

    The gap is the sum over neurons of |charge| over that of the squared norms: 0 when balanced.
    """
    if quick:
        model, fraction, lr, steps = Transformer(53, 64, 4, 128), 0.5, 0.01, 600
    else:
        model, fraction, lr, steps = Transformer(113), 0.3, 1e-3, 20_000
    rows: list[dict[str, dict[str, float]]] = []
    gaps: dict[str, dict[str, list[float]]] = {
        name: {"start": [], "end": []} for name in transformer_pairs()
    }
    for seed in tqdm(seeds, disable=not progress, unit="run"):
        task = make_task("modular_addition", model.p, fraction, seed)
        pairs, labels = task.inputs[task.train], task.targets[task.train]
        split = Split(pairs, labels, task.inputs[task.test], task.targets[task.test])
        params = scaled_copies(model, seed, [1.0])
        weights = torch.full((1, len(labels)), 1 / len(labels))
        final = descend(
            model,
            params,
            split,
            optimizer=AdamW(lr, 1.0, betas=(0.9, 0.98)),
            steps=steps,
            generator=random_stream(seed, "batches"),
            loss="cross_entropy",
            gradient=TransformerGradient(model, pairs[None], labels[None], weights),
        ).params
        both = {"start": params, "end": final}
        rows.append({at: _norms(one) for at, one in both.items()})
        for name, pair in transformer_pairs().items():
            for at, one in both.items():
                into, out = pair.squares(one)
                charge = conserved_charge(one, pair).abs().sum() / (into + out).sum()
                gaps[name][at].append(float(charge))
    start, end = (
        {name: np.array([row[at][name] for row in rows]) for name in NAMES}
        for at in ("start", "end")
    )
    arrays: dict[str, dict[str, Any]] = {
        name: {at: np.array(values) for at, values in one.items()} for name, one in gaps.items()
    }
    return start, end, arrays


def _norms(params: dict[str, torch.Tensor]) -> dict[str, float]:
    return {name: float(norm) for name, norm in tensor_norms(params, run_axis=True).items()}
