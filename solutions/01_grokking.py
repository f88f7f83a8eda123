# %% [markdown]
# # 01 · Grokking
#
# *About 75 minutes. You need: Python, a first acquaintance with PyTorch tensors, and what a loss and
# a gradient are. Every experiment here finishes while you watch.*
#
# In 2022 Power and others trained a network to add modulo a prime. It memorised its examples in a
# moment and was useless on all others, as everybody expected. They let it run on, and *long after*
# there was nothing left to learn from the training data, it suddenly got every other example right.
# They called it **grokking**.
#
# Explanations came quickly, and the first to be believed by many was about size: a memorising
# network has large weights, weight decay slowly shrinks them, and when the norm has come down into the
# right range the network generalises (Liu and others 2022). Others answered that the norm merely goes
# along. And somebody noted that an even simpler number, the average log-probability of a network's
# outputs, seems to follow grokking too.
#
# **The question of this lesson: what does a network look like when it groks, and does its weight norm,
# or any other plain number, tell you that it has?**
#
# When you are through, you can
#
# - make a network grok in a few seconds, with code you wrote yourself;
# - say exactly what "delay" means, and what to do with runs that never get there;
# - tell, with numbers over many runs, what the weight norm did and whether a plain metric follows the
#   test loss;
# - find the window in which the delay goes as one over the weight decay.
#
# The notation is that of the whole course: $p$ the modulus, $N$ the width, $\eta$ the learning rate,
# $\lambda$ the weight decay, $\lVert w\rVert$ the norm of all weights.

# %% setup="imports"
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from grokedu import figures
from grokedu.artifacts import load_ensemble
from grokedu.explorers import GrokkingExplorer
from grokedu.lessons import l01_grokking as check
from grokedu.models import TwoLayer
from grokedu.reproduce.ensemble import train_cell
from grokedu.scale import scaled
from grokedu.statistics import bootstrap, rank_correlation
from grokedu.training import log_spaced

# %% [markdown]
# ## 1 · A world of p² examples
#
# The task is addition modulo $p$: given $a$ and $b$, say $(a + b) \bmod p$. There are only $p^2$
# examples, so you can list them all, show the network some, and know exactly what it has never seen.

# %% answer="modular_addition"

# %% test="modular_addition"

# %% answer="train_test_split"

# %% test="train_test_split"

# %% [markdown]
# ## 2 · A network that could know how to add
#
# The network is as small as it can be and still grok. It looks up a row of a table $A$ for $a$ and a row
# of a table $B$ for $b$, adds them, squares, and multiplies with $W$:
#
# $$\text{logits} = (A_a + B_b)^2\, W .$$
#
# Why a square? Write it out: $(A_a + B_b)^2 = A_a^2 + 2A_aB_b + B_b^2$. The middle term is the only place
# where $a$ and $b$ meet. If the rows of $A$ and $B$ hold cosines, $\cos(ka)\cos(kb)$ turns into
# $\cos(k(a+b))$, and a network of this shape can add *exactly* (Gromov 2023; you build that network
# by hand in lesson 04). Nobody tells ours to do so.

# %% answer="forward"

# %% test="forward"

# %% [markdown]
# The loss is the cross-entropy: minus the log-probability that the network gives to the right answer.
# With logits $z$, the log-probability of class $c$ is $z_c - \log\sum_k e^{z_k}$. The last term is where
# care is needed: $e^{1000}$ is more than a computer can hold.

# %% answer="cross_entropy"

# %% test="cross_entropy"

# %% [markdown]
# Now the number that somebody noted. Average the log-probability over all inputs *and over all
# classes*, right or wrong. Its negative is the loss the network would have if labels were drawn
# uniformly and had nothing to do with the inputs: it tells how sure of itself the network is, and
# nothing else. It needs no labels, so it can be taken on inputs whose labels you do not have.

# %% answer="average_log_prob"

# %% test="average_log_prob"

# %% [markdown]
# One more piece and it runs: a step of training. `compute_loss` is a function without arguments that
# computes the loss of the weights as they are now.

