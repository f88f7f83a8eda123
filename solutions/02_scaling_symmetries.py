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

import numpy as np
import torch
from torch import Tensor, nn

from grokedu import figures, symmetry
from grokedu.claims.artifacts import load_ensemble, load_transformer_norms
from grokedu.claims.explorers import SymmetryExplorer
from grokedu.lessons import l02_scaling_symmetries as check
from grokedu.measures import accuracy, cross_entropy, l2_norm
from grokedu.models import TwoLayer
from grokedu.training.optimizers import SGD, Adam, AdamW
from grokedu.claims.transformer_norms import linked_ratios, train_transformers
from grokedu.training.runs import Runs
from grokedu.claims.scale import scaled
from grokedu.symmetry import examples
from grokedu.tasks import make_task
from grokedu.training import train

torch.set_num_threads(1)  # matrices this small gain nothing from a second thread
seeds = range(scaled(5, 2))
addition = partial(make_task, "modular_addition", 31, 0.5)  # from a seed to its split


def said(values: Sequence[float] | np.ndarray, form: str = ".2f") -> str:
    """The median over seeds, with the lowest and the highest."""
    numbers = np.asarray(values, dtype=float)
    if not numbers.size:
        return "none"
    return f"{np.median(numbers):{form}} ({numbers.min():{form}} to {numbers.max():{form}})"


# %% [markdown]
# The last function prints results: a median over seeds with the lowest and the highest. With five seeds that says
# all there is; an interval would be a guess from five numbers.
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
    acts = {"ReLU": torch.relu, "x²": torch.square, "linear": lambda z: z}
    acts |= {"GELU": nn.functional.gelu, "tanh": torch.tanh}
    print(f"{'':8} {'degree':>6}   change of the outputs, as a share of their size")
    for name, act in acts.items():
        degree, changes = symmetry_of(act), []
        for seed in seeds:
            draw = torch.Generator().manual_seed(seed)
            normal = partial(torch.randn, generator=draw, dtype=torch.float64)
            net = {"A": normal(3, 20), "b": normal(20), "W": normal(20, 4)}
            x, betas = normal(200, 3), 5 ** (2 * torch.rand(20, generator=draw).double() - 1)
            other = rescale_neurons(net, betas, 1.0 if degree is None else degree)
            before, after = (act(x @ one["A"] + one["b"]) @ one["W"] for one in (net, other))
            changes.append(float((after - before).norm() / before.norm()))
        print(f"{name:8} {degree if degree is not None else 'none':>6}   {said(changes, '.1e')}")

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
    grokked = train(
        TwoLayer(31, 64),
        addition,
        seeds=seeds,
        steps=scaled(1500, 200),
        weight_decay=1.0,
        dtype=torch.float64,
        progress=False,
    )
    print(f"test accuracies {np.round(grokked['test_accuracy'][-1], 3).tolist()}")
    networks = [
        examples.one_matrix({name: tensor[run] for name, tensor in grokked.params.items()})
        for run in range(len(seeds))
    ]

