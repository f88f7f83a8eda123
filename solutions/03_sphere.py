# %% [markdown]
# # 03 · Training on a sphere
#
# *About two hours. You need: lesson 01, and what an angle between two vectors is. Every experiment here finishes while
# you watch; the one map that would not comes with the package, and any of its points can be trained anew.*
#
# Lesson 01 ended with a norm that rose and fell beside grokking, and no way to say whether it had anything to do with
# it. There is one: take it away. Hold the norm of all weights fixed while you train, and see what is left.
#
# Liu, Michaud and Tegmark did (2022, *Omnigrok*). They multiplied all initial weights by a number α and kept that norm.
# Plotted against α, the train loss was shaped like an L (too small a norm cannot fit) and, with few data, the test loss
# like a U: *large norms fit, and do not generalise*. Grokking, they said, is the slow slide from the right arm of the U
# to its bottom. Start far out on the right, and images grok as well; hold the right norm, and modular addition does
# not.
#
# The same paper has a doubt in it: on the far right even the train loss is bad, for "some optimization issue". And
# another doubt goes deeper: in many networks the norm of the weights cannot change a single answer. So what did they
# hold fixed?
#
# **The question of this lesson: what is left of grokking when the norm is held, and is it the norm that did it?**
#
# When you are through, you can
#
# - make images grok, and train any network at any norm, with any optimizer;
# - say what the radius of a sphere cannot do, and measure what it does;
# - find out how much of a difference between two runs is a difference in the size of their steps;
# - ask a landscape what it prefers, with no optimizer to blame.
#
# The notation is that of the whole course (`docs/notation.md`): $w$ all weights, $\lVert w\rVert$ their norm, $\alpha$
# the initial scale, $\eta$ the learning rate, $d$ the number of weights, $z$ the logits, $m$ the degree of a network. New
# here: $w = r\,u$ with the radius $r = \lVert w\rVert$ and the direction $u$, all weights divided by their norm.

# %% setup="imports"
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from grokedu import figures, fourier
from grokedu.claims.artifacts import load_alpha_map
from grokedu.claims.explorers import SphereExplorer
from grokedu.lessons import l03_sphere as check
from grokedu.training.machine import FUSED
from grokedu.measures import accuracy, cross_entropy, l2_norm, mean_squared_error
from grokedu.models import MLP, Transformer, TwoLayer
from grokedu.models.two_layer import forward
from grokedu.claims.alpha_map import as_landscape
from grokedu.claims.mnist import mnist_split
from grokedu.claims.scale import scaled
from grokedu.sphere import random_on_sphere
from grokedu.measures.statistics import bootstrap
from grokedu.tasks import make_task, random_stream
from grokedu.training.threads import in_threads
from grokedu.training import log_spaced

torch.set_num_threads(1)  # matrices this small gain nothing from a second thread

# %% [markdown]
# ## 1 · Make images grok
#
# Nobody sees grokking on MNIST: a network learns the test digits along with the train digits. Unless it starts far too
# large. Below, the network of the paper (784-200-200-10, ReLU), 1000 real digits to train on, every weight and bias
# multiplied by α = 8, squared error, AdamW. To save you time it takes larger and fewer steps, and far more weight
# decay: a learning rate of 0.002 for 0.001, a weight decay of 0.2 for 0.01, batches of 100 for 200, and 2500 steps for 100,000.
#
# *What you should see:* for about a thousand steps the train accuracy climbs far ahead of the test accuracy. When it is
# complete, about half of the test digits are wrong. Then, while the norm goes on falling, they come right.

# %% experiment="mnist-grok"
if check.ready():
    split = mnist_split(1000, seed=0)
    network = MLP((784, 200, 200, 10))
    start = network.init(random_stream(0, "init"))
    params = {name: (8.0 * tensor).requires_grad_() for name, tensor in start.items()}
    optimizer = torch.optim.AdamW(params.values(), lr=2e-3, weight_decay=0.2, fused=FUSED)
    stream = random_stream(0, "batches")
    steps = scaled(2500, 60)
    record, history = set(log_spaced(steps, 16)), {}
    for step in range(steps + 1):
        if step in record:
            with torch.no_grad():
                history[step] = [
                    float(accuracy(network.apply(params, split.train_inputs), split.train_labels)),
                    float(accuracy(network.apply(params, split.test_inputs), split.test_labels)),
                    float(l2_norm(params)),
                ]
        batch = torch.randint(1000, (100,), generator=stream)
        logits = network.apply(params, split.train_inputs[batch])
        optimizer.zero_grad()
        mean_squared_error(logits, split.train_labels[batch]).backward()
        optimizer.step()
    curves = np.array([*history.values()])
    named = dict(
        zip(("train_accuracy", "test_accuracy", "l2_norm"), curves.T[:, :, None], strict=True)
    )
    figures.show(figures.accuracy_and_norm([*history], named, title="1000 digits, α = 8"))

# %% [markdown]
# At their learning rate and batch size the gap is wider. Over {{mnist-grokking.fitted.runs}} seeds: a train accuracy of 99 % at step
# {{mnist-grokking.fitted.value:.0f}} [{{mnist-grokking.fitted.low:.0f}}, {{mnist-grokking.fitted.high:.0f}}], with a
# test accuracy of {{mnist-grokking.test_when_fitted.value:.2f}} [{{mnist-grokking.test_when_fitted.low:.2f}},
# {{mnist-grokking.test_when_fitted.high:.2f}}] at that moment, and 80 % on the test digits only at step
# {{mnist-grokking.generalised.value:.0f}}, {{mnist-grokking.ratio.value:.1f}} times later, with the norm on its way
# from {{mnist-grokking.norm_at_start.value:.0f}} to {{mnist-grokking.norm_at_end.value:.0f}}. The claim holds: a large
# start makes images grok, mildly. (With the published weight decay they report a test accuracy of 0.18 to 0.20 until
# about step 5000, and of 0.89 at 100,000.)
#
# That is the story as it was told. But two things were large in it: the norm, and the time it took. Hold the norm.

