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

import torch
from torch import Tensor

from grokedu import figures
from grokedu.claims import density, memorising_on_sphere, mnist_grokking, mnist_landscape
from grokedu.claims import effective_learning_rate as critique
from grokedu.claims import modular_sphere, radius_dial, rays
from grokedu.claims.alpha_map import as_landscape, train_points
from grokedu.claims.artifacts import load_alpha_map
from grokedu.claims.explorers import SphereExplorer
from grokedu.claims.scale import scaled
from grokedu.lessons import l03_sphere as check
from grokedu.measures import cross_entropy
from grokedu.models.two_layer import forward

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
    images = mnist_grokking.measure(
        [0], steps=scaled(2500, 60), lr=2e-3, weight_decay=0.2, batch_size=100
    )
    figures.show(mnist_grokking.figure(images, title="1000 digits, α = 8"))

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
    lines, bad = mnist_landscape.right_of_best(given)
    print(f"{given.sizes[0]:.0f} digits,", "\n".join(lines))
    verdict, told = mnist_landscape.judge_right(bad)
    check.settle("right-of-best", told, verdict)

# %% [markdown]
# (Losses below $10^{-8}$ are drawn at $10^{-8}$.) With 200 digits it is as announced: below some α a network cannot
# even fit, and at every larger α than the best it fits and does worse, until it is hardly better than guessing. With
# ten times the data the U opens at a smaller test error and rises later; and at its far right the *train* error rises
# too. The foot of the L turns up, and the U there may be something else: networks that were not trained to the end.
#
# A point of a map is worth what you can check of it. Train two of them yourself, with your own step.

