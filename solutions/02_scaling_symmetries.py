# %% [markdown]
# # 02 · Scaling symmetries of the weight norm
#
# *About 90 minutes. You need: lesson 01, and the chain rule. Every experiment here finishes while you watch.*
#
# Lesson 01 watched the norm of all weights. Many people take it for a measure of what a network *is*: Liu and
# others (2022) explain grokking by a norm that weight decay slowly brings into a "Goldilocks zone"; the decay
# itself is often explained by saying that small weights make simple functions.
#
# In 2017 Dinh and others objected. Take a ReLU network, multiply all that leads into a neuron by 10, divide what
# leads out by 10. Not one output changes. The norm does, and so do the usual measures of how flat the loss is. What
# can a number mean that you may set as you like without touching the function?
#
# **The question of this lesson: is the weight norm a property of what a network computes, or only of how it is
# written down? And if it is only that, does training care?**
#
# When you are through, you can
#
# - say which rescaling an activation allows, and write down the same network at any norm from the least one up;
# - name numbers that rescaling cannot change, and compute two of them;
# - derive what gradient flow conserves, and show how finite steps, weight decay and Adam break it;
# - say which norms in a transformer a symmetry links, which come out equal under weight decay, and when;
# - tell which part of Dinh's objection strikes at the norms of lesson 01, and which does not.
#
# The notation is that of the whole course (`docs/notation.md`). A network of this lesson has the outputs
# $z = \phi(xA + b)\,W$ with $N$ hidden neurons; $b$ is a bias, but where a pair of residues is written $(a, b)$.
# $\beta > 0$ is a scale. For one neuron, $u$ is all that leads in, its column of
# $A$ and its bias, and $v$ what leads out, its row of $W$.

# %% setup="imports"
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from grokedu import figures
from grokedu.lessons import l02_scaling_symmetries as check
from grokedu.models import TwoLayer
from grokedu.tasks import make_task
from grokedu.training import train

torch.set_num_threads(1)  # matrices this small gain nothing from a second thread

# %% setup="experiments"
from grokedu.claims import activation_degrees, charge_kept, flatness, homogeneity
from grokedu.claims import norm_excess, norm_of_function, norms_equal
from grokedu.claims import orbit_invariants, orbit_start, transformer_norms
from grokedu.claims.explorers import SymmetryExplorer
from grokedu.claims.scale import scaled
from grokedu.symmetry import examples

seeds = range(scaled(5, 2))

# %% [markdown]
# The first cell has what your answers need, the second the experiments that your functions will be used in; their
# code is short and worth reading (`grokedu/claims`). Results are printed as a median over seeds with the lowest
# and the highest. With five seeds that says all there is; an interval would be a guess from five numbers.
#
# ## 1 · Which rescaling does an activation allow?
#
# ReLU passes what is positive: $\max(0, \beta s) = \beta\max(0, s)$ for every $\beta > 0$. A square gives
# $(\beta s)^2 = \beta^2 s^2$. In general, say that $\phi$ has the **degree** $k$ when
#
# $$\phi(\beta s) = \beta^k \phi(s) \qquad\text{for every number } s \text{ and every } \beta > 0 .$$
#
# A neuron adds $\phi(u\cdot x)\,v$ to the outputs (with a 1 among the inputs, for the bias). Multiply $u$ by
# $\beta$: the neuron's activity grows by $\beta^k$. Divide $v$ by $\beta^k$, and nothing has happened. That is a
# **symmetry**: a way to move in weight space along which the function stands still.
#
# Whether an activation has a degree can be found out by trying.

# %% answer="symmetry_of"

# %% test="symmetry_of"

# %% answer="rescale_neurons"

# %% test="rescale_neurons"

# %% [markdown]
# Try it on activations that people use. Five random networks each, every neuron with its own $\beta$ between
# $1/5$ and 5; where there is no degree, rescale as for $k = 1$.

# %% experiment="activations"
if check.ready("symmetry_of", "rescale_neurons"):
    degrees = activation_degrees.measure(
        seeds, symmetry_of=symmetry_of, rescale_neurons=rescale_neurons
    )
    print(activation_degrees.table(degrees))

