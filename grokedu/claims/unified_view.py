"""Does a critical data size fall and a memory rise with the network, and do they bound regimes?

Networks of several widths are trained at several data sizes, on true labels and on random ones. The
critical size of a width is where half of the test pairs come out right; its memory is the number of
random labels that it can still fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from grokedu.claims.outcome import Outcome, Verdict
from grokedu.efficiency import critical_data_size, memorisation_only, regimes, shrink, size_data_map
from grokedu.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    PURPLE,
    SKY,
    VERMILION,
    Described,
    log_scale,
    panels,
)
from grokedu.measures.arrays import Array
from grokedu.models.two_layer import TwoLayer
from grokedu.tasks import Task, make_task
from grokedu.training.runs import Runs

FITTED = 0.95  # the train accuracy from which on random labels count as fitted
QUICK: dict[str, Any] = {
    "p": 23,
    "widths": [4, 6, 8, 16, 32, 64],
    "sizes": [60, 100, 160, 230, 320, 450],
    "seeds": 3,
    "steps": 1000,
}
FULL: dict[str, Any] = {
    "p": 31,
    "widths": [4, 6, 8, 16, 32, 64, 128, 256],
    "sizes": [150, 220, 300, 420, 580, 800],
    "seeds": 5,
    "steps": 4000,
}


def run(*, quick: bool, progress: bool) -> Outcome:
    """Quick: p = 23, up to 64 neurons, 3 seeds. Full: p = 31, up to 256 neurons, 5 seeds."""
    setting = QUICK if quick else FULL
    p, widths, sizes, steps = (setting[name] for name in ("p", "widths", "sizes", "steps"))
    seeds = range(setting["seeds"])
    tables = {
        seed: make_task("modular_addition", p, max(sizes) / p**2 + 0.01, seed) for seed in seeds
    }

    def true(size: int, seed: int) -> Task:
        return shrink(tables[seed], size)

    def drawn(size: int, seed: int) -> Task:
        return memorisation_only(true(size, seed), seed)

    found, random = (
        size_data_map(
            {width: TwoLayer(p, width) for width in widths},
            task,
            sizes,
            seeds=seeds,
            steps=steps,
            lr=0.01,
            weight_decay=decay,
            progress=progress,
        )
        for task, decay in ((true, 1.0), (drawn, 0.0))
    )
    shape = (len(sizes), len(seeds))

    def last(runs: Runs, name: str) -> Array:
        return runs[name][-1].reshape(shape).T

    named = np.stack([regimes(runs).reshape(shape) for runs in found.values()])
    critical = {
        width: critical_data_size(sizes, last(runs, "test_accuracy"), 0.5)
        for width, runs in found.items()
    }
    memory = {
        width: critical_data_size(sizes, FITTED - last(runs, "train_accuracy"))
        for width, runs in random.items()
    }
    counts = {name: int((named == name).sum()) for name in np.unique(named).tolist()}
    falls = ordered(critical, upwards=False)
    rises = ordered(memory, upwards=True)
    return Outcome(
        verdict=_verdict(falls, rises, counts),
        says=(
            f"critical data size by width: {_listed(critical)}; random labels fitted up to: "
            f"{_listed(memory)}; runs: "
            + ", ".join(f"{number} {name}" for name, number in counts.items())
        ),
        published=(
            "Huang et al. 2024 (arXiv 2402.15175), transformers at p = 113: the critical data size "
            "falls with the network and its memory rises; between the two lies grokking, above the "
            "memory progression, below the critical size memorisation"
        ),
        numbers={
            "p": p,
            "steps": steps,
            "widths": widths,
            "sizes": sizes,
            "critical": critical,
            "memory": memory,
            "counts": counts,
            "critical_falls": falls,
            "memory_rises": rises,
            "regimes": named,
        },
        seeds=[*seeds],
        draw=partial(
            figure,
            widths,
            sizes,
            named,
            critical={width: one["value"] for width, one in critical.items()},
            memory={width: one["value"] for width, one in memory.items()},
            title=f"p = {p}, weight decay 1, {steps} steps, {len(seeds)} seeds",
        ),
    )


def ordered(found: dict[int, dict[str, float]], *, upwards: bool) -> bool:
    """Whether the known values move one way with the width; at least two must be known.

    >>> ordered({8: {"value": 3.0}, 16: {"value": 2.0}}, upwards=False)
    True
    """
    values = [one["value"] for one in found.values() if np.isfinite(one["value"])]
    signs = [(after - before) * (1 if upwards else -1) for before, after in pairwise(values)]
    return len(values) > 1 and all(sign > 0 for sign in signs)


def _listed(found: dict[int, dict[str, float]]) -> str:
    return ", ".join(
        f"{width}: {one['value']:.0f} [{one['low']:.0f}, {one['high']:.0f}]"
        if np.isfinite(one["value"])
        else f"{width}: outside the map"
        for width, one in found.items()
    )


def _verdict(falls: bool, rises: bool, counts: dict[str, int]) -> Verdict:
    seen = {"memorisation", "grokking", "progression"} <= counts.keys()
    if falls and rises and seen:
        return "holds"
    return "holds in a window" if falls or rises else "fails"


MARKS = {
    "underfit": ("x", BLACK),
    "memorisation": ("s", VERMILION),
    "semi-grokking": ("D", SKY),
    "grokking": ("o", BLUE),
    "progression": ("^", GREEN),
}


def figure(
    widths: Sequence[int],
    sizes: Sequence[int],
    regimes: npt.ArrayLike,
    *,
    critical: Mapping[int, float],
    memory: Mapping[int, float],
    title: str = "",
) -> Described:
    """The commonest regime of each cell, and the two data sizes that bound them.

    Args:
        widths, sizes: of the networks, and of the train part.
        regimes: (W, K, S) of the names of :func:`grokedu.efficiency.regimes`.
        critical: width to the size from which on half of the test pairs are right.
        memory: width to the size up to which random labels are fitted.
        title: drawn above, if any.
    """
    figure, (axes,) = panels(1, width=8.2)
    table = np.asarray(regimes)
    said = []
    for name, (marker, colour) in MARKS.items():
        share = (table == name).mean(axis=2)
        rows, columns = np.nonzero(share > 0)
        if len(rows):
            axes.scatter(
                np.asarray(widths)[rows],
                np.asarray(sizes)[columns],
                s=30 + 60 * share[rows, columns],
                marker=marker,
                c=colour,
                alpha=0.75,
                lw=0 if marker != "x" else 1.5,
                label=name,
            )
            said.append(f"{name} {(table == name).sum()}")
    for line, name, colour, dashes in (
        (critical, "half of the test pairs right", BLACK, "-"),
        (memory, "random labels fitted up to here", PURPLE, "--"),
    ):
        known = {width: value for width, value in line.items() if np.isfinite(value)}
        axes.plot(
            [*known], [*known.values()], color=colour, ls=dashes, marker=".", lw=1.6, label=name
        )
        pairs = ", ".join(f"{value:.0f} at {width}" for width, value in known.items())
        said.append(f"{name}: {pairs or 'not within the map'}")
    log_scale(axes, "x")
    log_scale(axes, "y")
    axes.set(xlabel="hidden neurons", ylabel="train examples", xticks=widths, yticks=sizes)
    axes.set_position((0.1, 0.15, 0.53, 0.72))  # room for the legend beside it
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5))
    if title:
        axes.set_title(title, fontsize=10)
    figure.alt = (
        "A map of train examples against hidden neurons, log axes, with the regime of each run. "
        f"Runs: {'; '.join(said)}."
    )
    return figure
