"""Do the norms that a rescaling symmetry links become equal under weight decay?

Weight decay presses a network down its orbit towards the least norm, where the norms of incoming
and outgoing weights stand in the ratio that the symmetry says. For gradient flow with L2 that is a
theorem; the runs here use AdamW, which conserves and decays nothing of the kind exactly. The
embedding and the unembedding alone trade scale under none of the symmetries; the residual stream's
links them together with queries, keys and positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from grokedu.claims.artifacts import load_ensemble, load_transformer_norms
from grokedu.claims.outcome import Outcome, Verdict, said
from grokedu.claims.transformer_norms import MODEL, linked_ratios, train_transformers
from grokedu.figures.style import BLACK, BLUE, VERMILION, Described, panels
from grokedu.measures.arrays import Array
from grokedu.measures.statistics import bootstrap
from grokedu.models.transformer import Transformer
from grokedu.training.runs import Runs

CLOSE = 0.1  # a ratio within this of 1 counts as equal
REACH = ("W_E", "W_V", "W_O", "W_in", "W_out", "W_U")  # the path from a token to the logits
REST = ("W_Q", "W_K", "W_pos")
LINKED = (("W_V", "W_O"), ("W_Q", "W_K"), ("W_in", "W_out"))
QUICK: dict[str, Any] = {"seeds": range(3), "steps": 600, "model": MODEL}
FULL: dict[str, Any] = {
    "seeds": range(5),
    "steps": 20_000,
    "model": Transformer(113),
    "fraction": 0.3,
    "lr": 1e-3,
}


def run(*, quick: bool, progress: bool) -> Outcome:
    """Train transformers, p = 53 to step 600 (quick) or p = 113; read what is shipped.

    Shipped are five transformers of p = 53 trained five times as long, and the ensemble, whose
    two-layer networks have the square between, which links the squared norms of the two embeddings
    together to twice that of the readout.
    """
    settings = QUICK if quick else FULL
    live = train_transformers(**settings, progress=progress)
    late = load_transformer_norms().select(weight_decay=1.0)
    states = {
        f"p={settings['model'].p}, step {live.steps[-1]}": live,
        f"p={MODEL.p}, step {late.steps[-1]}": late,
    }
    runs = load_ensemble()
    two_layer = np.sqrt(
        (runs["norm_A"][-1] ** 2 + runs["norm_B"][-1] ** 2) / (2 * runs["norm_W"][-1] ** 2)
    )
    equal = {
        f"{name}, {at}": _equal(ratio[-1])
        for at, one in states.items()
        for name, ratio in linked_ratios(one).items()
        if name != "W_E to W_U"
    }
    equal["two layers"] = _equal(two_layer)
    square = bootstrap(two_layer, groups=runs.labels["seed"])
    start, end = ({name: live[f"norm_{name}"][at] for name in (*REACH, *REST)} for at in (0, -1))
    return Outcome(
        verdict=judge([*equal.values()]),
        says=(
            "; ".join(_sentence(at, one) for at, one in states.items())
            + f"; two layers with x²: {said(square, '.3f')} of the balanced ratio, in "
            f"{len(runs)} runs from {two_layer.min():.2f} to {two_layer.max():.2f}"
        ),
        published=(
            "Nanda et al. 2023's network as the course's sources retell it: late in training the "
            "six tensors on the path to the logits have near-equal norms, others go to zero"
        ),
        numbers={
            "close": CLOSE,
            "equal": equal,
            "states": {at: _numbers(one) for at, one in states.items()},
            "two_layer": square,
        },
        seeds=[*settings["seeds"]],
        draw=partial(
            draw_norms,
            start,
            end,
            LINKED,
            title=f"One-layer transformer, AdamW, weight decay 1, {live.steps[-1]} steps",
        ),
    )


def judge(equal: list[bool]) -> Verdict:
    """Whether all of the linked ratios are 1, or some.

    >>> judge([True, True]), judge([True, False]), judge([False, False])
    ('holds', 'holds in a window', 'fails')
    """
    return "holds" if all(equal) else "holds in a window" if any(equal) else "fails"


def _equal(ratio: Array) -> bool:
    return bool((np.abs(np.log(ratio)) <= np.log1p(CLOSE)).all())


def _numbers(runs: Runs) -> dict[str, Any]:
    norms = {name: runs[f"norm_{name}"][-1].astype(np.float64) for name in (*REACH, *REST)}
    reach = np.array([norms[name] for name in REACH])
    return {
        "ratios": {name: bootstrap(ratio[-1]) for name, ratio in linked_ratios(runs).items()},
        "largest_over_smallest": bootstrap(reach.max(axis=0) / reach.min(axis=0)),
        "off_path": {name: bootstrap(norms[name] / reach.mean(axis=0)) for name in REST},
        "norms": {name: bootstrap(values) for name, values in norms.items()},
    }


def _sentence(at: str, runs: Runs) -> str:
    numbers = _numbers(runs)
    ratios = ", ".join(f"{name} {said(one, '.2f')}" for name, one in numbers["ratios"].items())
    off_path = ", ".join(f"{name} {one['value']:.2f}" for name, one in numbers["off_path"].items())
    return (
        f"transformer, {at}: norms of {ratios} (the last linked by no symmetry alone); largest "
        f"over smallest of {', '.join(REACH)} {said(numbers['largest_over_smallest'], '.2f')}; "
        f"of their mean {off_path}"
    )


def draw_norms(
    start: Mapping[str, Array],
    end: Mapping[str, Array],
    linked: Sequence[tuple[str, str]],
    *,
    title: str = "",
) -> Described:
    """A column a tensor, with its norm before and after training; brackets join linked ones.

    Args:
        start, end: tensor name to (S,) norms.
        linked: pairs of names whose norms a symmetry links; each bracket says their ratio.
        title: drawn above, if any.
    """
    figure, (axes,) = panels(1, width=8.2, height=4.2)
    names = [*end]
    for x, name in enumerate(names):
        runs = np.linspace(-0.12, 0.12, len(end[name])) if len(end[name]) > 1 else np.zeros(1)
        axes.plot(x + runs, start[name], ls="", marker="o", mfc="white", mec=BLUE, ms=5)
        axes.plot(x + runs, end[name], ls="", marker="D", color=VERMILION, ms=5)
    top = max(float(np.max(values)) for values in (*start.values(), *end.values()))
    said = []
    for level, (one, other) in enumerate(linked):
        ratio = float(np.median(end[one] / end[other]))
        a, b = names.index(one), names.index(other)
        y = top * (1.08 + 0.1 * level)
        axes.plot([a, a, b, b], [y - 0.02 * top, y, y, y - 0.02 * top], color=BLACK, lw=0.9)
        axes.text((a + b) / 2, y, f"{ratio:.2f}", ha="center", va="bottom", fontsize=8)
        said.append(f"{one} to {other} {ratio:.2f}")
    axes.plot([], [], ls="", marker="o", mfc="white", mec=BLUE, label="start")
    axes.plot([], [], ls="", marker="D", color=VERMILION, label="end")
    axes.set_xticks(range(len(names)), names, fontsize=8)
    axes.set(ylabel="L2 norm", xlabel="tensor", ylim=(0, top * (1.2 + 0.1 * len(linked))))
    axes.legend(frameon=False, fontsize=8, loc="upper right", ncols=2)
    if title:
        axes.set_title(title, fontsize=10)
    sizes = ", ".join(
        f"{name} {np.median(start[name]):.1f} to {np.median(end[name]):.1f}" for name in names
    )
    figure.alt = (
        f"Norm of each tensor at the start and at the end of training, medians over "
        f"{len(end[names[0]])} runs: {sizes}. Ratios at the end of those that a symmetry links: "
        f"{', '.join(said)}."
    )
    return figure