# %% experiment="hundred-norms"
if check.ready("norm_along_orbit", "rescale_neurons"):
    betas = torch.logspace(-1.2, 2, 300, dtype=torch.float64)
    along = torch.stack([norm_along_orbit(net, betas, degree=2.0) for net in networks], dim=1)
    label = ("scale β of every neuron", "L2 norm of all weights", "xy")
    curve = figures.Panel(betas.numpy(), {"grokked networks": along.numpy()}, *label)
    figures.show(figures.traces([curve], title="One function each, at all these norms"))
    apart, kept = [], []
    for seed, net in zip(seeds, networks, strict=True):
        pairs = addition(seed).inputs
        before = examples.logits(net, pairs)
        for beta in betas[::20]:
            after = examples.logits(rescale_neurons(net, beta.expand(64), degree=2.0), pairs)
            apart.append(float((after - before).abs().max() / before.abs().max()))
            kept.append(bool((after.argmax(-1) == before.argmax(-1)).all()))
    reach = (along.max(0).values / along.min(0).values).numpy()
    check.settle(
        "norm-of-function",
        f"norms up to {said(reach, '.0f')} times the least one, with outputs the same to "
        f"{max(apart):.0e} of their size, and all predictions equal in {np.mean(kept):.0%}",
        "holds" if max(reach) < 2 else "holds in a window" if max(reach) < 10 else "fails",
    )

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

    def excess(net: Mapping[str, Tensor]) -> float:
        """Norm over least norm of a network of squares."""
        return float(l2_norm(net) / l2_norm(balance(net, 2.0)))

    kept = load_ensemble().select(fraction=0.5, seed=0)  # ten runs of lesson 01's ensemble
    steps = [*kept.checkpoints]
    over = {
        step: [
            excess(
                examples.one_matrix({k: v.double() for k, v in kept.checkpoint(step, run).items()})
            )
            for run in range(len(kept))
        ]
        for step in steps
    }
    print("norm over least norm, ten runs: two learning rates, five weight decays")
    for step in (0, 10, 100, 1000, 6000):
        print(f"  step {step:4}  {said(over[step], '.4f')}")
    ends = [excess(net) for net in networks]
    print(f"the networks that you trained, at the end: {said(ends, '.4f')}")
    most = max(*ends, *(max(over[step]) for step in steps if step >= 100))
    check.settle(
        "norm-excess",
        f"from step 100 on at most {most:.4f} times the least norm, in {len(kept)} runs of the "
        f"ensemble and {len(ends)} of your own; at the start {max(over[0]):.3f}",
        "holds" if min(ends) > 2 else "holds in a window" if most > 1.1 else "fails",
    )

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

    def numbers_of(net: Mapping[str, Tensor]) -> dict[str, float]:
        into = math.hypot(float(net["A"].norm()), float(net["b"].norm()))
        layers = [(net["A"], net["b"]), (net["W"], torch.zeros(2, dtype=torch.float64))]
        return {
            "L2 norm": float(l2_norm(net)),
            "product of the layers' norms": into * float(net["W"].norm()),
            "path norm": float(path_norm(layers)),
            "least norm": float(l2_norm(balance(net))),
        }

    small, *_ = examples.relu_networks(seeds)
    found: dict[tuple[str, int], list[float]] = {}
    for alike in (1, 16):  # how many neurons have a β of their own
        for seed in seeds:
            draw = torch.Generator().manual_seed(seed)
            net, points = {name: tensor[seed] for name, tensor in small.items()}, []
            for _ in range(scaled(200, 20)):
                betas = torch.randn(alike, generator=draw, dtype=torch.float64).exp()
                points.append(numbers_of(rescale_neurons(net, betas.expand(16))))
            for name in points[0]:
                values = [point[name] for point in points]
                found.setdefault((name, alike), []).append(max(values) / min(values))
    print(f"{'largest over smallest':28} {'one β for all':>24} {'a β for each neuron':>24}")
    for name in points[0]:
        print(f"{name:28} {said(found[name, 1]):>24} {said(found[name, 16]):>24}")

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
# $\eta t$, the second term adds up to something proportional to $\eta$: halve the step and you halve the error.
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
    start, x, y = examples.relu_networks(seeds, spread=0.7)
    g, lr, decay = examples.squared_error_gradient(start, x, y), 0.1, 0.05
    after = {name: (1 - lr * decay) * tensor - lr * g[name] for name, tensor in start.items()}
    law = (1 - lr * decay) ** 2 * conserved_charge(start) + lr**2 * conserved_charge(g)
    print(f"largest charge {conserved_charge(start).abs().max():.2f}")
    print(f"largest error of the law {(conserved_charge(after) - law).abs().max():.1e}")