# %% [markdown]
# $10^{-16}$ is what float64 rounds away. So ReLU and linear networks have the symmetry with $k = 1$, networks
# with squares with $k = 2$. GELU and tanh have none. GELU comes closer, being nearly a ReLU far from zero, but the
# table says how far from it a network of it still is.
#
# Between two *linear* maps there is far more: any invertible matrix may be put there, and its inverse behind it.
# Keep that in mind for section 6.

# %% [markdown]
# ## 2 · One function at a hundred norms
#
# How far does the norm move? It is a matter of two sums of squares, one that goes up and one that goes down. You
# need no network to evaluate it, only the formula.

# %% answer="norm_along_orbit"

# %% test="norm_along_orbit"

# %% [markdown]
# **Predict first.** All networks that rescaling leads to from one network are its **orbit**. How different can
# the norms on one orbit be?

# %% predict="norm-of-function"
check.predict("norm-of-function", ...)

# %% [markdown]
# To see it on networks that matter, grok five of them first: lesson 01's task, squares, 64 neurons, weight decay
# 1. With a pair $(a, b)$ written as two ones in a row of zeros, the two tables are one matrix with $2p$ rows, and
# the network is $\phi(xA + b)W$ with $b = 0$.

# %% experiment="grok-five"
if check.ready():
    addition = partial(make_task, "modular_addition", 31, 0.5)  # from a seed to its split
    grokked = train(
        TwoLayer(31, 64),
        addition,
        seeds=seeds,
        steps=scaled(1500, 200),
        weight_decay=1.0,
        dtype=torch.float64,
        progress=False,
    )
    print(f"test accuracies {grokked['test_accuracy'][-1].round(3).tolist()}")
    each = [{name: tensor[run] for name, tensor in grokked.params.items()} for run in seeds]
    networks = [examples.one_matrix(params) for params in each]

# %% experiment="hundred-norms"
if check.ready("norm_along_orbit", "rescale_neurons"):
    on_orbit = norm_of_function.measure(
        networks,
        addition(0).inputs,  # all pairs
        norm_along_orbit=norm_along_orbit,
        rescale_neurons=rescale_neurons,
    )
    figures.show(norm_of_function.draw(on_orbit))
    verdict = norm_of_function.judge(on_orbit)
    check.settle("norm-of-function", norm_of_function.says(on_orbit), verdict)

# %% [markdown]
# Nothing stops you at a hundred; go on until float64 overflows. So **the norm is not a property of the
# function**, and a sentence such as "this function has a norm of 50" has no meaning. But among *all*
# the ways to rescale its neurons, each by its own $\beta$, one has the *least* norm, and that has one.

# %% [markdown]
# ## 3 · The least norm
#
# Each neuron can be rescaled on its own. With $a = \lVert u\rVert^2$ and $c = \lVert v\rVert^2$, you look for the
# $\beta$ at which $a\beta^2 + c\beta^{-2k}$ is least: set the derivative $2a\beta - 2k\,c\,\beta^{-2k-1}$ to
# zero.

# %% answer="balance"

# %% test="balance"

# %% [markdown]
# At that point what leads in has $k$ times the squared norm of what leads out; for ReLU the two are equal, and
# the neuron adds $2\,\lVert\text{in}\rVert\,\lVert\text{out}\rVert$ to the squared norm, a product that no
# $\beta$ can change. So the **least norm** is the same from wherever on the orbit you start: it belongs to the
# orbit and not to the point. (One function may have several orbits: split a neuron into two halves, and nothing
# changes either. But on the orbit that training is on, no rescaling can get below it.)
#
# Then the natural question is how much of the norm that we watched in lesson 01 was the least norm, and how much
# was only the way of writing.
#
# **Predict first.** How much larger is the norm of a trained network than the least on its orbit?

# %% predict="norm-excess"
check.predict("norm-excess", ...)

# %% experiment="norm-excess"
if check.ready("balance"):
    above_least = norm_excess.measure(networks, balance=balance)
    print(norm_excess.table(above_least))
    verdict = norm_excess.judge(above_least)
    check.settle("norm-excess", norm_excess.says(above_least), verdict)