# %% answer="train_step"

# %% test="train_step"

# %% [markdown]
# ## 3 · Watch it grok
#
# Everything below is your own code but the optimizer. AdamW with learning rate $\eta = 0.01$ and weight
# decay $\lambda = 0.3$; half of the $31^2 = 961$ pairs to train on.
#
# *What you should see:* the train accuracy (solid) reaches 1 within the first fifty steps. The test
# accuracy (dashed) stays near zero, and the test *loss* climbs: the network is sure of itself and
# wrong. Then nothing happens, for a long time. Then something does. Mind the logarithmic axis: the last
# third of the picture is nine tenths of the time.
#
# The weights are float64 for a reason. Once the train loss is below about $10^{-7}$, float32 rounds the
# probability of the right class to exactly 1: the gradient vanishes, weight decay pulls alone, and the
# network comes apart before it has quite generalised (Prieto and others 2025). Change it to
# `torch.float32` afterwards, and see.

# %% experiment="watch"
if check.ready(
    "modular_addition",
    "train_test_split",
    "forward",
    "cross_entropy",
    "average_log_prob",
    "train_step",
):
    pairs, labels = modular_addition(31)
    train, test = train_test_split(len(labels), 0.5, torch.Generator().manual_seed(0))
    params = TwoLayer(p=31, width=128).init(torch.Generator().manual_seed(1), torch.float64)
    for tensor in params.values():
        tensor.requires_grad_()
    optimizer = torch.optim.AdamW(params.values(), lr=0.01, weight_decay=0.3, betas=(0.9, 0.98))

    def look() -> dict[str, np.ndarray]:
        """What to record: loss and accuracy on both parts, the norm, the average log-probability."""
        with torch.no_grad():
            logits = forward(params, pairs)
        seen = {"l2_norm": torch.cat([w.detach().flatten() for w in params.values()]).norm()}
        for name, part in (("train", train), ("test", test)):
            seen[f"{name}_loss"] = cross_entropy(logits[part], labels[part])
            seen[f"{name}_accuracy"] = (logits[part].argmax(-1) == labels[part]).float().mean()
            seen[f"{name}_log_prob"] = average_log_prob(logits[part])
        return {name: np.array([float(value)]) for name, value in seen.items()}

    live = figures.LiveCurves()
    steps = scaled(2500, 250)
    record = set(log_spaced(steps))
    history = {}
    for step in range(steps + 1):
        if step in record:
            history[step] = look()
            live(step, history[step])
        train_step(optimizer, lambda: cross_entropy(forward(params, pairs[train]), labels[train]))
    live.finish()

# %% [markdown]
# ## 4 · When exactly did it grok?
#
# A picture can be argued about, a definition cannot. Say that a run has *fitted* at the first step at
# which its train accuracy is at least 99 %, and *generalised* at the first step at which its test
# accuracy is. The **delay** is the time between them.
#
# It has no value when one of the two never came. Such a run is **censored**: we stopped watching, and all
# we know is that it would have taken longer.

# %% answer="grokking_delay"

# %% test="grokking_delay"

# %% answer="grokking_ratio"

# %% test="grokking_ratio"

# %% experiment="own-delay"
if check.ready("grokking_delay", "grokking_ratio") and "history" in globals():
    curve = [
        torch.tensor([seen[name][0] for seen in history.values()], dtype=torch.float64)
        for name in ("train_accuracy", "test_accuracy")
    ]
    times = torch.tensor(list(history), dtype=torch.float64)
    print(f"Your run: a delay of {grokking_delay(times, *curve):.0f} steps,")
    print(f"it generalised {grokking_ratio(times, *curve):.0f} times later than it fitted.")