# %% [markdown]
# ## 2 · Hold the norm
#
# The nearest point to $w$ with norm $r$ is $r\,w/\lVert w\rVert$: one factor for all weights together. (Why nearest?
# The triangle inequality: no point of norm $r$ is nearer to $w$ than $\bigl|\lVert w\rVert - r\bigr|$, and this one is
# just that far.)

# %% answer="project_to_sphere"

# %% test="project_to_sphere"

# %% [markdown]
# A gradient $g$ has a part along the weights and a part across them. The part along them, $\frac{\langle w,
# g\rangle}{\lVert w\rVert^2}\,w$, only changes the norm, and for a small step the projection undoes what it does. What
# is left is the gradient *on the sphere*: its inner product with $w$ is zero.

# %% answer="tangent"

# %% test="tangent"

# %% [markdown]
# Put the projection behind any optimizer's step, and the optimizer trains on the sphere. Its own memory, such as Adam's
# running means, is left alone, as in the paper. (A question to keep: those means have seen the radial part. Does it
# matter? Section 6.)

# %% answer="sphere_step"

# %% test="sphere_step"

# %% [markdown]
# ## 3 · The L and the U
#
# **Predict first.** 200 digits to train on, every α its own norm, held. To the right of the best α: where do networks
# fit their train digits (at most 1 % wrong) and do worse on the test digits than at the best α?

# %% predict="right-of-best"
check.predict("right-of-best", ...)

# %% [markdown]
# The map was made with the package's own version of your `sphere_step`: ten α, two sizes of data, three seeds, 1500
# steps of Adam at $10^{-3}$ in batches of 100 (`grokedu reproduce alpha-map`; its seeds and its hash stand in the
# package's `artifacts/manifest.json`). Values are those at the end, not the best on the way: that would be peeking at
# the test digits.

# %% experiment="landscape-figure"
if check.ready():
    alpha_map = load_alpha_map()
    given = as_landscape(alpha_map.select(rate="as given"), step=1500)
    figures.show(
        figures.landscape(given, title="MNIST at a fixed norm, 1500 steps of Adam at 0.001")
    )

# %% experiment="landscape-verdict"
if check.ready():
    train_error, test_error = 1 - given.train_accuracy[0], 1 - given.test_accuracy[0]
    best = int(np.median(test_error, axis=1).argmin())
    least = bootstrap(test_error[best])
    print(f"200 digits; at best, α = {given.alphas[best]:g}, a test error of {least['value']:.2f}")
    bad = []
    for alpha, train, test in zip(given.alphas, train_error, test_error, strict=True):
        if alpha <= given.alphas[best]:
            continue
        found, fitted = bootstrap(test), bool(np.median(train) <= 0.01)
        bad.append(fitted and found["low"] > least["high"])
        print(
            f"α = {alpha:3g}: train error {np.median(train):.2f}, test error {found['value']:.2f} "
            f"[{found['low']:.2f}, {found['high']:.2f}]"
            + ("  fits, and is worse" if bad[-1] else "")
        )
    named = ", ".join(f"{a:g}" for a, b in zip(given.alphas[best + 1 :], bad, strict=True) if b)
    check.settle(
        "right-of-best",
        f"of the {len(bad)} α above the best one, {sum(bad)} fit and do worse ({named or 'none'})",
        "holds" if all(bad) else "holds in a window" if any(bad) else "fails",
    )

# %% [markdown]
# (Losses below $10^{-8}$ are drawn at $10^{-8}$.) With 200 digits it is as announced: below some α a network cannot
# even fit, and at every larger α than the best it fits and does worse, until it is hardly better than guessing. With
# ten times the data the U opens at a smaller test error and rises later; and at its far right the *train* error rises
# too. The foot of the L turns up, and the U there may be something else: networks that were not trained to the end.
#
# A point of a map is worth what you can check of it. Train two of them yourself, with your own step.

# %% experiment="live-points"
if check.ready("project_to_sphere", "sphere_step"):
    few = mnist_split(200, seed=0)
    early = as_landscape(alpha_map.select(rate="as given"), step=300)

    def live_point(alpha):
        """The norm and the test error of a run at this α, trained now."""
        start = {name: alpha * t for name, t in network.init(random_stream(0, "init")).items()}
        radius = float(l2_norm(start))
        params = {name: t.requires_grad_() for name, t in project_to_sphere(start, radius).items()}
        optimizer, stream = torch.optim.Adam(params.values(), lr=1e-3), random_stream(1, "batches")

        def compute_loss():
            batch = torch.randint(200, (100,), generator=stream)
            logits = network.apply(params, few.train_inputs[batch])
            return mean_squared_error(logits, few.train_labels[batch])

        for _ in range(scaled(300, 20)):
            sphere_step(optimizer, compute_loss, radius)
        with torch.no_grad():
            right = accuracy(network.apply(params, few.test_inputs), few.test_labels)
        return float(l2_norm(params)), 1 - float(right)

    for alpha in (1.0, 4.0):
        norm, mine = live_point(alpha)
        theirs = 1 - early.test_accuracy[0, list(early.alphas).index(alpha)]
        print(
            f"α = {alpha:g}, norm {norm:.1f}, 300 steps: your test error {mine:.2f}, the map's "
            f"{theirs.min():.2f} to {theirs.max():.2f}"
        )