# %% [markdown]
# Dinh's objection is right, and here it is idle. In lesson 01 the norm *was* the least norm, nearly, at every
# moment that mattered: the lines above say how nearly. All we said there about the norm can be said about a
# number that does belong to the orbit, and so that number **remains a candidate** for a cause of grokking. What
# rescaling refutes is a proof by definition, not the claim.
#
# Why? At the start all neurons are drawn alike, from distributions that happen to lie near balance. What happens
# afterwards is a matter of training: sections 5 to 7.

# %% [markdown]
# ## 4 · Numbers that rescaling cannot change
#
# The least norm asks for a minimum. There are numbers that need none. Follow a path through a ReLU network: into
# neuron $j$ by $A_{ij}$, out by $W_{jo}$. Rescaling multiplies one and divides the other, and the product
# $A_{ij}W_{jo}$ stays. So any function of path weights stays too, such as the **path norm** of Neyshabur and
# others (2015), the root of the sum of their squares. It can be computed without listing the paths.

# %% answer="path_norm"

# %% test="path_norm"

# %% [markdown]
# Another candidate is often met in bounds on generalisation, the *product* of the layers' norms. Put four of them
# to the test: five small ReLU networks with biases (4 inputs, 16 neurons, 2 outputs), from each 200 random points
# of its orbit. Once all neurons share one random $\beta$, once each has its own.

# %% experiment="invariants"
if check.ready("rescale_neurons", "path_norm", "balance"):
    ratios = orbit_invariants.measure(
        seeds,
        scaled(200, 20),
        rescale_neurons=rescale_neurons,
        path_norm=path_norm,
        balance=balance,
    )
    print(orbit_invariants.table(ratios))

# %% [markdown]
# The path norm and the least norm survive everything. The product of the layers' norms survives only when whole
# layers trade scale: it treats a layer as one thing, and the symmetry acts neuron by neuron. A bound made of it
# still gives two values for one function, written down in two ways.

# %% [markdown]
# ## 5 · What training keeps, and what breaks it
#
# On an orbit the loss is constant, so its gradient has no part along the orbit. For one neuron, differentiate
# $L(\beta u, \beta^{-k} v)$ by $\beta$ at $\beta = 1$:
#
# $$\langle u, \nabla_u L\rangle = k\,\langle v, \nabla_v L\rangle .$$
#
# Under gradient flow, $\dot w = -\nabla L$, the squared norms $\lVert u\rVert^2$ and $\lVert v\rVert^2$ change at
# the rates $-2\langle u, \nabla_u L\rangle$ and $-2\langle v, \nabla_v L\rangle$. Put the two lines together:
# which combination of the squared norms does not change at all (Du and others 2018)? It is called the neuron's
# **charge** $Q$.

# %% answer="conserved_charge"

# %% test="conserved_charge"

# %% [markdown]
# So each neuron keeps $Q = \lVert u\rVert^2 - k\lVert v\rVert^2$ for ever, and flow never moves along the orbit.
# (Only in proportion can a network come nearer to balance, by growing: the charges stay and the squared norms do
# not.)
#
# Real training takes steps. For one step of gradient descent with weight decay,
# $w' = (1-\eta\lambda)\,w - \eta g$, multiply out $Q(w')$: the mixed term is the one that the symmetry makes
# zero, and what is left is exact,
#
# $$Q(w') = (1-\eta\lambda)^2\,Q(w) + \eta^2\,Q(g) ,$$
#
# where $Q(g)$ is the charge of the gradient, taken as if it were weights. Without decay, over a fixed time
# $\eta t$, the second term adds up to something that becomes proportional to $\eta$ as $\eta$ falls.
# With decay the first one makes $Q$ fall like $e^{-2\lambda\eta t}$, and the network *goes* to its least norm.
# For Adam the step is not the gradient, the mixed term is not zero, and nothing is promised.
#
# **Predict first.** Which training keeps the charges?

# %% predict="charge-kept"
check.predict("charge-kept", ...)