# %% [markdown]
# One run is an anecdote. The same setting with {{modular-grokking.runs}} seeds: {{modular-grokking.grokked}}
# generalised, and the median one did so {{modular-grokking.ratio.value:.0f}} times later than it had fitted
# (95 % interval of the median {{modular-grokking.ratio.low:.0f}} to {{modular-grokking.ratio.high:.0f}}; a
# bootstrap over seeds). Power and others, with a transformer on division modulo 97, needed about a
# thousand times longer for the test data than for the train data; the shape is the same, the factor is
# a matter of the setting.
#
# You can train five seeds here and now, side by side in one call. The bands reach from the lowest to
# the highest seed.

# %% experiment="five-seeds"
if check.ready():
    runs = train_cell((0.01, 0.3, 0.5), seeds=range(scaled(5, 2)), steps=scaled(2500, 250))
    figures.show(figures.curves(runs, title="Five seeds, trained just now"))

# %% [markdown]
# ## 5 · Does the weight norm fall?
#
# **Predict first.** The story goes: memorising needs large weights, weight decay shrinks them, and the
# network generalises once the norm has come down. What did the norm do between fitting and
# generalising? (The choices are printed when you run the cell as it stands.)

# %% predict="norm-falls"
check.predict("norm-falls", ...)

# %% [markdown]
# To answer it, one run will not do. The course shares one **ensemble**: two learning rates, five weight
# decays, five train fractions, five seeds, {{norm-and-grokking.runs}} runs in all, each watched for 6000
# steps. It comes with the package; `train_cell((lr, weight_decay, fraction))` trains any cell of it
# live, and `grokedu reproduce ensemble` all of it.
#
# First two settings side by side. The panel shows the norm of all weights and of each table; the vertical
# lines mark where the median run fitted and where it generalised.

# %% experiment="norm-figures"
ensemble = load_ensemble()
for lr, weight_decay in ((0.01, 0.3), (0.003, 3.0)):
    cell = ensemble.select(lr=lr, weight_decay=weight_decay, fraction=0.5)
    title = f"Learning rate {lr:g}, weight decay {weight_decay:g}"
    figures.show(figures.norms(cell, title=title))

# %% [markdown]
# In the first setting the norm climbs, turns, and is on its way down when the network generalises. In
# the second it has only gone up. Both grok. Now count over all runs that grokked, with *your* delay to
# say which those are.

# %% experiment="norm-count"
if check.ready("grokking_delay"):
    rows = []
    for run in range(len(ensemble)):
        times = torch.tensor(ensemble.steps, dtype=torch.float64)
        curves = [
            torch.tensor(ensemble[name][:, run]) for name in ("train_accuracy", "test_accuracy")
        ]
        if not grokking_delay(times, *curves) > 0:
            continue  # censored, or no delay at all
        fit, grok = (int((curve >= 0.99).nonzero()[0]) for curve in curves)
        norm = ensemble["l2_norm"][:, run]
        peak = norm[: grok + 1].max()
        rows.append((ensemble.labels["seed"][run], norm[fit], peak, norm[grok]))
    seed, at_fit, peak, at_grok = np.array(rows).T
    fell = at_grok < 0.99 * peak  # by more than one per cent below its highest value so far
    share = bootstrap(fell, np.mean, groups=seed)
    print(f"{len(rows)} runs grokked. When they did, the norm")
    print(f"- had passed a peak and fallen in {fell.sum()} of them;")
    print(f"- was larger than when the run had fitted in {(at_grok > at_fit).sum()} of them.")
    check.settle(
        "norm-falls",
        f"it had fallen from a peak in {share['value']:.0%} of the runs that grokked "
        f"(95 % interval {share['low']:.0%} to {share['high']:.0%}), and only risen in the others",
        "holds" if fell.all() else "holds in a window" if fell.any() else "fails",
    )

# %% [markdown]
# So the norm does not have to fall for a network to grok. Where it does fall, it falls from a peak that
# lies *between* fitting and generalising: in {{norm-and-grokking.share_above_fit.value:.0%}} of these runs the
# generalising network had a *larger* norm than the one that had just memorised.
#
# Liu and others saw their transformer's norm go from 42.7 up to about 60 and down to 30, and described
# the fall as $w(t) \approx w_0\,e^{-\gamma t}$ from a large initialisation. Our networks start *small*, so
# there is nothing to fall from. That is no refutation of the norm as a cause: it shows that the fall is
# not what grokking consists of. Lesson 03 takes the norm away altogether and looks what is left.