# %% [markdown]
# ## 4 · What the radius cannot do
#
# Take a network without biases whose activations are homogeneous: ReLU is, $\mathrm{relu}(cx) = c\,\mathrm{relu}(x)$
# for $c > 0$; so is the square, $(cx)^2 = c^2x^2$. Multiply all its weights by $c$, and every logit is multiplied by
# one and the same power of $c$. For the two-layer network of lesson 01, $(cA_a + cB_b)^2\,cW = c^3\,(A_a + B_b)^2 W$.
# In general
#
# $$ z(r\,u) = r^m z(u), \qquad r > 0, $$
#
# with the degree $m = 3$ here. The largest logit stays the largest: **the radius alone cannot change one answer.** It is
# a *temperature*: it makes the network more or less sure of what it says. (Softmax attention and GELU break this
# altogether. Biases break it, too, but for those of the first layer; later ones count for less and less as the norm
# grows.)
#
# So ask for the loss in these terms.

# %% answer="polar_loss"

# %% test="polar_loss"

# %% [markdown]
# Now look along the rays. Train a network at norm 50, stop once when it has just fitted, and once when it has
# generalised. Keep the two directions; move the radius.

# %% experiment="rays"
if check.ready("project_to_sphere", "sphere_step", "polar_loss"):
    task = make_task("modular_addition", 31, 0.5, 0)
    train, test = ((task.inputs[part], task.targets[part]) for part in (task.train, task.test))
    start = project_to_sphere(TwoLayer(31, 128).init(random_stream(0, "init")), 50.0)
    weights = {name: t.requires_grad_() for name, t in start.items()}
    optimizer = torch.optim.Adam(weights.values(), lr=0.01, betas=(0.9, 0.98))
    kept = {}
    for step in range(scaled(1500, 60) + 1):
        if step in (60, scaled(1500, 60)):
            kept[step] = {name: t.detach().clone() for name, t in weights.items()}
        sphere_step(optimizer, lambda: cross_entropy(forward(weights, train[0]), train[1]), 50.0)
    radii, rays = np.geomspace(5, 200, 41), {}
    for step, direction in kept.items():
        loss = [float(polar_loss(direction, torch.tensor(r), *test)) for r in radii.tolist()]
        right = [
            float(accuracy(forward(project_to_sphere(direction, r), test[0]), test[1]))
            for r in radii.tolist()
        ]
        rays[f"step {step}, test pairs"] = figures.Ray(np.array(loss), np.array(right), 50.0)
    figures.show(figures.radius(radii, rays, title="The radius moved, the direction kept"))
    for step, direction in kept.items():
        leaves = {name: t.clone().requires_grad_() for name, t in direction.items()}
        radius = torch.tensor(50.0, requires_grad=True)
        polar_loss(leaves, radius, *train).backward()
        along = float(l2_norm({name: t.grad for name, t in leaves.items()}))
        print(
            f"step {step}: slope of the train loss in the radius {float(radius.grad):+.1e}, "
            f"length of its slope along the sphere {along:.1e}"
        )

# %% [markdown]
# On the right, two flat lines: not one answer changes. On the left, the loss of the network that has only memorised is
# smallest at the smallest radius, where it says nothing, and explodes with the radius: it is ever surer of wrong
# answers. That of the one that has generalised falls, until its few mistakes outweigh the rest.
#
# So a radius by itself is harmless. But *training* is another matter. Look at the printed slopes: the gradient that
# moves a direction weighs each train pair by how unsure the network is of it, and in a network that is sure of nearly
# all of them only the few others have a say.

# %% [markdown]
# ## 5 · With the norm held, is the delay gone?
#
# **Predict first.** Modular addition again, and the norm held. As soon as it fits (99 % of train pairs) does it
# generalise (95 % of test pairs, within 100 steps)?

# %% predict="delay-gone"
check.predict("delay-gone", ...)

# %% [markdown]
# Three pairs of settings, three seeds each: a two-layer network under the squared error ($p = 59$, 40 % of the pairs),
# one under the cross-entropy ($p = 31$, half of the pairs), and a one-layer transformer under the cross-entropy ($p =
# 53$, half of the pairs). Each is trained freely, with weight decay, and on a sphere, without. The sphere is that of
# the initial weights; for the second it is that of norm 50, about where free training ends up (lesson 01). A run stops
# when it has got there, and is censored if it never does.

# %% experiment="delays"
if check.ready("project_to_sphere", "sphere_step"):

    def when(
        seed,
        model,
        last,
        fraction=0.5,
        loss=cross_entropy,
        radius=None,
        lr=0.01,
        scale=1.0,
        decay=0.0,
        keep=None,
    ):
        """The steps at which a run has fitted and has generalised; nan if it never has."""
        task = make_task("modular_addition", model.p, fraction, seed)
        x, y = task.inputs, task.targets
        start = model.init(random_stream(seed, "init"))
        if radius == "own":
            radius = float(l2_norm(start))
        if radius is not None:
            start = project_to_sphere(start, radius)
        w = {name: t.requires_grad_() for name, t in start.items()}
        optimizer = torch.optim.AdamW(
            w.values(), lr, betas=(0.9, 0.98), weight_decay=decay, fused=FUSED
        )

        def compute_loss():
            return loss(scale * model.apply(w, x[task.train])[..., : model.p], y[task.train])

        got = {}
        for step in range(last + 1):
            if step % 10 == 0:
                with torch.no_grad():
                    z = model.apply(w, x)[..., : model.p]
                if keep is not None:
                    keep.append((step, z))
                right = z.argmax(-1) == y
                for part, least in (("train", 0.99), ("test", 0.95)):
                    if part not in got and right[getattr(task, part)].double().mean() >= least:
                        got[part] = step
                if len(got) == 2:
                    break
            if radius is not None:
                sphere_step(optimizer, compute_loss, radius)
            else:
                optimizer.zero_grad()
                compute_loss().backward()
                optimizer.step()
        return got.get("train", np.nan), got.get("test", np.nan)

    def arm(model, last, kept=None, **settings):
        """Three seeds of one setting."""
        last, seeds = scaled(last, 40), range(scaled(3, 1))
        kept = [None] * len(seeds) if kept is None else kept

        def run(seed):
            return when(seed, model, last, keep=kept[seed], **settings)

        runs = np.array([*in_threads(run, seeds, threads=2)])  # two seeds at a time
        return figures.Arm(runs[:, 0], runs[:, 1], last)

    small, large = TwoLayer(31, 128), TwoLayer(59, 128)
    transformer = Transformer(53, d_model=64, d_mlp=128)
    squared = {"fraction": 0.4, "loss": mean_squared_error}
    logits_of = {"free": [[], [], []], "sphere": [[], [], []]}  # of the transformers, for below
    arms = {
        "two layers, squared error, free": arm(large, 400, decay=0.3, **squared),
        "two layers, squared error, sphere": arm(large, 400, radius="own", **squared),
        "two layers, cross-entropy, free": arm(small, 4000, decay=0.3),
        "two layers, cross-entropy, sphere": arm(small, 4000, radius=50.0),
        "transformer, cross-entropy, free": arm(transformer, 800, logits_of["free"], decay=1.0),
        "transformer, cross-entropy, sphere": arm(
            transformer, 800, logits_of["sphere"], radius="own"
        ),
    }
    figures.show(figures.delays(arms, title="Addition modulo p, free and at a fixed norm"))