# %% experiment="charges"
if check.ready("conserved_charge"):
    first, shares = conserved_charge(start), np.linspace(0, 1, 21)
    kinds = {  # how to make it, its learning rate, and the time ηt it trains for
        "SGD": (SGD, 0.1, 10.0),
        "SGD, decay": (partial(SGD, weight_decay=0.1), 0.1, 10.0),
        "Adam": (Adam, 0.01, 2.0),
        "AdamW, decay": (partial(AdamW, weight_decay=0.5), 0.01, 2.0),
    }
    smaller = scaled(10, 2)  # each is run again, with steps so many times smaller

    def changes(name: str, part: int) -> tuple[np.ndarray, np.ndarray]:
        """How far the charges moved, as a share of them, and what share is left; (T, S) each."""
        make, lr, time = kinds[name]
        optimizer, steps = make(lr / part), round(time * part / lr)
        net, rows = {name: tensor.clone() for name, tensor in start.items()}, []
        state = optimizer.init(net)
        for step in range(steps + 1):
            if step in np.rint(shares * steps):
                now = conserved_charge(net)
                moved = (now - first).abs().sum(-1) / first.abs().sum(-1)
                rows.append((moved, (now * first).sum(-1) / first.square().sum(-1)))
            net, state = optimizer.step(net, examples.squared_error_gradient(net, x, y), state)
        return tuple(torch.stack(each).numpy() for each in zip(*rows, strict=True))

    trained = {(name, part): changes(name, part) for name in kinds for part in (1, smaller)}
    theory = np.exp(-2 * shares)  # with decay, λ times ηt is 1 at the end
    label = "share of the training time ηt"
    left = figures.Panel(
        shares,
        {name: trained[name, smaller][1] for name in kinds},
        label,
        "share of the charge that is left",
        predicted={"theory, SGD": np.ones(21), "theory, SGD, decay": theory},
    )
    both = [(name, part) for name in ("SGD", "Adam") for part in (1, smaller)]
    right = figures.Panel(
        shares[1:],
        {
            f"{name}, η = {kinds[name][1] / part:g}": trained[name, part][0][1:]
            for name, part in both
        },
        label,
        "change of the charges, as a share of them",
        "y",
    )
    figures.show(figures.traces([left, right], title="ReLU networks, each neuron with a charge"))
    moved = {key: said(values[-1], ".4f") for key, (values, _) in trained.items()}
    for name in kinds:
        ended = said(trained[name, smaller][1][-1], ".3f")
        print(f"{name:13} left of the charges with the smaller steps: {ended}")
    print(f"theory for SGD with decay: {theory[-1]:.3f}")
    keeps = [np.median(trained[name, smaller][0][-1]) < 0.01 for name in ("SGD", "Adam")]
    check.settle(
        "charge-kept",
        f"without decay, the charges moved by {moved['SGD', 1]} of their size under SGD and by "
        f"{moved['SGD', smaller]} with smaller steps; by {moved['Adam', 1]} under Adam and by "
        f"{moved['Adam', smaller]} with smaller steps",
        "holds" if all(keeps) else "holds in a window" if any(keeps) else "fails",
    )

# %% [markdown]
# Three things in one picture. Plain descent keeps the charges, the better the smaller its steps, as the law for
# one step has it. SGD with weight decay lets them decay just as theory says, so that it leads to the least norm.
# And Adam moves the charges by a large share of themselves, *and no less with steps ten times smaller*: its limit
# of small steps is not gradient flow. AdamW with decay goes towards balance too, but falls behind the exponential;
# no theorem here tells you when it arrives.

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
# otherwise.
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
    norms = load_transformer_norms()
    decayed, free = norms.select(weight_decay=1.0), norms.select(weight_decay=0.0)
    after = norms.steps > 0

    def linked(runs: Runs, decay: int) -> figures.Panel:
        values = {name: ratio[after] for name, ratio in linked_ratios(runs).items()}
        label = f"ratio of norms, weight decay {decay}"
        return figures.Panel(norms.steps[after], values, "optimizer step", label, "x")

    panels = [linked(decayed, 1), linked(free, 0)]
    figures.show(figures.traces(panels, title="Ratios that the least norm makes 1, and W_E to W_U"))
    path = ("W_E", "W_V", "W_O", "W_in", "W_out", "W_U")  # from a token to the logits
    others = ("W_Q", "W_K", "W_pos")
    start, end = (
        {name: decayed[f"norm_{name}"][at] for name in (*path, *others)} for at in (0, -1)
    )
    links = (("W_V", "W_O"), ("W_Q", "W_K"), ("W_in", "W_out"))
    figures.show(figures.balance(start, end, links, title="Weight decay 1, after 3000 steps"))