# %% [markdown]
# ## 6 · Does any plain number tell?
#
# **Predict first.** Suppose you have the train data and the test *inputs*, but no test labels. Which number
# that you can compute goes up and down with the test loss?

# %% predict="metrics-follow"
check.predict("metrics-follow", ...)

# %% [markdown]
# Each line below is one run of the setting you trained, from its start (ring) to its end (dot): a metric
# against the test loss. A metric that tells the test loss would give a rising line, or a falling one, but
# not a loop. The rank correlation along each run says how nearly it does: ±1 would be perfect.

# %% experiment="metrics-figure"
setting = ensemble.select(lr=0.01, weight_decay=0.3, fraction=0.5)
figures.show(figures.metrics_against_loss(setting, title="One setting, five seeds"))

# %% experiment="metrics-table"
if check.ready("grokking_delay"):
    after = ensemble.steps > 0
    grokked = np.isfinite(ensemble.grokked_at())
    rows, same_sign = [], []
    names = {
        "l2_norm": "weight norm",
        "train_log_prob": "average log-probability, train inputs",
        "test_log_prob": "average log-probability, test inputs",
        "train_loss": "train loss",
    }
    print(f"{'rank correlation with the test loss':40} {'runs that grok':>20} {'that do not':>20}")
    for name, words in names.items():
        pairs_of = zip(ensemble[name][after].T, ensemble["test_loss"][after].T, strict=True)
        each = np.array([rank_correlation(x, y) for x, y in pairs_of])
        seeds = ensemble.labels["seed"]
        found = [bootstrap(each[g], groups=seeds[g]) for g in (grokked, ~grokked)]
        cells = [f"{f['value']:+.2f} [{f['low']:+.2f}, {f['high']:+.2f}]" for f in found]
        print(f"{words:40} {cells[0]:>20} {cells[1]:>20}")
        rows.append(f"{words} {found[0]['value']:+.2f} and {found[1]['value']:+.2f}")
        same_sign.append(np.sign(found[0]["value"]) == np.sign(found[1]["value"]))
    check.settle(
        "metrics-follow",
        "median rank correlation in runs that grok and in runs that do not: " + "; ".join(rows),
        "holds" if all(same_sign) else "holds in a window" if any(same_sign) else "fails",
    )

# %% [markdown]
# Look at the signs. In runs that grok, a *lower* average log-probability, a more confident network, goes with a
# *lower* test loss; in runs that do not grok, the same number goes with a *higher* one. The reason is
# plain once you see it: confidence grows nearly all the time, in every run, while the test loss climbs in
# memorisation and falls in generalisation. A number that only goes one way cannot follow one that
# turns round. The train loss is in the same position; the norm does turn, but at another time.
#
# So none of these plain numbers tells by itself that a network has grokked. Lesson 09 comes back to it
# with measures that see more: sharpness, the learning coefficient and the Fourier structure of the
# weights, judged on runs they were not fitted to.

# %% [markdown]
# ## 7 · What sets the delay?
#
# Liu and others derived a law. If weight decay shrinks the norm like $e^{-\eta\lambda t}$ until it reaches
# the generalising range, then the delay must be proportional to $1/\lambda$: on doubly logarithmic axes, a
# straight line of slope $-1$.
#
# To test it you need the delay of a *setting*, a median over seeds. Some runs are censored, and those
# are not just any runs: they are the slowest.

# %% answer="censored_median"

# %% test="censored_median"

# %% [markdown]
# **Predict first.** Where will the delay be inversely proportional to the weight decay?

# %% predict="delay-law"
check.predict("delay-law", ...)

# %% experiment="delay-figure"
half = ensemble.select(fraction=0.5)
figures.show(figures.weight_decay_law(half, title="Half of all pairs; triangles never got there"))