# %% experiment="delay-verdict"
if check.ready("project_to_sphere", "sphere_step"):
    said, gone = [], []
    for name, found in arms.items():
        delay = np.nan_to_num(found.generalised - found.fitted, nan=np.inf)
        said.append(f"{name} {np.median(delay):.0f} steps [{delay.min():.0f}, {delay.max():.0f}]")
        if "free" not in name:
            gone.append(bool((delay <= 100).all()))
    check.settle(
        "delay-gone",
        "median delay and its range over seeds: " + "; ".join(said),
        "holds" if all(gone) else "holds in a window" if any(gone) else "fails",
    )

# %% [markdown]
# In the transformer the published effect is there: a delay of well over a hundred steps, and on the sphere next to
# none. Under the squared error the two-layer network has no delay on the sphere; but it hardly had one without. And
# under the cross-entropy the norm of the two-layer network never moves, no weight decays, and it groks *just as late
# as before*. A falling norm is not what it was waiting for.
#
# The package's ledger (`docs/claims.md`; the claim {{modular-sphere.verdict}}) has more arms. Under the *squared error*
# the transformer is slow: watched for {{modular-sphere.arms.transformer_p_53_MSE_sphere_alpha_1.steps}} steps, three of
# three seeds on the sphere came to 95 % of the test pairs, one of them before it had 99 % of its train pairs, the others
# {{modular-sphere.arms.transformer_p_53_MSE_sphere_alpha_1.delay.low:.0f}} and
# {{modular-sphere.arms.transformer_p_53_MSE_sphere_alpha_1.delay.high:.0f}} steps after; free, with a weight decay of
# 0.1, {{modular-sphere.arms.transformer_p_53_MSE_free.censored}} of 3 never did. The published network itself (p = 113,
# 0.8 times its initial norm: train and test within ten steps of each other near step 300, against some 8000 without) is
# too slow for this notebook. Of three seeds on that sphere, watched for
# {{modular-sphere.arms.transformer_sphere_alpha_0_8.steps}} steps,
# {{modular-sphere.arms.transformer_sphere_alpha_0_8.delay.runs}} fitted, and generalised
# {{modular-sphere.arms.transformer_sphere_alpha_0_8.delay.value:.0f}} steps later; free, none had generalised by step
# {{modular-sphere.arms.transformer_free.steps}}. What fitted agrees with what was published; that most did not fit in
# time does not.
#
# **Predict first.** In the transformer the delay is gone. Is that because nothing is memorised any more?

# %% predict="memorising"
check.predict("memorising", ...)

# %% [markdown]
# Nanda and others (2023) look for memorising with the *excluded loss*. A network that adds by rotations does so with a
# few frequencies of $a + b$ (lesson 04 shows how; here it is the package's). Take those of the finished network out of
# its logits, all along the run, and look at the train loss of what is left. A network that has learned nothing has
# $\log p$, about 3.97. If the loss without the circuit is *lower*, the train pairs are known by other means: by heart.
# How far it dips below $\log p$ tells how much. (It sees train labels, and the future: the frequencies are those of the
# end.)

# %% experiment="memorising"
if check.ready("project_to_sphere", "sphere_step"):
    dips, test_at_fit = {}, {}
    for name, each in logits_of.items():
        dips[name], test_at_fit[name] = [], []
        for seed, records in enumerate(each):
            if not records:
                continue
            task = make_task("modular_addition", 53, 0.5, seed)
            keys = fourier.key_frequencies(fourier.sum_power(records[-1][1].double()))
            without = [
                float(fourier.excluded_loss(z, task.targets, task.train, keys)) for _, z in records
            ]
            dips[name].append(np.log(53) - min(without))
            fitted = arms[f"transformer, cross-entropy, {name}"].fitted[seed]
            at = [z for step, z in records if step == fitted]
            if at:  # a run that never fitted has no such record
                right = at[0].argmax(-1) == task.targets
                test_at_fit[name].append(float(right[task.test].double().mean()))
        spread = [min(dips[name]), max(dips[name])]
        print(
            f"{name:7} dip of the excluded loss {np.median(dips[name]):.2f} nats "
            f"[{spread[0]:.2f}, {spread[1]:.2f}]; test accuracy when fitted "
            + ", ".join(f"{one:.2f}" for one in test_at_fit[name])
        )
    share = bootstrap(np.array(dips["sphere"]) / np.array(dips["free"]))
    check.settle(
        "memorising",
        f"on the sphere the excluded loss dips {share['value']:.2f} times [{share['low']:.2f}, "
        f"{share['high']:.2f}] as far below log p as in free training",
        "holds" if share["high"] < 0.1 else "holds in a window" if share["high"] < 0.8 else "fails",
    )

