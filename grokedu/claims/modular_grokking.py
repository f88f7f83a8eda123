"""Does a small network grok addition modulo 31, and how long after fitting?"""

from __future__ import annotations

from functools import partial

import numpy as np

from grokedu import figures
from grokedu.claims.outcome import Outcome, said
from grokedu.measures.statistics import bootstrap
from grokedu.training import recipes


def run(*, quick: bool, progress: bool) -> Outcome:
    """Train the p = 31 recipe over 5 seeds (quick) or 10, and measure delay and ratio."""
    runs = recipes.p31_grok(seeds=5 if quick else 10, progress=progress)
    fitted, grokked = runs.fitted_at(), runs.grokked_at()
    delay, ratio = bootstrap(runs.delay()), bootstrap(runs.ratio())
    came = int(np.isfinite(grokked).sum())
    every = came == len(runs) and bool((runs.ratio() >= 20).all())
    return Outcome(
        verdict="holds" if every else "holds in a window" if came else "fails",
        says=(
            f"{came} of {len(runs)} seeds generalised, {said(ratio)} times later than they fitted "
            f"(a delay of {said(delay)} steps)"
        ),
        published=(
            "Power et al. 2022 (arXiv 2201.02177), a transformer on division mod 97: train "
            "accuracy near 1 within 1e3 steps, test accuracy only near 1e6"
        ),
        numbers={
            "threshold": 0.99,
            "runs": len(runs),
            "grokked": came,
            "fitted_at": fitted.tolist(),
            "grokked_at": grokked.tolist(),
            "fitted": bootstrap(fitted),
            "generalised": bootstrap(grokked),
            "delay": delay,
            "ratio": ratio,
            "smallest_ratio": float(np.nanmin(runs.ratio())),
        },
        seeds=runs.labels["seed"].tolist(),
        draw=partial(figures.curves, runs, title="Addition modulo 31, half of all pairs"),
    )