# %% experiment="delay-law"
if check.ready("grokking_delay", "censored_median"):
    times = torch.tensor(half.steps, dtype=torch.float64)
    curves_of = zip(half["train_accuracy"].T, half["test_accuracy"].T, strict=True)
    delays = torch.tensor(
        [grokking_delay(times, torch.tensor(a), torch.tensor(b)) for a, b in curves_of],
        dtype=torch.float64,
    )
    decays = np.unique(half.labels["weight_decay"])
    draws = np.random.default_rng(0).integers(5, size=(200, 5))  # seeds, drawn again
    inside, measured = [], []
    for lr in np.unique(half.labels["lr"]):
        cells = [
            delays[(half.labels["lr"] == lr) & (half.labels["weight_decay"] == decay)]
            for decay in decays
        ]
        medians = [
            [censored_median(cell[seeds]) for cell in cells] for seeds in ([0, 1, 2, 3, 4], *draws)
        ]
        slopes = np.diff(np.log(medians), axis=1) / np.diff(np.log(decays))
        print(f"learning rate {lr:g}: slope of log delay against log weight decay")
        for i, slope in enumerate(slopes[0]):
            between = f"{decays[i]:g} to {decays[i + 1]:g}"
            if np.isnan(slope):
                print(f"  {between:12} unknown: most runs on one side are censored")
                continue
            low, high = np.nanpercentile(slopes[1:, i], [2.5, 97.5])
            inside.append(bool(low <= -1 <= high))
            number = f"{slope:.2f} [{low:.2f}, {high:.2f}]"
            measured.append(f"{number} at {lr:g}, {between}")
            print(f"  {between:12} {number}" + ("  agrees with -1" if inside[-1] else ""))
    check.settle(
        "delay-law",
        f"the slope agrees with -1 in {sum(inside)} of the {len(inside)} intervals that can be "
        "measured (" + "; ".join(measured) + ")",
        "holds" if all(inside) else "holds in a window" if any(inside) else "fails",
    )

# %% [markdown]
# At a weight decay of {{weight-decay-law.rates.lr_0_01.cells.0.weight_decay}},
# {{weight-decay-law.rates.lr_0_01.cells.0.censored}} of {{weight-decay-law.rates.lr_0_01.cells.0.runs}} runs at the larger
# learning rate did not get there in 6000 steps, and {{weight-decay-law.rates.lr_0_003.cells.0.censored}} of
# {{weight-decay-law.rates.lr_0_003.cells.0.runs}} at the smaller. Had you dropped the censored runs, the
# slowest would be missing from the picture. At the other end the delay shrinks more slowly than the law says, most of all at the smaller learning rate, where fitting itself
# takes time. In between there is a window. Over all weight decays that could be measured the slope is
# {{weight-decay-law.rates.lr_0_003.slope.value:.2f}} at a learning rate of 0.003 and
# {{weight-decay-law.rates.lr_0_01.slope.value:.2f}} at 0.01.
#
# The other thing that sets the delay is how much of the world the network has seen. Below some train
# fraction nothing generalises, whatever the weight decay.

# %% experiment="critical-fraction"
fast = ensemble.select(lr=0.01)
figures.show(figures.critical_fraction(fast, title="Learning rate 0.01, 6000 steps"))

# %% [markdown]
# Within 6000 steps {{critical-fraction.cells.0_2.grokked}} of {{critical-fraction.cells.0_2.runs}} runs generalised at a
# fraction of 0.2, {{critical-fraction.cells.0_3.grokked}} at 0.3, {{critical-fraction.cells.0_4.grokked}} at 0.4 and
# {{critical-fraction.cells.0_5.grokked}} at 0.5. At 0.3 the *best* run ended at a test accuracy of
# {{critical-fraction.cells.0_3.best_test_accuracy:.2f}}: the edge is where our patience ends as much as where
# the data does, and a longer run may move it. Liu and others put it near 0.25 for their transformer.