# %% [markdown]
# Five small ReLU networks, each neuron first moved along its orbit at random so that there is a charge to keep.
# Full batches, mean squared error. Each arm trains for a fixed time $\eta t$ (10 for SGD, 2 for Adam, which is
# quicker), once so, and once with steps ten times smaller; where there is weight decay, $\lambda\eta t = 1$ at the
# end. First, is the law for one step exact?

# %% experiment="one-step"
if check.ready("conserved_charge"):
    charge, error = charge_kept.one_step(seeds, conserved_charge=conserved_charge)
    print(f"largest charge {charge:.2f}, largest error of the law {error:.1e}")

# %% experiment="charges"
if check.ready("conserved_charge"):
    # Held: the networks, their data and the time ηt. Varied: the optimizer, and the size of steps.
    charges = charge_kept.measure(seeds, scaled(10, 2), conserved_charge=conserved_charge)
    figures.show(charge_kept.draw(charges))
    print(charge_kept.table(charges))
    verdict = charge_kept.judge(charges)
    check.settle("charge-kept", charge_kept.says(charges), verdict)

# %% [markdown]
# Three things in one picture. Plain descent keeps the charges, the better the smaller its steps. SGD with weight
# decay lets them decay just as theory says, so that it leads to the least norm. And Adam moves the charges by a
# large share of themselves, *and no less with steps ten times smaller*: its limit of small steps is not gradient
# flow. AdamW with decay lowers the charges too, but by less than the exponential; no theorem here tells you when it
# arrives.
#
# Charges say how far a network is from balance in numbers that grow with its norm. The last column asks the other
# question: how far is its norm from the least one on its orbit? There AdamW comes nearest of the four, and Adam
# without any decay about as near as SGD with it: charges may stay, or grow, while the norms grow more.

# %% [markdown]
# ## 6 · Which norms does weight decay make equal?
#
# Nanda and others (2023) grokked a one-layer transformer. As it is sometimes retold: late in training the tensors
# on the path to the logits, $W_E$, $W_V$, $W_O$, $W_{in}$, $W_{out}$ and $W_U$, have nearly the same norm, and
# the others go to zero. Is that a fact about *circuits*, or does a symmetry with weight decay do it to any
# network?
#
# Look for symmetries. In a transformer without layer norm they are:
#
# | between | may be put there | so at the least norm |
# |---|---|---|
# | values and outputs of a head | any invertible matrix | $\lVert W_V\rVert = \lVert W_O\rVert$ |
# | queries and keys of a head | any invertible matrix | $\lVert W_Q\rVert = \lVert W_K\rVert$ |
# | into and out of the MLP (ReLU) | a scale for each neuron | $\lVert W_{in}\rVert^2 + \lVert b_{in}\rVert^2 = \lVert W_{out}\rVert^2$ |
#
# No symmetry lets $W_E$ and $W_U$ trade scale between them. But there is a fourth one, easily overlooked: the
# **residual stream**. Multiply all that writes into it ($W_E$, positions, $W_O$, $W_{out}$, $b_{out}$) by $\beta$
# and divide all that reads from it ($W_Q$, $W_K$, $W_V$, $W_{in}$, $W_U$), and no logit changes. (With a layer
# norm the scale of the writers would drop out by itself.) Set what writes equal to what reads, use the three
# lines of the table, and most terms drop out:
#
# $$\lVert W_E\rVert^2 + \lVert W_{pos}\rVert^2 + \lVert b_{in}\rVert^2 + \lVert b_{out}\rVert^2 \;=\; \lVert W_U\rVert^2 + \lVert W_Q\rVert^2 + \lVert W_K\rVert^2 .$$
#
# So $W_E$ and $W_U$ must come out nearly equal *if* positions, biases, queries and keys are small, and not
# otherwise. In what follows, "residual" is the root of the left side over the right side.
#
# **Predict first.** Which part of the retold claim will you find in our runs?

# %% predict="norms-equal"
check.predict("norms-equal", ...)

