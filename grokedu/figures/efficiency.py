"""Norms that two kinds of network need against the data size, and what becomes of generalising."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from grokedu.figures.style import (
    BLACK,
    BLUE,
    SERIES,
    VERMILION,
    Described,
    count,
    log_scale,
    panels,
)


def efficiency(
    sizes: npt.ArrayLike,
    memorising: npt.ArrayLike,
    true: npt.ArrayLike,
    test_accuracy: npt.ArrayLike,
    *,
    critical: Mapping[str, float] | None = None,
    loss: float,
    title: str = "",
) -> Described:
    """The norm at a fixed train loss, with random labels and with true ones, and the test accuracy.

    Args:
        sizes: (K,) numbers of train examples.
        memorising, true: (S, K) the norms, a row a seed.
        test_accuracy: (S, K) of the networks with true labels.
        critical: ``value``, ``low`` and ``high`` of the size at which the two cross; a band.
        loss: the train loss in nats that the norms are for.
        title: drawn above, if any.
    """
    figure, (left, right) = panels(2, width=9.2)
    at = np.asarray(sizes)
    said = []
    for name, values, colour, marker, line in (
        ("random labels", memorising, VERMILION, "s", "--"),
        ("true labels", true, BLUE, "o", "-"),
    ):
        table = np.asarray(values)
        middle = np.nanmedian(table, axis=0)
        left.plot(at, middle, color=colour, marker=marker, ls=line, lw=1.6, ms=5, label=name)
        left.scatter(np.tile(at, len(table)), table.ravel(), color=colour, s=10, alpha=0.5, lw=0)
        pairs = ", ".join(f"{m:.1f} at {s}" for m, s in zip(middle, at, strict=True))
        said.append(f"{name}: {pairs}")
    table = np.asarray(test_accuracy)
    middle = np.median(table, axis=0)
    right.plot(at, middle, color=BLUE, marker="o", lw=1.6, ms=5)
    right.scatter(np.tile(at, len(table)), table.ravel(), color=BLUE, s=10, alpha=0.5, lw=0)
    words = ""
    if critical is not None and np.isfinite(critical["value"]):
        for axes in (left, right):
            axes.axvspan(critical["low"], critical["high"], color=BLACK, alpha=0.12, lw=0)
            axes.axvline(critical["value"], color=BLACK, ls=":", lw=1)
        words = (
            f" The norms cross at {critical['value']:.0f} examples "
            f"[{critical['low']:.0f}, {critical['high']:.0f}]."
        )
    left.set_ylabel(f"norm at a train loss of {loss:g}")
    right.set(ylabel="test accuracy, true labels", ylim=(-0.04, 1.06))
    for axes in (left, right):
        log_scale(axes, "x", subs=(1.0, 2.0, 5.0))
        axes.set(xlabel="train examples", xticks=at)
    left.legend(frameon=False, fontsize=8)
    if title:
        figure.suptitle(title)
    accuracies = ", ".join(f"{a:.2f} at {s}" for a, s in zip(middle, at, strict=True))
    figure.alt = (
        "Two panels against the number of train examples, log scale, for "
        f"{count(len(table), 'seed')}. Left, the norm at a train loss of {loss:g}, medians: "
        f"{'; '.join(said)}. Right, the median test accuracy with true labels: {accuracies}.{words}"
    )
    return figure


def ungrokking(
    sizes: npt.ArrayLike,
    accuracies: Mapping[float, npt.ArrayLike],
    *,
    scratch: npt.ArrayLike | None = None,
    title: str = "",
) -> Described:
    """The test accuracy that networks keep when they go on training on fewer examples.

    Args:
        sizes: (K,) numbers of train examples.
        accuracies: for each weight decay (S, K), a row a seed.
        scratch: (S, K) of networks trained at that size from the start, if known.
        title: drawn above, if any.
    """
    figure, (axes,) = panels(1)
    at = np.asarray(sizes)
    said = []
    rows = [(f"weight decay {decay:g}", values) for decay, values in accuracies.items()]
    if scratch is not None:
        rows.append(("from scratch", scratch))
    for index, ((name, values), style) in enumerate(zip(rows, SERIES, strict=False)):
        table = np.asarray(values)
        middle = np.median(table, axis=0)
        x = at * 1.012 ** (
            index - (len(rows) - 1) / 2
        )  # so that the series do not cover each other
        below, above = middle - table.min(axis=0), table.max(axis=0) - middle
        axes.errorbar(x, middle, yerr=[below, above], **style, ms=5, lw=1.4, capsize=2, label=name)
        pairs = ", ".join(f"{m:.2f} at {s}" for m, s in zip(middle, at, strict=True))
        said.append(f"{name}: {pairs}")
    log_scale(axes, "x", subs=(1.0, 2.0, 5.0))
    axes.set(xlabel="train examples", ylabel="test accuracy", ylim=(-0.04, 1.06), xticks=at)
    axes.legend(frameon=False, fontsize=8)
    if title:
        axes.set_title(title, fontsize=10)
    figure.alt = (
        "Test accuracy, median and range over seeds, against the number of train examples, log "
        f"scale. {'; '.join(said)}."
    )
    return figure