# %% [markdown]
# ## 8 · Explore
#
# All runs of the ensemble behind three sliders. Look for: a weight decay at which the delay is almost
# gone; a train fraction at which the test accuracy rises and then stays stuck; a seed that differs from
# its fellows.

# %% explorer="grokking"
GrokkingExplorer(weight_decay=0.3, fraction=0.5, lr=0.01)

# %% [markdown]
# ## 9 · In your own words
#
# **The norm.** A friend says: "Grokking happens because weight decay brings the norm down." Using what you
# measured, what do you answer? What would you run next to separate the norm from the weight decay?

# %% [markdown] reflect="norm"
# In our ensemble the claim fails as a description. Of the runs that grokked,
# {{norm-and-grokking.share_fell.value:.0%}} had a norm that was falling when they generalised (learning rate 0.01,
# weight decay 0.3 is such a setting); in the others, as at learning rate 0.003 with weight decay 3, the norm had
# only risen, from {{norm-and-grokking.settings.3.start:.1f}} to {{norm-and-grokking.settings.3.at_grok:.1f}}. In
# {{norm-and-grokking.share_above_fit.value:.0%}} of them the norm was larger at generalisation than at fitting. What we saw is that more weight decay goes with a shorter
# delay in every setting; that is a statement about weight decay, not about the norm, because both were changed together.
#
# To separate them, hold the norm fixed while training (rescale all weights to the same norm after every step) with
# no weight decay, at several radii. If the delay disappears at the right radius, the norm is enough to
# remove it; if runs at one and the same radius still show a delay, or their delay still depends on something else, the norm
# is not the whole cause.

# %% [markdown]
# **The runs that never got there.** Your colleague plots the mean delay of the runs that grokked, against the
# weight decay. What is wrong with the picture, in which direction, and what can be said about a run that
# was stopped at 6000 steps?

# %% [markdown] reflect="censored"
# Leaving out the censored runs leaves out the slowest ones, so the mean is too small, most of all at small weight
# decay, where many are missing: the curve comes out too flat and small weight decays look better than they are. Of a censored
# run we know that its delay is longer than 6000 minus the step at which it fitted, and nothing more: not that it would
# never have grokked. A median that counts it as longer than all others uses just that.

# %% [markdown]
# ## 10 · What is still open
#
# - **Cause.** Everything here was correlation, and weight decay was changed together with all it
#   changes. Lesson 03 fixes the norm, lesson 09 runs the factorial.
# - **Is it a phase transition?** The accuracy jumps; the test loss, seen on a logarithmic axis, turns
#   long before. Progress measures in lesson 04 see the circuit form in between.
# - **Is it about modular arithmetic?** The delay can be induced on images (lesson 03) and made to vanish
#   here. Whether large models grok in this sense is disputed.
# - **Is weight decay needed?** No: grokking without it has been shown, from other starting points
#   (Kumar and others 2023; Lyu and others 2023). Lesson 06.
#
# ## Sources
#
# - Power, Burda, Edwards, Babuschkin, Misra (2022). *Grokking: generalization beyond overfitting on small
#   algorithmic datasets.* arXiv 2201.02177.
# - Liu, Michaud, Tegmark (2022). *Omnigrok: grokking beyond algorithmic data.* arXiv 2210.01117.
# - Gromov (2023). *Grokking modular arithmetic.* arXiv 2301.02679.
# - Kumar, Bordelon, Gershman, Pehlevan (2023). *Grokking as the transition from lazy to rich training
#   dynamics.* arXiv 2310.06110.
# - Lyu, Jin, Li, Du, Lee, Hu (2023). *Dichotomy of early and late phase implicit biases can provably
#   induce grokking.* arXiv 2311.18817.
# - Prieto, Barsbey, Mediano, Birdal (2025). *Grokking at the edge of numerical stability.* arXiv
#   2501.04697.
# - Kaplan, Meier (1958). *Nonparametric estimation from incomplete observations.* JASA 53.
