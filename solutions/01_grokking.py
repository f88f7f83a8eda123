# %% [markdown]
# # 01 · Grokking
#
# *About 90 minutes. You need: Python, a first acquaintance with PyTorch tensors, and what a loss and
# a gradient are. Every experiment here finishes while you watch.*
#
# In 2022 Power and others trained networks on arithmetic modulo a prime. A network memorised its examples in a
# moment and was useless on all others, as everybody expected. They let it run on, and *long after*
# there was nothing left to learn from the training data, it got every other example right.
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
# The notation is that of the whole course (`docs/notation.md`): $p$ the modulus, $N$ the width, $\eta$ the learning rate,
# $\lambda$ the weight decay, $\lVert w\rVert$ the norm of all weights.

# %% setup="imports"
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from grokedu import TwoLayer, figures, measures
from grokedu.claims import critical_fraction, norm_and_grokking, plain_metrics, weight_decay_law
from grokedu.claims.artifacts import load_ensemble
from grokedu.claims.ensemble import train_cell
from grokedu.claims.explorers import GrokkingExplorer
from grokedu.claims.outcome import said
from grokedu.claims.scale import scaled
from grokedu.lessons import l01_grokking as check
from grokedu.training import log_spaced

torch.set_num_threads(1)  # matrices this small gain nothing from a second thread
ensemble = load_ensemble()  # the runs that all lessons share

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
# The network is a very small one that still groks. It looks up a row of a table $A$ for $a$ and a row
# of a table $B$ for $b$, adds them, squares, and multiplies with $W$:
#
# $$\text{logits} = (A_a + B_b)^2\, W .$$
#
# Why a square? Write it out: $(A_a + B_b)^2 = A_a^2 + 2A_aB_b + B_b^2$. The middle term is the only place
# where $a$ and $b$ meet. If the rows of $A$ and $B$ hold cosines,
# $\cos(ka)\cos(kb) = \tfrac12[\cos k(a+b) + \cos k(a-b)]$: the first half is what is wanted, the second a
# readout can cancel between neurons, and so a network of this shape can add *exactly* (Gromov 2023; you build
# it by hand in lesson 04). Nobody tells ours to do so.
#
# Write it for one network. The package trains many at once by the same formula.

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
# Below, the task, the network, the loss and the step are your own code; the initial weights (normal, with
# variance $1/2p$ in the tables and $1/N$ in $W$), the optimizer and the picture are the package's. AdamW with learning
# rate $\eta = 0.01$ and weight decay $\lambda = 0.3$; half of the $31^2 = 961$ pairs to train on.
#
# *What you should see:* the train accuracy (dashed) reaches 1 within the first fifty steps, when hardly a test
# pair is right. The test *loss* (solid, on the right) even climbs: the network is sure of itself and wrong. Over the
# next thousand steps, with nothing left to learn from the train pairs, the test loss turns and the test
# accuracy creeps up, and at last it is complete. Mind the logarithmic axis: the last third of the picture is nine
# tenths of the time.
#
# The weights are float64 for a reason. Once the train loss is below about $10^{-7}$, float32 rounds the
# probability of the right class to exactly 1, and the part of the gradient that belongs to it to 0. What is left of
# the gradient only moves the other logits; the weights run away, and the network comes apart before it has quite
# generalised (Prieto and others 2025). Change it to `torch.float32` afterwards, and watch the norm.

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
# we know is that it would have taken longer. A delay in steps grows when the learning rate shrinks; the
# **ratio** of the two steps can be compared between settings.

# %% answer="grokking_delay"

# %% test="grokking_delay"

# %% experiment="own-delay"
if check.ready(
    "grokking_delay",
    "modular_addition",
    "train_test_split",
    "forward",
    "cross_entropy",
    "average_log_prob",
    "train_step",
):
    seen = [(t, row["train_accuracy"][0], row["test_accuracy"][0]) for t, row in history.items()]
    times, *curve = torch.tensor(seen, dtype=torch.float64).T
    print(f"Your run: a delay of {grokking_delay(times, *curve):.0f} steps,")
    print(
        f"it generalised {measures.grokking_ratio(times, *curve):.0f} times later than it fitted."
    )

