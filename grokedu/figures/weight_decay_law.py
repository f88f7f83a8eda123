"""The delay against the weight decay, in both logarithms, with censored runs shown as such."""

from __future__ import annotations

import numpy as np
import torch

from grokedu.figures.style import BLACK, SERIES, Described, count, log_scale, panels
from grokedu.measures import censored_median
from grokedu.training.runs import Runs


def weight_decay_law(runs: Runs, *, threshold: float = 0.99, title: str = "") -> Described:
    """The grokking delay of each run against its weight decay, one series a learning rate.

    A filled marker is one run; the line joins the medians, where they are known. An open triangle
    at the end of training is a run that fitted and had not generalised by then; in the median it
    counts as slower than all others. The thin dotted line falls as
    1 / weight decay.

    Args:
        runs: of one train fraction, over learning rates, weight decays and seeds.
        threshold: the accuracy that counts as fitted and as generalised.
        title: drawn above, if any.
    """
    figure, (axes,) = panels(1)
    delays, fitted = runs.delay(threshold), runs.fitted_at(threshold)
    rates, decays = np.unique(runs.labels["lr"]), np.unique(runs.labels["weight_decay"])
    said, anchors = [], []
    for at, (rate, style) in enumerate(zip(rates, SERIES, strict=False)):
        aside = 1.05 ** (at - (len(rates) - 1) / 2)  # so that the rates do not cover each other
        middles, words = [], []
        for decay in decays:
            cell = np.isclose(runs.labels["lr"], rate) & np.isclose(
                runs.labels["weight_decay"], decay
            )
            reached = cell & np.isfinite(delays)
            censored = cell & np.isfinite(fitted) & ~np.isfinite(delays)
            x = decay * aside
            axes.scatter(
                np.full(reached.sum(), x),
                delays[reached],
                color=style["color"],
                marker=style["marker"],
                s=20,
                alpha=0.75,
                lw=0,
            )
            spread = 1.06 ** (np.arange(censored.sum()) - (censored.sum() - 1) / 2)
            axes.scatter(
                x * spread,
                np.full(censored.sum(), runs.steps[-1]),
                facecolors="none",
                edgecolors=style["color"],
                marker="^",
                s=26,
            )
            middle = censored_median(torch.from_numpy(delays[reached | censored]))
            if np.isfinite(middle):
                words.append(f"{decay:g}: {middle:.0f} steps")
                middles.append((x, middle))
            if censored.any():
                words.append(f"{decay:g}: {censored.sum()} of {cell.sum()} censored")
        if middles:
            x_values, y_values = zip(*middles, strict=True)
            axes.plot(x_values, y_values, color=style["color"], ls=style["ls"], lw=1.4)
            anchors.append(middles[-1])
        axes.plot([], [], label=f"learning rate {rate:g}", **{**style, "ms": 5})
        said.append(f"learning rate {rate:g}: " + ", ".join(words))
    if anchors:
        x, y = anchors[-1]
        axes.plot(decays, y * x / decays, color=BLACK, ls=":", lw=0.9, label="∝ 1 / weight decay")
    else:
        axes.set_ylim(runs.steps[-1] / 10, runs.steps[-1] * 2)
    axes.scatter([], [], facecolors="none", edgecolors=BLACK, marker="^", label="censored")
    axes.axhline(runs.steps[-1], color=BLACK, lw=0.6, alpha=0.5)
    log_scale(axes, "x")
    log_scale(axes, "y", subs=(1.0, 2.0, 5.0))
    axes.set(xlabel="weight decay", ylabel="delay (optimizer steps)")
    axes.set_xticks(decays)
    axes.legend(frameon=False, fontsize=8)
    if title:
        axes.set_title(title, fontsize=10)
    figure.alt = (
        f"Delay between fitting and generalising against weight decay, both on log axes, for "
        f"{count(len(runs), 'run')} of {runs.steps[-1]} steps. Median delays by weight decay: "
        f"{'; '.join(said)}. A dotted line falls as one over the weight decay."
    )
    return figure