# %% [markdown]
# So the network on the sphere memorises *less*, and generalises while it does: when it fits, most of the test pairs are
# right already. It is not kept from memorising altogether. What has become of the memorising part afterwards, when no
# weights decay, is a question for lesson 04.
#
# **Predict first.** If the norm is held and it still takes long: what does the *radius* at which you hold it do?

# %% predict="radius-dial"
check.predict("radius-dial", ...)

# %% [markdown]
# Section 4 says what a radius can do at all. In a homogeneous network training at radius $r$ is training the direction,
# with the logits multiplied by $r^3$; and since a step of Adam has a length that does not depend on the gradient's
# size, a step turns the direction by an angle in proportion to $\eta/r$. *Nothing else.* So a run at radius 25 with its
# logits multiplied by $8 = (50/25)^3$ and half the learning rate must be a run at radius 50, but
# for rounding and the small number that Adam adds to its denominator, and the two things a radius does can be changed
# one at a time.

# %% experiment="radius-dial"
if check.ready("project_to_sphere", "sphere_step"):
    cells = {
        "radius 50": arms["two layers, cross-entropy, sphere"],
        "radius 25, logits × 8, rate / 2": arm(small, 4000, radius=25.0, lr=0.005, scale=8.0),
        "radius 25, logits × 8": arm(small, 4000, radius=25.0, scale=8.0),
        "radius 25, rate / 2": arm(small, 4000, radius=25.0, lr=0.005),
        "radius 25": arm(small, 4000, radius=25.0),
    }
    figures.show(figures.delays(cells, title="What a radius does, one thing at a time"))
    delay = {name: one.generalised - one.fitted for name, one in cells.items()}
    by_scale = delay["radius 25, logits × 8"] / delay["radius 25"]
    by_angle = delay["radius 25, rate / 2"] / delay["radius 25"]
    factors = [bootstrap(np.nan_to_num(one, nan=np.inf)) for one in (by_scale, by_angle)]
    scale_said, angle_said = (
        f"{one['value']:.1f} times [{one['low']:.1f}, {one['high']:.1f}]" for one in factors
    )
    more = [one["low"] > 1.25 for one in factors]
    check.settle(
        "radius-dial",
        f"from radius 25 to 50 the logits' scale makes the delay {scale_said} as long, the smaller "
        f"angle {angle_said}",
        "holds" if more == [True, False] else "holds in a window" if more[0] else "fails",
    )

# %% [markdown]
# With both changes, radius 25 generalises when radius 50 does: the derivation is no mere algebra. And the larger part of
# what the radius does to the delay, it does through the scale of the logits. At radius 25 the cross-entropy groks
# several times sooner than at 50, not because a small norm is good for anything, but because the network stays unsure
# of its train pairs, and all of them keep a say in its gradient. (The gradient's *size* is not it: Adam divides that
# out.) Hold the radius at 25 and sharpen the logits, and the delay is
# back, in every seed. The smaller angle alone lengthens it less, but look at the seeds: they do not agree by how much.
# Under the squared error, whose targets are 0 and 1, there is no such thing as being surer than sure, and there was
# next to no delay to explain.

# %% [markdown]
# ## 6 · The critique: how far does a step turn?
#
# Back to the images, and to the foot of the L that turns up. A step of Adam is about $\eta$ long in every coordinate,
# $\eta\sqrt d$ in all. On a sphere of radius $r = \alpha\lVert w_0\rVert$ that is an angle of about
# $\eta\sqrt d/(\alpha\lVert w_0\rVert)$: at α = 8, an eighth of that at α = 1. The runs on the right were trained
# more slowly, and nobody had told them.
#
# Measure it. An angle of $10^{-4}$ has a cosine of $1 - 5\cdot 10^{-9}$, which float32 rounds to 1 or to a neighbour
# of 1: its arccosine is 0, or several times too large. The length of the line between two points of the unit sphere
# loses nothing: $\lVert u - v\rVert^2 = 2 - 2\cos\theta = 4\sin^2\tfrac\theta2$.

# %% answer="angular_step"

# %% test="angular_step"

# %% [markdown]
# What learning rate at norm 1 would turn as far? Take a loss that does not depend on the norm, $L(cw) = L(w)$.
# Differentiate both sides in $w$: $c\,\nabla L(cw) = \nabla L(w)$, so its gradient shrinks as one over the norm, which
# SGD follows and Adam divides out. The rest is yours. (van Laarhoven 2017; Hoffer and others 2018.)

# %% answer="effective_learning_rate"

# %% test="effective_learning_rate"

# %% [markdown]
# The last tool turns "it helps" into a number.

# %% answer="share_explained"

# %% test="share_explained"

# %% [markdown]
# **Predict first.** Training at α = 8 costs train error and test error, against α = 1. How much of each is the step's
# fault?

# %% predict="step-size"
check.predict("step-size", ...)

# %% [markdown]
# Now run it properly. The cost: α = 8 against α = 1. Three remedies, crossed with each other: the learning rate times
# α; the radial part taken out of the gradient *before* it enters Adam's means (your `tangent`); four times the steps.
# And SGD with momentum, which has no means to spoil. To make twenty-seven runs affordable, the images are shrunk to 14
# × 14 and the network to 196-100-100-10, with 500 digits to train on, three seeds.

# %% experiment="shrunk"
if check.ready():

    def shrunk(images):
        """(n, 784) to (n, 196): the mean of every 2 × 2 pixels."""
        return F.avg_pool2d(images.reshape(-1, 1, 28, 28), 2).flatten(1)


