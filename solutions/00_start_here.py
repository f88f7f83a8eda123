# %% [markdown]
# # 00 · Start here
#
# *Ten minutes. Nothing to know beforehand but a little Python.*
#
# In this course you write the ideas yourself and watch them settle an argument. This page shows how
# that works: how a cell is run, how an answer is checked, where a hint is, what happens to your
# points, and how you hand in. There is one small exercise, and it is a real one: it comes back in
# every lesson.
#
# After it you can
#
# - read what a check tells you, and ask for a hint;
# - go on when you are stuck, and start an exercise afresh;
# - keep your points when the machine forgets them;
# - say what your machine can do.
#
# Run a cell by clicking into it and pressing **Shift + Enter**. Run the next one now.

# %% setup="imports"
import torch
from torch import Tensor

from grokedu.training import machine
from grokedu.classroom.learning import progress
from grokedu.lessons import l00_start_here as check

# %% [markdown]
# ## Your machine
#
# Every experiment of the course runs on two ordinary processor cores in under two minutes and in
# less than one gigabyte. A graphics card is not needed.

# %% experiment="machine"
if check.ready():
    print(machine.report())

# %% [markdown]
# ## An exercise
#
# A network has thousands of weights. One number tells how large they are together: their L2 norm,
#
# $$\lVert w\rVert = \sqrt{\textstyle\sum_i w_i^2}\,,$$
#
# the length of the arrow from the origin to $w$. Whether a *small* norm is what makes a network
# generalise is the argument that runs through this course.
#
# The next cell ends in `raise NotImplementedError()`. Replace that line by your answer, run the cell,
# and then run the check below it. You may run a check as often as you like; only the best result
# counts.
#
# Try it with a mistake first: return the sum of squares and forget the root. The card tells which
# call failed, what came back, what was wanted, and, if it has seen the mistake before, what it was.

# %% answer="weight_norm"

# %% test="weight_norm"

# %% [markdown]
# ## Stuck?
#
# | What you want | What you type |
# |---|---|
# | a hint; each one says more than the last, and they cost nothing | `check.hint("weight_norm")` |
# | to go on without solving it, for 0 points | `weight_norm = check.reference("weight_norm")` |
# | to start the exercise afresh, its points and hints forgotten | `check.reset("weight_norm")` |
# | your points in all lessons | `grokedu progress`, in a terminal |
#
# Ask for a hint now, even if you do not need one.

# %% experiment="hint"
if check.ready():
    check.hint("weight_norm")

# %% [markdown]
# ## An experiment
#
# Experiments use what you wrote. They stand under `if check.ready(...)`, so that a notebook runs from
# top to bottom whatever is solved: an experiment that cannot run yet says so in one line.
#
# **Predict first.** A thousand weights are drawn from a normal distribution with variance 1. What is
# their norm, roughly? Write one of the choices in place of `...` and run the cell. Nobody marks
# a prediction; it is there because a surprise teaches more than a confirmation.
#
# After the experiment a claim *holds* (in every setting that was tried), *holds in a window* (in some
# settings and not in others) or *fails* (in none).

# %% predict="norm-of-a-thousand"
check.predict("norm-of-a-thousand", ...)

# %% experiment="norm-of-a-thousand"
if check.ready("weight_norm"):
    draws = [torch.Generator().manual_seed(seed) for seed in range(100)]
    norms = torch.tensor([float(weight_norm(torch.randn(1000, generator=draw))) for draw in draws])
    low, high = norms.quantile(0.025), norms.quantile(0.975)
    check.settle(
        "norm-of-a-thousand",
        f"{norms.mean():.1f} on average, between {low:.1f} and {high:.1f} in 95 of 100 draws",
        "holds" if abs(norms.mean() - 32) < 1 else "fails",
    )

# %% [markdown]
# The squares have mean 1, so a thousand of them add up to about 1000, and the root of that is 31.6.
# The spread is tiny: in high dimension almost every random vector has nearly the same length. Keep
# that in mind for lesson 03, where networks are made to live on a sphere.
#
# ## Your points
#
# Points are kept on this machine, in your own data folder. On Binder and Colab the machine is thrown
# away when you leave, so save them to a file, download it, and restore it next time with
# `progress.restore_from("my-progress.json")`.

# %% experiment="save-progress"
if check.ready():
    print("Saved to", progress.save_to("my-progress.json"))

# %% [markdown]
# ## Handing in
#
# In a class, you hand in the notebook file itself, the way your instructor says. It is run again with
# other inputs of the same kind, and each check gives the points you saw here. Some lessons also have
# questions to be answered in words; those are read by a person.
#
# Three things keep a submission safe: do not delete or copy the check cells, keep the names of the
# functions, and let answers use nothing but the setup cell, earlier answers and cells of your own.
#
# ## What is still open
#
# Everything that matters. Go on to **01 Grokking**, where a network memorises its data, seems done,
# and then, long after, suddenly understands.
