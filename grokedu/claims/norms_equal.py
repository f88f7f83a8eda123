"""Do the tensors on the path to the logits end with equal norms, and do all others go to zero?

The late state of the transformers whose norms are shipped, with weight decay and without; beside
``norm-balance``, which trains them anew and asks for what a symmetry links. Lesson 02 shows it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokedu import figures
from grokedu.claims.artifacts import load_transformer_norms
from grokedu.claims.norm_balance import LINKED, REACH, REST, draw_norms
from grokedu.claims.outcome import Verdict, over_seeds
from grokedu.claims.transformer_norms import linked_ratios
from grokedu.measures.arrays import Array
from grokedu.training.runs import Runs

# What stands beside W_E and W_U in the identity of the least norm, brought to W_U's side.
OTHERS = {"W_Q": 1, "W_K": 1, "W_pos": -1, "b_in": -1, "b_out": -1}
EARLY = 600  # a step at which all have generalised


@dataclass(frozen=True)
class Found:
    """The shipped runs with weight decay 1 and those with none, at the same steps."""

    decayed: Runs
    free: Runs

    @property
    def early(self) -> int:
        """The place of the record nearest to step 600."""
        return int(np.abs(self.decayed.steps - EARLY).argmin())


def measure() -> Found:
    """Read the shipped runs.

    >>> len(measure().decayed), len(measure().free)
    (5, 5)
    """
    norms = load_transformer_norms()
    return Found(norms.select(weight_decay=1.0), norms.select(weight_decay=0.0))


def spread(runs: Runs, at: int) -> Array:
    """(S,) the largest norm of the six on the path over the smallest, at a place of the record."""
    six = np.array([runs[f"norm_{name}"][at] for name in REACH])
    return np.asarray(six.max(axis=0) / six.min(axis=0))


def shares(runs: Runs) -> dict[str, Array]:
    """(S,) the last norm of each tensor off the path, over the mean of the six on it."""
    mean = np.mean([runs[f"norm_{name}"][-1] for name in REACH], axis=0)
    return {name: runs[f"norm_{name}"][-1] / mean for name in REST}


def predicted(runs: Runs, at: int) -> Array:
    """(S,) the ratio of W_E to W_U that the least norm's identity gives for the other norms."""
    square = {name: runs[f"norm_{name}"][at].astype(float) ** 2 for name in (*OTHERS, "W_U")}
    rest = sum(sign * square[name] for name, sign in OTHERS.items())
    return np.sqrt(np.clip(1 + rest / square["W_U"], 0, None))


def judge(found: Found) -> Verdict:
    """Whether the six are within a tenth of each other, and all others below a tenth of them.

    >>> judge(measure())
    'holds in a window'
    """
    equal = bool((spread(found.decayed, -1) < 1.1).all())
    gone = all(bool((share < 0.1).all()) for share in shares(found.decayed).values())
    return "holds" if equal and gone else "holds in a window" if equal or gone else "fails"


def says(found: Found) -> str:
    """One sentence with the numbers."""
    rest = [
        f"{name} has {over_seeds(share)} of their mean"
        for name, share in shares(found.decayed).items()
    ]
    last = int(found.decayed.steps[-1])
    most = over_seeds(spread(found.decayed, -1))
    return (
        f"after {last} steps the largest of the six is {most} times the smallest; {', '.join(rest)}"
    )


def table(found: Found) -> str:
    """The linked ratios at step 600 and at the end, with decay and without; other norms."""
    decayed, free, early = found.decayed, found.free, found.early
    first, last = int(decayed.steps[early]), int(decayed.steps[-1])
    rows = {
        name: (ratio[early], ratio[-1], linked_ratios(free)[name][-1])
        for name, ratio in linked_ratios(decayed).items()
    }
    rows["the six"] = spread(decayed, early), spread(decayed, -1), spread(free, -1)
    lines = [f"generalised at step {over_seeds(decayed.grokked_at(), '.0f')}"]
    lines.append(f"{'ratio':12} {f'step {first}':>22} {f'step {last}':>22}   no decay, step {last}")
    for name, cells in rows.items():
        lines.append(f"{name:12} {' '.join(f'{over_seeds(cell):>22}' for cell in cells)}")
    for name in REST:
        told = [over_seeds(decayed[f"norm_{name}"][at]) for at in (0, early, -1)]
        lines.append(f"norm of {name:5}: {', then '.join(told)}")
    told = [over_seeds(predicted(decayed, at)) for at in (early, -1)]
    lines.append(f"W_E to W_U if all four were balanced: {told[0]}, then {told[1]}")
    over = decayed["l2_norm"] / decayed["least_norm"]
    lines.append(
        f"norm over least norm: at most {over.max():.2f}, at the end {over_seeds(over[-1], '.4f')}"
    )
    return "\n".join(lines)


def draw_ratios(found: Found) -> figures.Described:
    """The ratios that the least norm makes 1, and W_E to W_U, with weight decay and without."""
    after = found.decayed.steps > 0

    def panel(runs: Runs, decay: int) -> figures.Panel:
        values = {name: ratio[after] for name, ratio in linked_ratios(runs).items()}
        label = f"ratio of norms, weight decay {decay}"
        return figures.Panel(runs.steps[after], values, "optimizer step", label, "x")

    both = [panel(found.decayed, 1), panel(found.free, 0)]
    return figures.traces(both, title="Ratios that the least norm makes 1, and W_E to W_U")


def draw_ends(found: Found) -> figures.Described:
    """The norm of each tensor with weight decay, at the start and at the end."""
    start, end = (
        {name: found.decayed[f"norm_{name}"][at] for name in (*REACH, *REST)} for at in (0, -1)
    )
    last = int(found.decayed.steps[-1])
    return draw_norms(start, end, LINKED, title=f"Weight decay 1, after {last} steps")