# %% [markdown]
# The runs come with the package: $p = 53$, $d = 64$, 4 heads, 128 neurons in the MLP, AdamW at $\eta = 0.01$,
# 3000 steps, five seeds with weight decay 1 and five with none. `grokedu reproduce transformer-norms` makes them
# anew; the last cell of this section trains one as you watch.

# %% experiment="transformer-norms"
if check.ready():
    shipped = norms_equal.measure()
    figures.show(norms_equal.draw_ratios(shipped))
    figures.show(norms_equal.draw_ends(shipped))

# %% experiment="norms-equal"
if check.ready():
    print(norms_equal.table(shipped))
    check.settle("norms-equal", norms_equal.says(shipped), norms_equal.judge(shipped))

# %% [markdown]
# **Late in training the first half holds.** The six norms agree closely, and each of the four linked ratios is
# near 1. The identity even says by how much $W_E$ must exceed $W_U$, given the other norms: by 7 %, where 4 % are
# measured. Which of that did weight decay do? Compare the last column. V and O, in and out, and also $W_E$ and
# $W_U$ began nearly equal and stayed so even without it. What weight decay did is to bring all of the six to one
# size. And look at queries and keys: they *began* equal, weight decay first drove them apart, and in the end brought
# them together again; without it they hardly parted. (Nothing exact links, say, $W_V$ with $W_{in}$. But if
# all signal took the one path through the six, any two of them could trade scale, and the least norm would make
# all six equal. In a transformer with a residual stream that is an approximation.)
#
# **The second half does not hold.** Queries, keys and positions settle well above zero, and $W_{pos}$ first
# shrinks and then comes back: the attention pattern is made of them.
#
# **Late** is the word that matters. In the first column all five networks had generalised already, and queries
# had become far larger than keys; the claim `norm-balance` in `docs/claims.md` reports both moments. Equal norms are
# a sign of a network that has been pressed for long enough, and not of one that has grokked. And mind $W_E$ and
# $W_U$: at that step balance would have made $W_E$ 1.8 times as large as $W_U$, and the two agreed all the same, so
# no symmetry is the reason for it *there*.
#
# What is not shown: that least norms are where training goes is a theorem for gradient flow and SGD with weight
# decay. These runs used AdamW, for which section 5 promises nothing. That it ends near balance is a measurement.

# %% experiment="one-transformer"
if check.ready():
    live = transformer_norms.train_transformers(seeds=[0], steps=scaled(200, 20))
    for name, values in transformer_norms.linked_ratios(live).items():
        print(f"{name:12} {values[0, 0]:.2f} at the start, {values[-1, 0]:.2f} at the end")

# %% [markdown]
# ## 7 · Does it matter where on the orbit you start?
#
# Here is an experiment that only the symmetry makes possible. Take lesson 01's network at its first step, and
# move it along its orbit before training, every neuron by the same $\beta$ from $1/4$ to 4, with your
# `rescale_neurons`. The function it starts from is *the same*, up to rounding; the norm is not. Then train as
# before (weight decay 1).
#
# **Predict first.** What does the start on the orbit change?

# %% predict="orbit-start"
check.predict("orbit-start", ...)

# %% experiment="orbit-start"
if check.ready("rescale_neurons"):
    # Held: the function, the split, AdamW and its settings. Varied: the point of the orbit.
    moved = orbit_start.measure(seeds, scaled(1500, 100), rescale_neurons=rescale_neurons)
    figures.show(orbit_start.draw(moved))

# %% experiment="orbit-end"
if check.ready("rescale_neurons"):
    print(orbit_start.table(moved))
    check.settle("orbit-start", orbit_start.says(moved), orbit_start.judge(moved))

# %% [markdown]
# The five arms start from one function, at norms that differ by a factor of 9, and end within one percent of the
# same norm. On the way there the arm from $\beta = 1/4$ comes *down*, to half of the norm that it began with, and the
# other four come *up*. Whoever asks in lesson 01's manner "has the norm fallen when it groks?" gets *yes* in every
# run of that arm and *no* in every other run: the answer depends on how the first network was written down.
#
# And yet the writing is not idle. It changes the gradient of each table (large $W$ and small $A$ make large
# gradients for $A$), what AdamW makes of it, and *when* the network generalises: most runs from elsewhere come later
# than their seed does from $\beta = 1$, by up to two thirds. A larger norm at the start is not what delays them:
# $\beta = 2$ and $\beta = 4$ come at the same median step, from norms of 16 and 32. **The function does not depend on
# the point of the orbit; training does.** That is why "the norm is arbitrary" and "the norm matters" can both be
# true. Lesson 06 takes up what a start far from balance does to the way a network learns.