# %% [markdown]
# One run is an anecdote. The same setting with {{modular-grokking.runs}} seeds: {{modular-grokking.grokked}}
# generalised, and the *median* one did so {{modular-grokking.ratio.value:.0f}} times later than it had fitted
# (95 % interval of the median {{modular-grokking.ratio.low:.0f}} to {{modular-grokking.ratio.high:.0f}}, by a
# bootstrap over seeds; single runs vary more). Power and others, with a transformer on division modulo 97, needed
# about a thousand times longer for the test data than for the train data, and their rise was steeper. Ours is a mild
# grok that fits into seconds.
#
# You can train five seeds here and now, side by side in one call. Lines are medians, the bands reach from
# the lowest to the highest seed. The second picture is the same on a linear axis: *there* you see how long the
# network was perfect on what it knew, and how gradually it became right on what it did not.

# %% experiment="five-seeds"
if check.ready():
    runs = train_cell((0.01, 0.3, 0.5), seeds=range(scaled(5, 2)), steps=scaled(2500, 250))
    figures.show(figures.curves(runs, title="Five seeds, trained just now"))
    figures.show(figures.curves(runs, title="The same on a linear axis", scale="linear"))

# %% [markdown]
# ## 5 · Does the weight norm fall?
#
# **Predict first.** The story goes: memorising needs large weights, weight decay shrinks them, and the
# network generalises once the norm has come down. When a run generalises, has its norm fallen from an earlier
# peak?

# %% predict="norm-falls"
check.predict("norm-falls", ...)

# %% [markdown]
# To answer it, one run will not do. The course shares one **ensemble**: two learning rates, five weight
# decays, five train fractions, five seeds, {{norm-and-grokking.runs}} runs in all, each watched for 6000
# steps. It comes with the package; `train_cell((lr, weight_decay, fraction))` trains any cell of it
# live, and `grokedu reproduce ensemble` all of it. (Your run above stopped at 2500 steps, which is enough for its
# setting; slower settings need more.)
#
# First two settings, five seeds each. The picture shows the norm of all weights and of each table; the vertical
# lines mark where the median run fitted and where it generalised.

# %% experiment="norm-figures"
if check.ready():
    for lr, weight_decay in ((0.01, 0.3), (0.003, 3.0)):
        cell = ensemble.select(lr=lr, weight_decay=weight_decay, fraction=0.5)
        title = f"Learning rate {lr:g}, weight decay {weight_decay:g}"
        figures.show(figures.norms(cell, title=title))

# %% [markdown]
# In the first setting the norm climbs, dips, climbs again, and is on its way down when the network generalises. In
# the second it has only gone up. Both grok. Now count over all runs that grokked, with *your* delay to
# say which those are.

# %% experiment="norm-count"
if check.ready("grokking_delay"):
    found = norm_and_grokking.measure(ensemble, grokking_delay=grokking_delay)
    print(norm_and_grokking.says(found))
    print("\nRuns whose norm had fallen by more than 1 % when they grokked, half of all pairs:")
    half = ensemble.select(fraction=0.5)
    half_found = norm_and_grokking.measure(half, grokking_delay=grokking_delay)
    for each in half_found["settings"].values():
        setting = f"learning rate {each['lr']:g}, weight decay {each['weight_decay']:g}"
        print(f"{setting:38} {each['fell_before_grok']} of {each['grokked']}")
    verdict = norm_and_grokking.verdict(found)
    check.settle("norm-falls", norm_and_grokking.says(found), verdict)

# %% [markdown]
# So the norm does not have to fall for a network to grok. Where it does fall, it falls from a peak that
# lies *between* fitting and generalising: in {{norm-and-grokking.share_above_fit.value:.0%}} of the
# {{norm-and-grokking.grokked}} runs the generalising network had a *larger* norm than the one that had just
# memorised.
#
# Liu and others saw their transformer's norm go from 42.7 up to about 60 and then down to 30, and modelled the way
# down as $w(t) \approx w_0\,e^{-\gamma t}$ from a large start. Our networks start at a norm of {{norm-and-grokking.settings.lr_0_003_wd_3.start:.0f}}, far below
# where they end, so that model does not describe them. This is no refutation of the norm as a cause: it shows
# that a falling norm is not what grokking consists of. Lesson 03 takes the norm away altogether and looks at what
# is left.

# %% [markdown]
# ## 6 · Does any plain number tell?
#
# **Predict first.** Suppose you have the train data and the test *inputs*, but no test labels. Which number
# that you can compute tells you that a network has grokked?

# %% predict="metrics-tell"
check.predict("metrics-tell", ...)

# %% [markdown]
# Each line below is one run of the setting you trained, from its start (ring) to its end (dot): a metric
# against the test loss. A metric that always tells the test loss would give a line that rises, or falls, and does not
# turn back.

# %% experiment="metrics-figure"
if check.ready():
    setting = ensemble.select(lr=0.01, weight_decay=0.3, fraction=0.5)
    figures.show(plain_metrics.figure(setting, title="One setting, five seeds"))

