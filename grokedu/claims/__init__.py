"""Claims of the course's sources, each reproduced by one command: ``grokedu reproduce NAME``.

One module a claim. Its ``run(quick, progress)`` trains or reads the shared ensemble and returns an
:class:`Outcome`: the numbers with their intervals over runs beside the published ones, a verdict
and a figure. :func:`reproduce` writes both.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from grokedu.claims import results
from grokedu.claims.outcome import Outcome, provenance
from grokedu.claims.page import QUICK, claims_page

RESULTS, PAGE = Path("results"), Path("docs/claims.md")  # in the clone

CLAIMS: dict[str, str] = {
    "modular-grokking": "generalisation comes long after the train data is fitted",
    "weight-decay-law": "the delay is inversely proportional to the weight decay",
    "critical-fraction": "below a critical share of the data nothing generalises",
    "norm-and-grokking": "the weight norm falls when a network groks",
    "plain-metrics": "a norm or a label-free loss tells the test loss",
    "progress-measures": "a circuit of a few frequencies forms before the test loss falls",
    "modular-sphere": "at a fixed weight norm a network generalises as soon as it fits",
    "mnist-landscape": "at a fixed norm the train loss is L-shaped and the test loss U-shaped",
    "mnist-grokking": "a large initial scale delays generalisation on MNIST",
    "effective-learning-rate": "the cost of a large norm is the small angle of Adam's steps",
    "norm-balance": "weight decay balances the norms that a symmetry links",
    "circuit-efficiency": "only memorising needs more norm the more data there is",
    "ungrokking": "too few data undo generalising, whatever the weight decay",
    "training-states": "hidden states of the weights tell when a run generalises",
    "embedding-scale": "embeddings that start large learn slowly and delay generalising",
    "unified-view": "larger networks need less data to generalise and hold more by heart",
    "llc-exact": "an estimator without settings finds the learning coefficients known exactly",
    "llc-against-norm": "the learning coefficient is not a function of the weight norm",
    "free-energy": "the free energy grows by the learning coefficient a factor e of data",
    "llc-grokking": "the local learning coefficient falls when a network groks",
    "hessian-comparison": "strongly localised, the LLC is a rescaled Hessian trace",
    "icl-stages": "late in learning in context the LLC falls while the weight norm rises",
}


def reproduce(
    name: str,
    *,
    quick: bool = False,
    progress: bool = True,
    folder: Path | None = None,
    figure: bool = True,
) -> dict[str, Any]:
    """Reproduce a claim, write ``NAME.json`` and ``NAME.png`` into the folder, return the numbers.

    Args:
        name: one of :data:`CLAIMS`.
        quick: fewer seeds or steps; under two minutes on two cores, ten for "icl-stages".
        progress: whether to show progress bars.
        folder: where the results go; ``results``, or ``results/quick`` for quick ones, by default.
        figure: whether to draw.

    Raises:
        ValueError: if no claim has this name.
    """
    if name not in CLAIMS:
        raise ValueError(f"no claim is called {name!r}; there are {', '.join(CLAIMS)}")
    module = import_module(f"grokedu.claims.{name.replace('-', '_')}")
    outcome: Outcome = module.run(quick=quick, progress=progress)
    command = f"grokedu reproduce {name}" + (" --quick" if quick else "")
    result = {
        "claim": CLAIMS[name],
        "published": outcome.published,
        "verdict": outcome.verdict,
        "says": outcome.says,
        **outcome.numbers,
        **provenance(command, outcome.seeds),
    }
    folder = folder or _folder(quick)
    results.write(folder, name, result)
    if figure and outcome.draw is not None:
        outcome.draw().write(folder / f"{name}.png")
    return result


def main(
    name: str | None = None,
    *,
    quick: bool = False,
    progress: bool = True,
    folder: Path | None = None,
    work: Path = Path("build/ensemble"),
) -> int:
    """The command ``grokedu reproduce``: a claim, ``all`` of them, or runs that lessons share.

    Args:
        name: without one, the names are listed.
        quick, progress, folder: as for :func:`reproduce`. A quick "ensemble" is one of its cells,
            quick "transformer-norms" one run, for a few hundred steps, which overwrites nothing.
        work: where a cut-off making of the ensemble is kept and goes on from.

    Returns:
        The exit status, 0.
    """
    if name is None:
        for claim, what in CLAIMS.items():
            print(f"{claim:20} {what}")
        print(f"{'ensemble':20} the runs that the claims and the lessons share, made anew")
        print(f"{'alpha-map':20} lesson 03's map of MNIST at a fixed norm, made anew")
        print(f"{'transformer-norms':20} the norms of a transformer's tensors, for lesson 02")
        return 0
    if name == "ensemble":
        ensemble = import_module("grokedu.claims.ensemble")
        if quick:
            print(ensemble.train_cell((0.01, 1.0, 0.5), seeds=[0], steps=1000, progress=progress))
        else:
            print(f"Wrote {ensemble.ship(work, workers=2)}")
        return 0
    if name == "transformer-norms":
        norms = import_module("grokedu.claims.transformer_norms")
        if quick:
            print(norms.train_transformers(seeds=[0], steps=300, progress=progress))
        else:
            print(f"Wrote {norms.ship()}")
        return 0
    if name == "alpha-map":
        alpha_map = import_module("grokedu.claims.alpha_map")
        if quick:
            print(alpha_map.train_points([1.0, 8.0], 200, 0, "as given", last=100))
        else:
            print(f"Wrote {alpha_map.ship(work.with_name(name))}")
        return 0
    into = folder or _folder(quick)
    for claim in CLAIMS if name == "all" else [name]:
        result = reproduce(claim, quick=quick, progress=progress, folder=into)
        print(f"{claim}\n{report(result)}\nwritten to {into / claim}.json and .png\n")
        if folder is None and PAGE.parent.is_dir():
            PAGE.write_text(claims_page(CLAIMS, RESULTS), encoding="utf-8")
    return 0


def _folder(quick: bool) -> Path:
    return RESULTS / QUICK if quick else RESULTS


def report(result: dict[str, Any]) -> str:
    """A result in a few lines: claim, published, found, verdict."""
    return "\n".join(
        [
            f"claim:     {result['claim']}",
            f"published: {result['published']}",
            f"here:      {result['says']}",
            f"verdict:   {result['verdict']}",
        ]
    )