# %% [markdown]
# ## 8 · All weights at once
#
# Now multiply *all* weights by one number $r$. That does change the function, but for many networks only in one
# way: $z(rw) = r^m z(w)$. Then no prediction changes, for the largest logit stays the largest. Find $m$ by
# counting: an input has degree 0 in the weights; multiplying by weights adds 1; an activation of degree $k$
# multiplies by $k$; and a bias, of degree 1, may only be added to something of degree 1.

# %% answer="homogeneity_degree"

# %% test="homogeneity_degree"

# %% experiment="homogeneity"
if check.ready("homogeneity_degree"):
    tried = homogeneity.measure(homogeneity_degree=homogeneity_degree)
    sizes = homogeneity.at_sizes(networks[0], addition(0))
    print(homogeneity.table(tried, sizes))
    print(f"and its degree, counted: {homogeneity_degree([2.0], [False, False])}")

# %% [markdown]
# So for lesson 01's network the *size* of all weights together cannot change whether it is right about anything;
# only the direction in weight space can. Whatever the norm does to generalisation, it does by way of training:
# which direction the optimizer finds. Lesson 03 starts here: it fixes the radius, and lets only the direction
# train.

# %% [markdown]
# ## 9 · Flatness
#
# Flat minima are said to generalise (Hochreiter and Schmidhuber 1997; Keskar and others 2017). The sharpness of a
# minimum is the largest eigenvalue of the Hessian. Dinh's objection hits it too. The loss is the same at $w$ and
# at $Dw$, where the diagonal matrix $D$ holds $\beta$ for weights that lead in and $\beta^{-k}$ for those that
# lead out. Differentiate $L(w) = L(Dw)$ twice: $H(w) = D\,H(Dw)\,D$.

# %% answer="sharpness_along_orbit"

# %% test="sharpness_along_orbit"

# %% [markdown]
# **Predict first.** How far can sharpness move while the function stands still?

# %% predict="flatness"
check.predict("flatness", ...)

# %% experiment="sharpness"
if check.ready("sharpness_along_orbit", "norm_along_orbit", "rescale_neurons"):
    minima = flatness.measure(
        seeds,
        scaled(1500, 50),
        sharpness_along_orbit=sharpness_along_orbit,
        norm_along_orbit=norm_along_orbit,
        rescale_neurons=rescale_neurons,
    )
    figures.show(flatness.draw(minima))

# %% experiment="flatness"
if check.ready("sharpness_along_orbit", "norm_along_orbit", "rescale_neurons"):
    print(flatness.table(minima))
    check.settle("flatness", flatness.says(minima), flatness.judge(minima))

# %% [markdown]
# Sharpness has no upper bound on the orbit: the curvature along $v$ grows with $\beta^2$. So "this function is a
# sharp minimum" says nothing. As with the norm, something survives: its *least* value on the orbit, and measures
# made to be invariant (such as the learning coefficient of lesson 07, which no change of coordinates can move).
# And as with the norm, whether an optimizer leaves the neighbourhood of balance decides whether the objection
# bites in practice.

# %% [markdown]
# ## 10 · Explore
#
# One input, six neurons, one output. Move $\beta$: weights get thick on one side and thin on the other, the norm
# runs along its curve, the output stands still. Then choose GELU. Look for: the $\beta$ of least norm with all
# neurons and with one; at which inputs GELU tells the two networks apart.

# %% explorer="symmetry"
if check.ready():
    display(SymmetryExplorer(activation="relu", beta=3.0))