# %% experiment="norms-equal"
if check.ready():
    print(f"generalised at step {said(decayed.grokked_at(), '.0f')}")
    early = int(np.abs(norms.steps - 600).argmin())
    late, never = linked_ratios(decayed), linked_ratios(free)
    print(
        f"{'ratio':12} {f'step {norms.steps[early]}':>22} {'step 3000':>22}   no decay, step 3000"
    )
    for name, values in late.items():
        cells = [f"{said(each):>22}" for each in (values[early], values[-1], never[name][-1])]
        print(f"{name:12} {' '.join(cells)}")

    def spread(runs: Runs, at: int) -> np.ndarray:
        """The largest norm of the six over the smallest, run by run."""
        six = np.array([runs[f"norm_{name}"][at] for name in path])
        return six.max(0) / six.min(0)

    cells = [f"{said(each):>22}" for each in (spread(decayed, early), spread(decayed, -1))]
    print(f"{'the six':12} {' '.join(cells)} {said(spread(free, -1)):>22}")
    reach = np.array([end[name] for name in path])
    shares = {name: end[name] / reach.mean(0) for name in others}
    for name in others:
        told = [f"{said(decayed[f'norm_{name}'][at])}" for at in (0, early, -1)]
        print(f"norm of {name:5}: {', then '.join(told)}")
    over = decayed["l2_norm"] / decayed["least_norm"]
    print(f"norm over least norm: at most {over.max():.2f}, at the end {said(over[-1], '.4f')}")
    equal, gone = (
        bool((spread(decayed, -1) < 1.1).all()),
        all((share < 0.1).all() for share in shares.values()),
    )
    check.settle(
        "norms-equal",
        f"after 3000 steps the largest of the six is {said(spread(decayed, -1))} times the smallest; "
        + ", ".join(f"{name} has {said(share)} of their mean" for name, share in shares.items()),
        "holds" if equal and gone else "holds in a window" if equal or gone else "fails",
    )

# %% [markdown]
# **Late in training the first half holds.** The six norms agree closely, and each of the four linked ratios is
# near 1. Which of that did weight decay do? Compare the last column. V and O, in and out, and also $W_E$ and
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
# $W_U$: at that step the residual stream was far from balance and the two agreed all the same, so no symmetry is the
# reason for it *there*.
#
# What is not shown: that least norms are where training goes is a theorem for gradient flow and SGD with weight
# decay. These runs used AdamW, for which section 5 promises nothing. That it ends near balance is a measurement.

# %% experiment="one-transformer"
if check.ready():
    live = train_transformers(seeds=[0], steps=scaled(200, 20))
    for name, values in linked_ratios(live).items():
        print(f"{name:12} {values[0, 0]:.2f} at the start, {values[-1, 0]:.2f} at the end")

# %% [markdown]
# ## 7 · Does it matter where on the orbit you start?
#
# Here is an experiment that only the symmetry makes possible. Take lesson 01's network at its first step, and
# move it along its orbit before training: $\beta = 1/4$ for every neuron, or 4. The function it starts from is
# *the same*, to the last digit; the norm is not. Then train as before (weight decay 1).
#
# **Predict first.** What does the start on the orbit change?