# %% experiment="remedies"
if check.ready("project_to_sphere", "tangent", "sphere_step", "angular_step"):
    shrunken = MLP((196, 100, 100, 10))
    digits = {seed: mnist_split(500, seed) for seed in range(scaled(3, 2))}
    digits = {k: (shrunk(s[0]), s[1], shrunk(s[2]), s[3]) for k, s in digits.items()}

    def ends(seed, alpha=8.0, rate=1.0, projected=False, longer=1, sgd=None):
        """Train one run; its train loss and errors at the end, and the angle of a step half-way."""
        x, y, x_test, y_test = digits[seed]
        w = {
            k: (alpha * t).requires_grad_()
            for k, t in shrunken.init(random_stream(seed, "init")).items()
        }
        radius, stream = float(l2_norm(w)), random_stream(seed, "batches")
        optimizer = (
            torch.optim.Adam(w.values(), lr=1e-3 * rate, fused=FUSED)
            if sgd is None
            else torch.optim.SGD(w.values(), lr=sgd, momentum=0.9)
        )
        steps, angle = scaled(160, 10) * longer, np.nan
        for step in range(steps):
            batch = torch.randint(500, (100,), generator=stream)
            before = {k: t.detach().clone() for k, t in w.items()} if step == steps // 2 else None

            def compute_loss(batch=batch):
                return mean_squared_error(shrunken.apply(w, x[batch]), y[batch])

            if projected:  # your tangent between the gradient and the optimizer
                optimizer.zero_grad()
                compute_loss().backward()
                for name, slope in tangent(w, {k: t.grad for k, t in w.items()}).items():
                    w[name].grad = slope.detach()
                optimizer.step()
                for name, t in project_to_sphere(w, radius).items():
                    w[name].data.copy_(t.detach())
            else:
                sphere_step(optimizer, compute_loss, radius)
            if before is not None:
                angle = float(angular_step(before, {k: t.detach() for k, t in w.items()}))
        with torch.no_grad():
            z, z_test = shrunken.apply(w, x), shrunken.apply(w, x_test)
        return {
            "train_loss": float(mean_squared_error(z, y)),
            "train_error": 1 - float(accuracy(z, y)),
            "test_error": 1 - float(accuracy(z_test, y_test)),
            "angle": angle,
        }

    remedies = {
        "α = 1": {"alpha": 1.0},
        "α = 8": {},
        "gradient projected": {"projected": True},
        "rate × 8": {"rate": 8.0},
        "rate × 8, projected": {"rate": 8.0, "projected": True},
        "4 × steps": {"longer": 4},
        "rate × 8, 4 × steps": {"rate": 8.0, "longer": 4},
        "all three": {"rate": 8.0, "projected": True, "longer": 4},
        "SGD with momentum, 4 × steps": {"sgd": 1e-3, "longer": 4},
    }
    results = {}
    for name, settings in remedies.items():
        rows = [*in_threads(partial(ends, **settings), digits, threads=2)]
        results[name] = {what: np.array([row[what] for row in rows]) for what in rows[0]}
    figures.show(
        figures.remedies(
            results, title="500 digits of 14 × 14, three seeds; α = 8 but for the first row"
        )
    )

# %% experiment="shares"
if check.ready(
    "project_to_sphere",
    "tangent",
    "sphere_step",
    "angular_step",
    "effective_learning_rate",
    "share_explained",
):
    norm = float(l2_norm(shrunken.init(random_stream(0, "init"))))
    expected = effective_learning_rate(1e-3, norm, "adam") / effective_learning_rate(
        1e-3, 8 * norm, "adam"
    )
    turned = np.median(results["α = 1"]["angle"] / results["α = 8"]["angle"])
    print(
        f"At α = 8 a step turns by {turned:.0f} times less than at α = 1; the learning rate and the"
    )
    print(f"norm alone make that {expected:.0f} times.\n")
    print(f"{'share of the cost taken away by':32} {'train error':>22} {'test error':>22}")
    shares = {}
    for name in [*results][2:]:
        columns = [
            torch.tensor(np.stack([results[one][what] for one in ("α = 1", "α = 8", name)]))
            for what in ("train_error", "test_error")
        ]
        shares[name] = [bootstrap(share_explained(*rows).numpy(), np.mean) for rows in columns]
        words = [f"{s['value']:.0%} [{s['low']:.0%}, {s['high']:.0%}]" for s in shares[name]]
        print(f"{name:32} {words[0]:>22} {words[1]:>22}")
    most = [max(pair[i]["value"] for pair in shares.values()) for i in range(2)]
    names = [max(shares, key=lambda name: shares[name][i]["value"]) for i in range(2)]
    told = [f"{most[i]:.0%} ({names[i]})" for i in range(2)]
    low = shares[names[0]][0]["low"]
    check.settle(
        "step-size",
        f"the best remedy takes away {told[0]} of the train error that α = 8 adds, and {told[1]} of "
        "the test error",
        "holds" if min(most) >= 0.9 else "holds in a window" if low > 0.5 else "fails",
    )