# %% experiment="live-points"
if check.ready("sphere_step"):
    early = as_landscape(alpha_map.select(rate="as given"), step=300)
    for alpha in (1.0, 4.0):  # the same data and weights as the map's first seed, your own step
        mine = train_points(
            [alpha], 200, 0, "as given", last=scaled(300, 20), sphere_step=sphere_step
        )
        error = 1 - mine["test_accuracy"][-1, 0]
        theirs = 1 - early.test_accuracy[0, list(early.alphas).index(alpha)]
        print(
            f"α = {alpha:g}, norm {mine['l2_norm'][-1, 0]:.1f}, 300 steps: your test error "
            f"{error:.2f}, the map's {theirs.min():.2f} to {theirs.max():.2f}"
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
    radii, along, slopes = rays.measure(
        steps=scaled(1500, 80), sphere_step=sphere_step, project=project_to_sphere, loss=polar_loss
    )
    figures.show(rays.figure(radii, along, title="The radius moved, the direction kept"))
    for name, slope in slopes.items():
        print(
            f"{name}: slope of the train loss in the radius {slope.radial:+.1e}, length of its "
            f"slope along the sphere {slope.along:.1e}"
        )

# %% [markdown]
# On the right, two flat lines: not one answer changes. On the left, the loss of the network that has only memorised is
# smallest at the smallest radius, where it says nothing, and explodes with the radius: it is ever surer of wrong
# answers. That of the one that has generalised falls, until its few mistakes outweigh the rest.
#
# So a radius by itself is harmless. But *training* is another matter. Look at the printed slopes: the gradient that
# moves a direction weighs each train pair by how unsure the network is of it, and the radius makes it more or less sure.
# What that does to training is a matter for an experiment.

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
if check.ready("sphere_step"):
    arms = modular_sphere.measure(
        modular_sphere.small_settings(),  # within a pair: held, or free with weight decay
        range(scaled(3, 1)),
        steps=scaled(4000, 40),
        sphere_step=sphere_step,
    )
    figures.show(figures.delays(arms, title="Addition modulo p, free and at a fixed norm"))

# %% experiment="delay-verdict"
if check.ready("sphere_step"):
    verdict, told = modular_sphere.judge(arms)
    check.settle("delay-gone", told, verdict)

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
if check.ready("sphere_step"):
    memorised = memorising_on_sphere.measure(
        range(scaled(3, 1)), steps=scaled(400, 20), sphere_step=sphere_step
    )
    print("\n".join(memorising_on_sphere.lines(memorised)))
    verdict, told = memorising_on_sphere.judge(memorised)
    check.settle("memorising", told, verdict)

# %% [markdown]
# When the network on the sphere fits, most of the test pairs are right already. Yet holding the norm does not keep it
# from memorising: its excluded loss dips below $\log p$ too, and the interval above says how far, beside free training. So
# it memorises and generalises at the same time. (The runs go on to step 400, since the frequencies of a network that is
# stopped as soon as it generalises are not yet those it ends with.) What has become of the memorising part afterwards,
# when no weights decay, is a question for lesson 04.
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
if check.ready("sphere_step"):
    dial = radius_dial.measure(
        radius_dial.settings(scaled(4000, 40)),  # one thing changed at a time
        range(scaled(3, 1)),
        sphere_step=sphere_step,
    )
    figures.show(figures.delays(dial, title="What a radius does, one thing at a time"))
    verdict, told = radius_dial.judge(dial)
    check.settle("radius-dial", told, verdict)

# %% [markdown]
# With both changes, radius 25 generalises about when radius 50 does: the derivation is no mere algebra. And the larger
# part of what the radius does to the delay, it does through the scale of the logits. At radius 25 the cross-entropy groks
# several times sooner than at 50, and not because a small norm is good for anything: hold the radius at 25 and sharpen
# the logits, and the delay is back, in every seed, or longer than at radius 50: runs with a triangle to the right have
# not come to 95 % of the test pairs when they end. (The gradient's *size* is not it: Adam divides that out. Why sharper
# logits take longer, these runs do not say. Nor is smaller always better: a network on too
# small a sphere cannot fit.) The smaller angle alone lengthens it less, but look at the seeds: they do not agree by how much.
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

# %% experiment="remedies"
if check.ready("tangent", "sphere_step", "angular_step"):
    own = critique.Own(sphere_step, tangent, angular_step)
    results = critique.measure(
        critique.CROSSED,  # α = 8 in all arms except the first
        range(scaled(3, 2)),
        steps=scaled(160, 10),
        images=critique.SHRUNK,
        own=own,
    )
    title = "500 digits of 14 × 14, three seeds; α = 8 except for the first row"
    figures.show(critique.figure(results, title=title))

# %% experiment="shares"
if check.ready(
    "tangent", "sphere_step", "angular_step", "effective_learning_rate", "share_explained"
):
    shares = critique.explained_by(results, ("train_error", "test_error"), share_explained)
    print("\n".join(critique.table(results, shares)))
    rates = [effective_learning_rate(1e-3, norm, "adam") for norm in (1.0, 8.0)]
    print(f"\nFrom rate and norm alone, α = 8 turns {rates[0] / rates[1]:.0f} times less.")
    verdict, told = critique.judge_errors(shares)
    check.settle("step-size", told, verdict)

# %% [markdown]
# Larger steps *and* more of them take most of the train error away. Of the test error most remains: a network at α = 8
# that knows most of its train digits still has most of the test digits wrong.
#
# Three traps on the way. The *train loss* flatters every remedy: at α = 8 it starts far above that of a network that
# answers 0.1 to everything, which is 0.09, and a run that comes down to that has lost nearly all of the added loss and
# learned next to nothing. SGD with momentum is such a run, and the table says why: it hardly turns, so that it tells
# nothing about SGD at a rate that suits it. None of the rates here was tuned; others may take more of the cost away. Projecting the gradient before Adam's means see it is judged
# too early if it is tried alone: it does nothing then, and takes away a further part of the test error once the steps
# are larger and more. And the angle of a step is not what learning rate and norm alone say, since at
# one and the same step two runs are at different stages: even at the rate times 8 a step turns less than at α = 1.
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
    print("\n".join(critique.of_the_map(given, times, share_explained)))

# %% [markdown]
# So the critique is right, and how right depends on the data. With 2000 digits a good part of the right arm was the
# optimizer's: the rate times α takes most of the additional train *and* test error away. With 200
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
    drawn = density.measure(range(scaled(5, 2)), count=scaled(6000, 400), share=generalising_share)
    print("\n".join(density.lines(drawn)))
    verdict, told = density.judge(drawn)
    check.settle("density", told, verdict)

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
# brought the delay of radius 50 back at radius 25, and more; a smaller angle changed it less. The
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
# - **Memorising circuits.** A fixed norm did not keep the transformer from memorising, nor the two-layer network. What
#   becomes of the memorising part if no weight decays: lesson 04.
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