# %% predict="orbit-start"
check.predict("orbit-start", ...)

# %% experiment="orbit-start"
if check.ready():
    started = {
        beta: train(
            examples.Elsewhere(31, 64, beta=beta),
            addition,
            seeds=seeds,
            steps=scaled(1500, 100),
            weight_decay=1.0,
            progress=False,
        )
        for beta in (0.25, 0.5, 1.0, 2.0, 4.0)
    }
    after = started[1.0].steps > 0

    def by_beta(name: str, label: str, log: str) -> figures.Panel:
        values = {f"β = {beta:g}": runs[name][after] for beta, runs in started.items()}
        return figures.Panel(started[1.0].steps[after], values, "optimizer step", label, log)

    panels = [by_beta("l2_norm", "L2 norm", "xy"), by_beta("test_accuracy", "test accuracy", "x")]
    figures.show(figures.traces(panels, title="One function to start from, at five norms"))

# %% experiment="orbit-end"
if check.ready():
    begin, last, when = {}, {}, {}
    titles = ("norm at the start", "at the end", "generalised at step")
    print(f"{'β':>5} {titles[0]:>22} {titles[1]:>22} {titles[2]:>22}   runs whose norm fell first")
    for beta, runs in started.items():
        begin[beta], last[beta] = runs["l2_norm"][0], runs["l2_norm"][-1]
        when[beta] = np.nan_to_num(runs.grokked_at(), nan=math.inf)
        fell = 0
        for run, step in enumerate(when[beta]):
            norm = runs["l2_norm"][runs.steps <= step, run]
            fell += step < math.inf and norm[-1] < 0.99 * norm.max()
        cells = [said(begin[beta], ".0f"), said(last[beta], ".1f"), said(when[beta], ".0f")]
        came = int((when[beta] < math.inf).sum())
        print(f"{beta:5g} {' '.join(f'{cell:>22}' for cell in cells)}   {fell} of {came}")
    starts, ends = (np.concatenate([*each.values()]) for each in (begin, last))
    medians = [float(np.median(steps)) for steps in when.values()]
    pairs = [
        (late, early)
        for beta in started
        if beta != 1.0
        for late, early in zip(when[beta], when[1.0], strict=True)
        if early < math.inf
    ]
    within, slower = ends.max() / ends.min() < 1.1, max(medians) > 1.1 * min(medians)
    check.settle(
        "orbit-start",
        f"from norms of {starts.min():.0f} to {starts.max():.0f} all end between {ends.min():.1f} "
        f"and {ends.max():.1f}; runs from elsewhere generalise "
        f"{said([late / early for late, early in pairs])} times as late as their seed from β = 1",
        "holds" if within and not slower else "holds in a window" if within else "fails",
    )