# %% [markdown]
# ## 11 · In your own words
#
# **Meaningless?** A reviewer writes: "The weight norm is meaningless, since rescaling changes it and not the
# function; so nothing that lesson 01 says about it can matter." Using what you measured, what do you answer?

# %% [markdown] reflect="meaningless"
# The reviewer is right that a norm by itself says nothing about the function: the five grokked networks could be
# written at norms a hundred times the least one, with all logits the same. But the least norm on the orbit does
# not depend on the writing, nor do the path norm or the products of each neuron's two norms. And in the runs of
# lesson 01 the measured norm was within one percent of the least one from step 100 on, since neurons start alike
# and weight decay presses towards balance. So whatever was said there holds for a number that belongs to the
# orbit. That does not make it a cause: the norm was seen to fall in some runs and to rise in others, and even the
# same starting function reaches its last norm from above or from below.

# %% [markdown]
# **Equal norms.** A colleague shows that in her transformer $\lVert W_E\rVert$ and $\lVert W_U\rVert$ agree to
# five percent and concludes that a symmetry must link the two. What do you tell her, and what would you run?

# %% [markdown] reflect="equal-norms"
# No symmetry exchanges scale between $W_E$ and $W_U$ alone. Those that there are link V with O, Q with K, the
# MLP's in with its out, and all writers into the residual stream with all readers; with weight decay they explain
# the first three equalities, and for $W_E$ and $W_U$ only that they come out equal where $W_{pos}$, $W_Q$, $W_K$
# and the biases are small. Even that is an argument for gradient flow or SGD: Adam moves along the orbit by
# itself, and at 600 steps, when our networks had generalised, Q and K were still far apart. To tell a reason from
# a coincidence I would break the condition and see whether the equality breaks as predicted: start W_Q and W_K
# (or positions) large and hold them there, or put weight decay on some tensors only; add a layer norm, which
# removes the residual symmetry; and train with SGD with weight decay for comparison, over several seeds.

# %% [markdown]
# ## 12 · What is still open
#
# - **The least norm as a cause.** It passed one objection. Whether it *does* anything is the matter of lessons 03
#   and 09.
# - **Other symmetries.** Rescaling is the simplest. Permuting neurons changes no norm; between linear maps whole
#   matrices act; and a trained network may have approximate symmetries that no formula lists.
# - **Adam.** Why AdamW, which obeys none of these laws, ends so near to balance is measured here and not
#   explained. (For what momentum and noise do to the charge: Kunin and others 2021; Tanaka and Kunin 2021.)
# - **Flatness.** Measures that are invariant exist; whether any of them explains generalisation is disputed.
#
# ## Sources
#
# - Dinh, Pascanu, Bengio, Bengio (2017). *Sharp minima can generalize for deep nets.* arXiv 1703.04933.
# - Neyshabur, Salakhutdinov, Srebro (2015). *Path-SGD: path-normalized optimization in deep neural networks.*
#   arXiv 1506.02617.
# - Du, Hu, Lee (2018). *Algorithmic regularization in learning deep homogeneous models: layers are automatically
#   balanced.* arXiv 1806.00900.
# - Stock, Graham, Gribonval, Jégou (2019). *Equi-normalization of neural networks.* arXiv 1902.10416.
# - Lyu, Li (2020). *Gradient descent maximizes the margin of homogeneous neural networks.* arXiv 1906.05890.
# - Kunin, Sagastuy-Brena, Ganguli, Yamins, Tanaka (2021). *Neural mechanics.* arXiv 2012.04728.
# - Tanaka, Kunin (2021). *Noether's learning dynamics.* arXiv 2105.02716.
# - Liu, Michaud, Tegmark (2022). *Omnigrok: grokking beyond algorithmic data.* arXiv 2210.01117.
# - Nanda, Chan, Lieberum, Smith, Steinhardt (2023). *Progress measures for grokking via mechanistic
#   interpretability.* arXiv 2301.05217.
# - Hochreiter, Schmidhuber (1997). *Flat minima.* Neural Computation 9.
# - Keskar, Mudigere, Nocedal, Smelyanskiy, Tang (2017). *On large-batch training for deep learning.* arXiv
#   1609.04836.
