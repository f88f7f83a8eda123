"""Learning coefficients beside SGLD and devinterp: errors at equal gradients, and throughput.

Errors: the population loss (full batch) of deep linear networks and of a linear regression of
condition number 1e3, at n = 1e6, nbeta = n / log n, gamma = 1; every way has the same number of
chains and of gradients a chain, and the target is the exact value, corrected for the multiplicity
or for the localisation. The ways:

- ours: ``estimate_llc`` as it comes;
- SGLD: ours, at each step size of a grid, the first half of the gradients as burn-in;
- devinterp, lr .01: its defaults (learning rate, no localisation, no burn-in), at our nbeta;
- devinterp, its nbeta: its defaults, and batch / log(batch), its ``default_nbeta``, for nbeta; the
  batch is the d inputs that make the population loss;
- devinterp at each learning rate of a grid, with our nbeta and gamma, and half as burn-in.

The best of a grid is chosen in the knowledge of the target, which a user does not have. A way
that diverged in some seeds has no error there; how many did is told. The aim is an error ten times
below that of devinterp's defaults.

devinterp 1.3.2 lives in an environment of its own in the user's cache, set up at the first call.

    python -m benchmarks.llc_against --quick

takes two seeds, four chains and a smaller grid, and prints the throughput too.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from benchmarks.devinterp_environment import Devinterp, environment
from benchmarks.llc_throughput import NBETA, N, batched, throughput
from grokedu.llc import deep_linear_llc, estimate_llc
from grokedu.llc.exact.normal_crossing import leading_correction
from grokedu.llc.exact.quadratic import localised_quadratic_llc
from grokedu.llc.sampling.langevin import SGLD

GAMMA = 1.0
SEEDS = range(3)
CHAINS, GRADIENTS = 10, 2400  # devinterp's default number of chains, and enough for every way
STEP_SIZES = (1e-7, 3e-7, 1e-6, 3e-6, 1e-5, 3e-5, 1e-4)
RATES = (1e-7, 1e-6, 1e-5, 1e-4)  # of devinterp, which takes minutes where ours takes seconds
DEFAULTS, ITS_NBETA = "devinterp, lr .01", "devinterp, its nbeta"
DEEP = (((4, 4, 4), 2), ((5, 5, 5, 5), 2), ((10, 10, 10), 3), ((20, 20, 20), 5))
Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A network for :func:`benchmarks.devinterp_chains.build`, and what an estimate tends to."""

    name: str
    network: Sequence[Any]
    target: float


def cases() -> list[Case]:
    """Four deep linear networks and a regression.

    >>> [(case.name, round(case.target, 2)) for case in cases()][:2]
    [('4-4-4 r2', 7.5), ('5-5-5-5 r2', 11.0)]
    """
    found = []
    for widths, rank in DEEP:
        exact = deep_linear_llc(widths, rank)
        target = float(exact.value) + leading_correction(exact.multiplicity, NBETA)
        name = "-".join(map(str, widths)) + f" r{rank}"
        found.append(Case(name, ["deep_linear", {"widths": widths, "rank": rank}], target))
    curvatures = torch.logspace(-3, 0, 20, dtype=torch.float64).tolist()
    target = localised_quadratic_llc(curvatures, NBETA, GAMMA)
    found.append(Case("regression 1e3", ["regression", {"curvatures": curvatures}], target))
    return found


def summary(case: Case, way: str, step: float | None, values: list[float], seconds: float) -> Row:
    """A row: the root mean square of the relative errors, None if any run diverged.

    >>> row = summary(Case("c", [], 10.0), "ours", None, [11.0, 9.0], 1.0)
    >>> row["rms error"], row["diverged"]
    (0.1, 0)
    >>> row = summary(Case("c", [], 10.0), "SGLD", 1e-4, [11.0, float("nan")], 1.0)
    >>> row["rms error"], row["diverged"]
    (None, 1)
    """
    diverged = sum(not math.isfinite(value) for value in values)
    square = statistics.fmean((value / case.target - 1) ** 2 for value in values)
    return {
        "case": case.name,
        "target": round(case.target, 4),
        "way": way,
        "step size": step,
        "rms error": None if diverged else round(math.sqrt(square), 6),
        "diverged": diverged,
        "seeds": len(values),
        "values": [round(value, 4) if math.isfinite(value) else None for value in values],
        "seconds a run": round(seconds / len(values), 2),
    }