# %% [markdown]
# Larger steps *and* more of them take most of the train error away. Of the test error most remains: a network at α = 8
# that knows most of its train digits still has most of the test digits wrong.
#
# Three traps on the way. The *train loss* flatters every remedy: at α = 8 it starts far above that of a network that
# answers 0.1 to everything, which is 0.09, and a run that comes down to that has lost nearly all of the added loss and
# learned next to nothing. SGD with momentum is such a run. Projecting the gradient before Adam's means see it is judged
# too early if it is tried alone: it does nothing then, and takes away a further part of the test error once the steps
# are larger and more. And the angle of a step is not what learning rate and norm alone say: the measured factor is
# larger than 8, because at one and the same step the two runs are at different stages.
#
# At full size (784-200-200-10, 1000 digits, {{effective-learning-rate.steps}} steps,
# {{effective-learning-rate.arms.alpha_8.test_error.runs}} seeds) the rate times 8 takes the train error from
# {{effective-learning-rate.arms.alpha_8.train_error.value:.2f}} to
# {{effective-learning-rate.arms.rate_times_8.train_error.value:.2f}}; with five times the steps, and a rate that goes to
# zero, it is {{effective-learning-rate.arms.rate_times_8_to_zero_5_times_steps.train_error.value:.2f}}. The test error
# goes from {{effective-learning-rate.arms.alpha_8.test_error.value:.2f}} to
# {{effective-learning-rate.arms.rate_times_8.test_error.value:.2f}} and
# {{effective-learning-rate.arms.rate_times_8_to_zero_5_times_steps.test_error.value:.2f}}, where α = 1 has
# {{effective-learning-rate.arms.alpha_1.test_error.value:.2f}}: of the cost in test error
# {{effective-learning-rate.explained.rate_times_8_to_zero_5_times_steps.test_error.value:.0%}}
# [{{effective-learning-rate.explained.rate_times_8_to_zero_5_times_steps.test_error.low:.0%}},
# {{effective-learning-rate.explained.rate_times_8_to_zero_5_times_steps.test_error.high:.0%}}] is gone.
#
# That was one α. Here is the whole landscape again, with the learning rate times α, and what that does at α = 8.

# %% experiment="landscape-scaled"
if check.ready("share_explained"):
    times = as_landscape(alpha_map.select(rate="times α"), step=1500)
    figures.show(figures.landscape(times, title="The same, 1500 steps of Adam at 0.001 times α"))
    one = [*given.alphas].index(1.0)
    for at, size in enumerate(given.sizes):
        for what in ("train", "test"):
            before, after = (1 - getattr(found, f"{what}_accuracy")[at] for found in (given, times))
            said = f"{np.median(before[-1]):.2f} to {np.median(after[-1]):.2f}"
            rows = [torch.tensor(errors) for errors in (before[one], before[-1], after[-1])]
            gone = share_explained(*rows)
            if gone.isnan().any():
                print(f"{size:.0f} digits, α = 8, {what} error: {said}, not all seeds have a cost")
                continue
            share = bootstrap(gone.numpy(), np.mean)
            print(
                f"{size:.0f} digits, α = 8, {what} error: {said}; of the cost {share['value']:.0%} "
                f"[{share['low']:.0%}, {share['high']:.0%}] gone"
            )

# %% [markdown]
# So the critique is right, and how right depends on the data. With 2000 digits a good part of the right arm was the
# optimizer's: steps that turn as far as at α = 1 take most of the additional train *and* test error away. With 200
# digits the networks fitted anyway, and larger steps do less: the right arm comes down, visibly at α = 4, hardly at 8,
# and stays. Something that α changes, and that is not the length of a step, makes networks that fit few data generalise
# badly.

# %% [markdown]
# ## 7 · What does the landscape itself prefer?
#
# Perhaps the right arm is there because at a large norm most of the networks that fit are bad ones: a matter of volume,
# with which an optimizer has nothing to do. Ask the landscape. Draw weights at random, keep those that happen to fit,
# and see who of them generalises (*guess and check*; Chiang and others 2023). It works for a handful of train examples
# alone: eight of them and two classes, or chance never fits.

# %% answer="generalising_share"

# %% test="generalising_share"

# %% [markdown]
# **Predict first.** Two digits, eight train examples, a network of 16 hidden neurons drawn uniformly from the sphere of
# α times its usual norm. Of those that fit, how does the share with at least 90 % of the test digits right change with
# α? (For one of the two cases you can prove the answer.)

# %% predict="density"
check.predict("density", ...)

# %% experiment="density"
if check.ready("generalising_share"):
    tiny, scales = MLP((196, 16, 2)), (0.1, 1.0, 8.0)
    norm = float(l2_norm(tiny.init(random_stream(0, "init"))))
    shapes = {name: tuple(t.shape) for name, t in tiny.init(random_stream(0, "init")).items()}

    def two_digits(seed):
        """Eight train and fifty test images of two digits, and their labels, 0 or 1."""
        some, first = mnist_split(1000, seed), seed % 9
        x, y = shrunk(torch.cat([some[0], some[2]])), torch.cat([some[1], some[3]])
        at = [(y == first + label).nonzero()[:, 0] for label in (0, 1)]
        parts = [torch.cat([one[a:b] for one in at]) for a, b in ((0, 4), (4, 29))]
        return [(x[part], y[part] - first) for part in parts]

    def shares(case):
        """The share that generalises of those that fit, at each scale, for one seed."""
        biases, seed = case
        (x, y), (x_test, y_test) = two_digits(seed)
        kept = {k: s for k, s in shapes.items() if biases or k.startswith("W")}
        drawn = random_on_sphere(kept, 1.0, scaled(6000, 400), random_stream(seed, "drawn"))
        found = {}
        for alpha in scales:  # the same directions at every radius
            w = {k: alpha * norm * t for k, t in drawn.items()}
            for k, s in shapes.items():
                w.setdefault(k, torch.zeros(len(w["W1"]), *s))
            with torch.no_grad():
                z, z_test = tiny.apply(w, x), tiny.apply(w, x_test)
            found[biases, alpha, seed] = generalising_share(z, y, z_test, y_test, 0.9)
        return found

    cases = [(biases, seed) for biases in (True, False) for seed in range(scaled(5, 2))]
    table = {at: share for case in cases for at, share in shares(case).items()}
    falls = {}
    for biases in (True, False):
        print("with biases" if biases else "without biases (homogeneous)")
        for alpha in scales:
            found = [table[biases, alpha, seed] for seed in range(scaled(5, 2))]
            share = bootstrap([one for _, one in found], np.mean)
            print(
                f"  α = {alpha:3g}: {sum(count for count, _ in found):4} fit, of them generalise "
                f"{share['value']:.2f} [{share['low']:.2f}, {share['high']:.2f}]"
            )
        change = bootstrap(
            [table[biases, 8.0, s][1] - table[biases, 1.0, s][1] for s in range(scaled(5, 2))],
            np.mean,
        )
        falls[biases] = change["high"] < 0
        print(
            f"  from α = 1 to 8, paired: {change['value']:+.2f} [{change['low']:+.2f}, "
            f"{change['high']:+.2f}]"
        )
    counts = {b: "fewer" if fell else "not fewer" for b, fell in falls.items()}
    check.settle(
        "density",
        f"from α = 1 to 8, with biases {counts[True]} of the fitting networks generalise, without "
        f"biases {counts[False]}",
        "holds" if all(falls.values()) else "holds in a window" if any(falls.values()) else "fails",
    )