# %% [markdown]
# The five arms start from one function, at norms up to more than a hundred times apart, and end at nearly the
# same norm. In between they could not be more different: some come *down* a long way to that norm and some come
# *up* to it. Whoever asks in lesson 01's manner "has the norm fallen when it groks?" gets *yes* or *no* according
# to how the first network was written down.
#
# And yet the writing is not idle. It changes the gradient of each table (large $W$ and small $A$ make large
# gradients for $A$), what AdamW makes of it, and *when* the network generalises. **The function does not depend
# on the point of the orbit; training does.** That is why "the norm is arbitrary" and "the norm matters" can both
# be true. Lesson 06 takes up what a start far from balance does to the way a network learns.

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
    x = torch.randn(50, 6, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    plain, biased = partial(nn.Linear, 6, 6, bias=False), partial(nn.Linear, 6, 6)
    tried = {
        "three layers": ([plain(), nn.ReLU(), plain(), nn.ReLU(), plain()], [1.0, 1.0], [0, 0, 0]),
        "a bias in the first": ([biased(), nn.ReLU(), plain()], [1.0], [1, 0]),
        "biases in both": ([biased(), nn.ReLU(), biased()], [1.0], [1, 1]),
        "GELU, no biases": ([plain(), nn.GELU(), plain()], [None], [0, 0]),
    }
    for name, (layers, degrees, biases) in tried.items():
        net = nn.Sequential(*layers)
        counted = homogeneity_degree(degrees, [bool(bias) for bias in biases])
        found, before = symmetry.homogeneity_degree(net, inputs=x), net(x).argmax(-1)
        with torch.no_grad():
            for weight in net.parameters():
                weight /= 10
        same = (net(x).argmax(-1) == before).double().mean()
        print(f"{name:20} counted {counted}, tried {found}; at a tenth {same:.0%} predicted alike")
    task, net = addition(0), networks[0]
    print(f"your first network, of squares: counted {homogeneity_degree([2.0], [False, False])}")
    for r in (0.25, 1.0, 4.0):
        logits = examples.logits({name: r * each for name, each in net.items()}, task.inputs)
        right, loss = accuracy(logits, task.targets), cross_entropy(logits, task.targets)
        print(f"  all weights times {r:4}: accuracy {right:.3f}, loss {loss:.4f}")

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
    minima, x, y = examples.relu_networks(seeds)
    optimizer = Adam(0.01)
    state = optimizer.init(minima)
    for _ in range(scaled(1500, 50)):
        gradient = examples.squared_error_gradient(minima, x, y)
        minima, state = optimizer.step(minima, gradient, state)
    betas = torch.logspace(-1, 1, 41, dtype=torch.float64)
    incoming = torch.arange(4 * 16 + 16 + 16 * 2) < 4 * 16 + 16

    def hessian(net: Mapping[str, Tensor], seed: int) -> tuple[Tensor, Tensor]:
        """The loss and its Hessian, (112, 112): weights of A, then b, then W."""

        def loss(flat: Tensor) -> Tensor:
            A, b, W = flat.split([64, 16, 32])
            parts = {"A": A.view(4, 16), "b": b, "W": W.view(16, 2)}
            return examples.squared_error(parts, x[seed], y[seed])

        flat = torch.cat([net[name].flatten() for name in ("A", "b", "W")])
        return loss(flat), torch.func.hessian(loss)(flat)

    tops, lengths, losses, errors = [], [], [], []
    for seed in seeds:
        net = {name: tensor[seed] for name, tensor in minima.items()}
        loss, curvature = hessian(net, seed)
        tops.append(sharpness_along_orbit(curvature, incoming, betas))
        lengths.append(norm_along_orbit(net, betas))
        losses.append(float(loss))
        _, there = hessian(rescale_neurons(net, betas[30].expand(16)), seed)
        errors.append(float(torch.linalg.eigvalsh(there)[-1] / tops[-1][30] - 1))
    print(f"your formula against a new Hessian at β = {betas[30]:.2f}: off by {max(errors):.0e}")
    one = (betas, lengths[0], tops[0], torch.full_like(betas, losses[0]))
    figures.show(figures.orbit(*one, unit="MSE", title="One of the networks"))

# %% experiment="flatness"
if check.ready("sharpness_along_orbit", "norm_along_orbit", "rescale_neurons"):
    ratio = [float(top.max() / top.min()) for top in tops]
    print(
        f"loss {said(losses, '.4f')}, sharpness at β = 1 {said([top[20] for top in tops], '.1f')}"
    )
    for name, rows in (("sharpness", tops), ("norm", lengths)):
        print(f"the {name} is least at β = {said([betas[row.argmin()] for row in rows])}")
    check.settle(
        "flatness",
        f"between β = 0.1 and 10 the sharpness of one function changes by a factor of "
        f"{said(ratio, '.0f')}, and without bound beyond",
        "holds" if max(ratio) < 1.1 else "holds in a window" if max(ratio) < 10 else "fails",
    )

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