def side_by_side(
    seeds: Iterable[int] = SEEDS,
    *,
    chains: int = CHAINS,
    gradients: int = GRADIENTS,
    rates: Sequence[float] = RATES,
) -> list[Row]:
    """A row for each case and way; devinterp's are left out where it cannot be set up."""
    seeds = list(seeds)
    every = cases()
    rows = [
        _ours(case, step, seeds, chains, gradients)
        for case in every
        for step in (None, *STEP_SIZES)
    ]
    python, why = environment()
    if python is None:
        print(why, file=sys.stderr)
        return rows
    half: Row = {"nbeta": NBETA, "localization": GAMMA, "burn_in": gradients // 2}
    half["draws"] = gradients - half["burn_in"]
    whole: Row = {"draws": gradients, "burn_in": 0}
    ways: list[tuple[str, float | None, Row]] = [
        (DEFAULTS, None, {"nbeta": NBETA, **whole}),
        (ITS_NBETA, None, {"nbeta": None, **whole}),
        *(("devinterp", rate, {"lr": rate, **half}) for rate in rates),
    ]
    with Devinterp(python) as devinterp:
        for case in every:
            for way, rate, job in ways:
                told = [
                    devinterp.run(network=case.network, chains=chains, seed=seed, **job)
                    for seed in seeds
                ]
                seconds = sum(each["seconds"] for each in told)
                rows.append(summary(case, way, rate, [each["value"] for each in told], seconds))
                print(rows[-1], file=sys.stderr)
    return rows


def _ours(case: Case, step: float | None, seeds: list[int], chains: int, gradients: int) -> Row:
    began, values = time.perf_counter(), []
    loss, params = batched(case.network)
    for seed in seeds:
        found = estimate_llc(
            loss,
            params=params,
            n=N,
            gamma=GAMMA,
            chains=chains,
            gradients=gradients,
            sampler=None if step is None else partial(SGLD, step_size=step),
            seed=seed,
            progress=False,
        )
        values.append(found.value)
    way = "ours" if step is None else "SGLD"
    row = summary(case, way, step, values, time.perf_counter() - began)
    print(row, file=sys.stderr)
    return row


def best(rows: list[Row], way: str) -> Row | None:
    """The row of least error among the steps of a way at which no seed diverged; None if none."""
    sound = [row for row in rows if row["way"] == way and not row["diverged"]]
    return min(sound, key=lambda row: row["rms error"]) if sound else None


def pivot(rows: list[Row]) -> list[Row]:
    """The errors in per cent, a row each way; "1/5 nan" where one of five seeds diverged.

    >>> case, lost = Case("4-4-4", [], 10.0), float("nan")
    >>> for row in pivot([summary(case, "ours", None, [10.1], 1.0),
    ...                   summary(case, "devinterp", 1e-5, [10.5], 1.0),
    ...                   summary(case, DEFAULTS, None, [lost], 1.0)]):
    ...     print(row)
    {'rms error': 'target', '4-4-4': '10'}
    {'rms error': 'ours', '4-4-4': '1.0%'}
    {'rms error': 'devinterp 1e-05', '4-4-4': '5.0%'}
    {'rms error': 'devinterp, lr .01', '4-4-4': '1/1 nan'}
    {'rms error': 'best devinterp / ours', '4-4-4': '5.0'}
    {'rms error': 'devinterp, lr .01 / ours', '4-4-4': 'diverged'}
    """
    table: dict[str, dict[str, str]] = {"target": {}}
    for row in rows:
        step = "" if row["step size"] is None else f" {row['step size']:g}"
        lost = f"{row['diverged']}/{row['seeds']} nan"
        told = lost if row["diverged"] else f"{100 * row['rms error']:.1f}%"
        table["target"][row["case"]] = f"{row['target']:.4g}"
        table.setdefault(row["way"] + step, {})[row["case"]] = told
    for way in ("SGLD", "devinterp", DEFAULTS, ITS_NBETA):
        if any(row["way"] == way for row in rows):
            gridded = "best " if way in ("SGLD", "devinterp") else ""
            table[f"{gridded}{way} / ours"] = _times(rows, way)
    return [{"rms error": way, **errors} for way, errors in table.items()]


def _times(rows: list[Row], way: str) -> dict[str, str]:
    """For each case how many times our error the error of a way is."""
    found = {}
    for name in dict.fromkeys(row["case"] for row in rows):
        here = [row for row in rows if row["case"] == name]
        ours, other = best(here, "ours"), best(here, way)
        ratio = other["rms error"] / ours["rms error"] if other and ours else None
        found[name] = "diverged" if ratio is None else f"{ratio:.1f}"
    return found


def show(rows: list[Row]) -> None:
    """Print rows as a table."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names, *([str(row.get(name, "")) for name in names] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


def measure() -> dict[str, list[Row]]:
    """The errors as a table, and the rows behind it."""
    rows = side_by_side()
    return {"rms relative errors at equal gradients": pivot(rows), "every way": rows}


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.llc_against")
    parser.add_argument("--quick", action="store_true", help="two seeds, a smaller grid")
    if parser.parse_args().quick:
        rows = side_by_side(range(2), chains=4, rates=(1e-6, 1e-5))
        speeds = throughput(rounds=3, seconds=0.3)
    else:
        rows, speeds = side_by_side(), throughput()
    show(pivot(rows))
    print()
    show(speeds)


if __name__ == "__main__":
    main()