# %% [markdown]
# The usual summary is a rank correlation along the run: ±1 is perfect. It comes with a trap. Our records are
# even in the *logarithm* of the step, so that the first tenth of a run has most of them; take them even in the
# step, and the end of the run has nearly all the weight. Compute it both ways, over the runs that grok and over those
# that do not.

# %% experiment="metrics-correlation"
if check.ready("average_log_prob"):
    metrics = plain_metrics.measure(ensemble, resamples=scaled(500, 50))
    print("median rank correlation with the test loss: runs that grok / runs that do not")
    print(f"{'':70} {'even in log step':>18} {'even in step':>18}")
    for each in list(metrics["metrics"].values())[:4]:  # the fifth is one number a run
        both = [
            f"{each[at]['grokked']['value']:+.2f} / {each[at]['censored']['value']:+.2f}"
            for at in ("log", "even")
        ]
        print(f"{each['label']:70} {both[0]:>18} {both[1]:>18}")

# %% [markdown]
# The same runs, the same numbers, and for each of them a sign has turned. A correlation along a run mixes three
# phases in which everything drifts, and the answer depends on how much weight each phase gets. Whoever shows you
# such a correlation owes you the sampling.
#
# So ask the question directly. Take every run at its end. Does the number *separate* the runs that have grokked from
# those that have not? The area under the ROC curve (AUC) is the chance that, of one run of each kind, the
# number ranks them rightly: 1 is perfect, 0.5 a coin. Say that a number *tells* from 0.95 on. The fifth row is a number
# made of two: how sure the network is on inputs it has not seen, relative to how sure it is on those it has. The
# last is no measurement at all: the train fraction, known before training.

# %% experiment="metrics-auc"
if check.ready("average_log_prob"):
    print(f"{'AUC for having grokked':70} {'all runs':>18} {'within a fraction':>18}")
    for each in metrics["metrics"].values():
        pooled, within = said(each["auc_pooled"], ".2f"), said(each["auc"], ".2f")
        print(f"{each['label']:70} {pooled:>18} {within:>18}")
    print(f"{'(the train fraction)':70} {said(metrics['fraction_alone'], '.2f'):>18}")
    check.settle("metrics-tell", plain_metrics.says(metrics), plain_metrics.verdict(metrics))

# %% [markdown]
# Look at the left column, and you would say that the ratio tells: a network that has only memorised is much surer of
# itself on the pairs it was trained on than on the others, and one that has grokked treats both alike. It is a good
# idea, and it needs no label. Then look at the last row: knowing nothing but how much data a run had does as well
# ({{plain-metrics.fraction_alone.value:.2f}}). With more data runs grok, *and* with more data everything else about them
# is different too. A third thing that drives both is called a **confounder**, and pooling over it can make a number look
# better or worse than it is.
#
# So compare only runs with the same fraction, on the right. The average log-probability on test inputs drops to a coin
# toss ({{plain-metrics.metrics.test_log_prob.auc.value:.2f}}); the train loss, which looked weak, turns out to be one of the
# better ones ({{plain-metrics.metrics.train_loss.auc.value:.2f}}); the ratio stays the best of all
# ({{plain-metrics.metrics.ratio.auc.value:.2f}}
# [{{plain-metrics.metrics.ratio.auc.low:.2f}}, {{plain-metrics.metrics.ratio.auc.high:.2f}}]), and falls short of what
# we asked for. And even there, runs differ in learning rate and weight decay.
#
# Lesson 09 takes this up again, with measures that see more (sharpness, the learning coefficient, the Fourier
# structure of the weights), and judges all of them on runs they were not fitted to.

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
# **Predict first.** Between two neighbouring weight decays, say that the law holds when the slope is between $-1.25$ and
# $-0.75$. Where will that be?

# %% predict="delay-law"
check.predict("delay-law", ...)

# %% experiment="delay-figure"
if check.ready():
    title = "Half of all pairs; triangles had not got there"
    figures.show(weight_decay_law.figure(ensemble.select(fraction=0.5), title=title))

# %% experiment="delay-law"
if check.ready("grokking_delay", "censored_median"):
    mine = {"grokking_delay": grokking_delay, "censored_median": censored_median}
    law = weight_decay_law.measure(ensemble.select(fraction=0.5), **mine, resamples=200)
    for rate, each in law["rates"].items():
        print(
            f"{rate.replace('lr_0_', 'learning rate 0.')}: slope of the delay, both in logarithms"
        )
        for pair in each["local_slopes"]:
            print(f"  {pair['from']:g} to {pair['to']:g}: {said(pair, '.2f')}")
    slow, fast = (each["cells"] for each in law["rates"].values())
    print("\ndelay at the smaller learning rate over delay at the larger, by weight decay:")
    for one, other in zip(slow, fast, strict=True):
        print(f"  {one['weight_decay']:g}: {one['median_delay'] / other['median_delay']:.1f}")
    check.settle("delay-law", weight_decay_law.says(law), weight_decay_law.verdict(law))