# %% [markdown]
# Without biases the three lines are equal to the last digit, and they must be: who fits and who generalises are
# questions about answers, and section 4 has proved that the radius does not change one. With biases the smallest radius
# is another matter: hardly a network fits there, since the last layer's bias is larger than all that the images
# contribute. Above it, see how wide the interval of the change is before you believe its sign: few networks fit, even of
# thousands.
#
# So for a homogeneous network the right arm of the U is no question of how many good networks the landscape holds, as
# far as fitting means right *answers*. It may still be one for the *loss*: to bring the squared error down at α = 8, a
# network must find directions whose logits are small, since they are multiplied by a power of 8. That is a matter of
# the scale of the outputs, and lesson 06 takes it up: give a network of small norm large outputs, and see.

# %% [markdown]
# ## 8 · Explore
#
# The map behind its controls. Look for: an α at which 200 digits are fitted and half of the test digits are wrong; what
# ten times the data do to it; an α at which more steps help the train error and not the test error. *Train it now*
# trains the chosen point with a seed that the map has not seen, in a second for 100 steps and some ten for 1500.

# %% explorer="sphere"
if check.ready():
    display(SphereExplorer(alpha=4.0, size=200, rate="as given", steps=1500))

# %% [markdown]
# ## 9 · In your own words
#
# **The radius.** Explain to a friend why, in a homogeneous network, the norm of the weights cannot be what decides
# whether it generalises, and what it can decide nevertheless. Where does your argument stop?

# %% [markdown] reflect="radius"
# If every layer is linear in its weights and every activation homogeneous, multiplying all weights by c > 0 pulls a
# power of c out of every layer, and the logits are z(cw) = c^m z(w): all multiplied by one positive number. The
# largest logit stays the largest, so every answer, and with it train and test accuracy, is the same at every radius.
# What a radius can do is to change the loss (it is a temperature) and with it the gradient, and to change by what
# angle a step of a given length turns the direction: it steers how training goes on. In our runs sharper logits alone
# brought most of the delay of radius 50 back at radius 25; a smaller angle changed it less in most seeds. The
# argument stops at biases (a bias added in a later layer is multiplied by a smaller power of c than what it is added
# to), at GELU and at softmax attention (not homogeneous: a sharper softmax attends elsewhere), and at LayerNorm,
# where the exponent is 0 for the weights before it.

# %% [markdown]
# **The critique.** Somebody shows you the landscape of section 3 and says: "A large norm causes bad generalisation."
# What do you answer, with the numbers you have measured, and what would you run next?

# %% [markdown] reflect="critique"
# Two things were changed together: the norm, and the angle of a step, which at α = 8 is more than eight times smaller.
# With the learning rate times 8 and four times the steps most of the additional train error goes away, so where the
# train error rises on the right, training was slow. Of the additional test error the same remedies take away a smaller
# part in my small network, and at full size with 1000 digits
# {{effective-learning-rate.explained.rate_times_8_to_zero_5_times_steps.test_error.value:.0%}}; with 2000 digits the
# larger rate alone takes most of it, with 200, where all networks fit, little. So with few data a gap remains that the
# step does not explain. Nor does this show that the norm explains it: random networks that fit generalise as often at
# every radius where there are no biases, and the scale of the outputs grows with α, too.
#
# Next I would divide the logits by the power of α by which they grew, with the angles matched: the same function at the
# start, whatever the norm. If the gap closes, it was the scale of the outputs; if it stays, it was something else that α
# changes, such as the biases. I would also compare at equal train loss, since equal steps are not equal training.

# %% [markdown]
# ## 10 · What is still open
#
# - **The scale of the outputs.** A large norm means large outputs, and networks with large outputs train lazily: their
#   features hardly move. Kumar and others (2023) say this is what α does. Lesson 06.
# - **Memorising circuits.** A fixed norm made the transformer memorise less, and did not keep the two-layer network
#   from it. What becomes of the memorising part if no weight decays: lesson 04.
# - **More steps.** Five times the steps took a part of the test error away; where that ends is not known.
# - **Why the transformer and not the two-layer network?** Under one loss, at a fixed norm, one has lost its delay and
#   the other has not. The transformer is not homogeneous, so the derivation of section 4 is silent about it.
#
# ## Sources
#
# - Nanda, Chan, Lieberum, Smith, Steinhardt (2023). *Progress measures for grokking via mechanistic interpretability.*
#   arXiv 2301.05217.
# - Liu, Michaud, Tegmark (2022). *Omnigrok: grokking beyond algorithmic data.* arXiv 2210.01117.
# - van Laarhoven (2017). *L2 regularization versus batch and weight normalization.* arXiv 1706.05350.
# - Hoffer, Banner, Golan, Soudry (2018). *Norm matters: efficient and accurate normalization schemes in deep networks.*
#   arXiv 1803.01814.
# - Kumar, Bordelon, Gershman, Pehlevan (2023). *Grokking as the transition from lazy to rich training dynamics.* arXiv
#   2310.06110.
# - Chiang, Ni, Miller, Bansal, Geiping, Goldblum, Goldstein (2023). *Loss landscapes are all you need: neural network
#   generalization can be explained without the implicit bias of gradient descent.* ICLR 2023.