# %% [markdown]
# The law is a fair rule of thumb at the larger learning rate: over all weight decays that could be measured the slope is
# {{weight-decay-law.rates.lr_0_01.slope.value:.2f}}, and flatter than
# {{weight-decay-law.rates.lr_0_01.slope.high:.2f}} in hardly any resample of the seeds. (How steep it might be is open: in
# some resamples more than half of the slowest runs are censored.) At the smaller one it is
# {{weight-decay-law.rates.lr_0_003.slope.value:.2f}}
# [{{weight-decay-law.rates.lr_0_003.slope.low:.2f}}, {{weight-decay-law.rates.lr_0_003.slope.high:.2f}}]: there, at
# large weight decay, the delay hardly shrinks any more.
#
# Three things speak against its *derivation*. The weights shrink like $e^{-\eta\lambda t}$, so the delay should go as
# $1/\eta$ too, and be $0.01/0.003 = 3.3$ times longer at the smaller learning rate; the last lines above say
# otherwise. Our norms do not start large. And look back at the last lines of section 5: with half of all pairs and a
# learning rate of 0.01, at the weight decays 0.6 and 1, the norm had not fallen by even 1 % in any run, and yet the
# slope between these two is close to $-1$. A law can hold where the story behind it does not.
#
# Weight decay is not all that sets the delay. The other thing is how much of the world the network has seen.

# %% experiment="critical-fraction"
if check.ready():
    larger = ensemble.select(lr=0.01)
    figures.show(critical_fraction.figure(larger, title="Learning rate 0.01, 6000 steps"))
    print(critical_fraction.says(critical_fraction.measure(ensemble)))

# %% [markdown]
# Over both learning rates, {{critical-fraction.cells.0_2.grokked}} of {{critical-fraction.cells.0_2.runs}} runs
# reached 99 % within 6000 steps at a fraction of 0.2, {{critical-fraction.cells.0_3.grokked}} at 0.3,
# {{critical-fraction.cells.0_4.grokked}} at 0.4 and {{critical-fraction.cells.0_5.grokked}} at 0.5. The edge is not
# sharp: at 0.3 the best run came to a test accuracy of {{critical-fraction.cells.0_3.best_test_accuracy:.4f}}, just
# short of what we asked for, so the edge is where our patience ends as much as where the data does. At 0.2 the best
# came to {{critical-fraction.cells.0_2.best_test_accuracy:.2f}}. Liu and others put the critical fraction near 0.25 for their
# transformer.

# %% [markdown]
# ## 8 · Explore
#
# All runs of the ensemble behind three sliders and a menu of seeds. Look for: a weight decay at which the delay is almost
# gone; a train fraction at which the test accuracy rises and then stays stuck; a seed that differs from
# its fellows.

# %% explorer="grokking"
if check.ready():
    display(GrokkingExplorer(weight_decay=0.3, fraction=0.5, lr=0.01))

# %% [markdown]
# ## 9 · In your own words
#
# **The norm.** A friend says: "Grokking happens because weight decay brings the norm down." Using what you
# measured, what do you answer? What would you run next to separate the norm from the weight decay?

# %% [markdown] reflect="norm"
# In our ensemble the claim fails as a description. Of the runs that grokked,
# {{norm-and-grokking.share_fell.value:.0%}} had a norm more than 1 % below an earlier peak when they generalised (learning
# rate 0.01, weight decay 0.3, half of all pairs is such a setting); in the others it had not fallen: at learning rate
# 0.003 with weight decay 3 it had risen all the way, from {{norm-and-grokking.settings.lr_0_003_wd_3.start:.1f}} to
# {{norm-and-grokking.settings.lr_0_003_wd_3.at_grok:.1f}}. In {{norm-and-grokking.share_above_fit.value:.0%}} of them
# the norm was larger at generalisation than at fitting. What we saw is that, with half of all pairs, more weight decay
# goes with a shorter delay; that is a statement about weight decay, not about the norm, because both were changed together.
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
# - **Is it a phase transition?** In larger networks the accuracy jumps, in ours it climbs; in both the test loss
#   turns long before. Progress measures in lesson 04 see the circuit form in between.
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
