"""Settings that are known to work, each one call away: ``recipes.get("p31-grok")(seeds=5)``.

Every recipe trains on addition modulo p, full batch, with AdamW: those in :data:`RECIPES` the
two-layer network, those in :data:`TRANSFORMERS` the one-layer transformer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

from grokedu.models.transformer import Transformer
from grokedu.models.two_layer import TwoLayer
from grokedu.tasks import Task, make_task
from grokedu.training.loop import train
from grokedu.training.optimizers import AdamW, WarmUp
from grokedu.training.runs import Runs


@dataclass(frozen=True)
class Recipe:
    """A setting by name; calling it trains.

    Attributes:
        p, width, activation, init_scale: the network's.
        task, fraction: the task's name, and the share of all pairs to train on.
        loss, lr, weight_decay, steps: the training's; ``steps`` leaves room after the grok.
        summary: what to expect.

    >>> recipe = RECIPES["p31-grok"]
    >>> (recipe.p, recipe.width, recipe.fraction, recipe.weight_decay)
    (31, 128, 0.5, 0.3)
    """

    p: int
    width: int
    fraction: float
    lr: float
    weight_decay: float
    steps: int
    summary: str
    activation: str = "square"
    loss: str = "cross_entropy"
    init_scale: float = 1.0
    task: str = "modular_addition"

    def __call__(self, seeds: int | Sequence[int] = 5, **overrides: Any) -> Runs:
        """Train over these seeds.

        Args:
            seeds: how many, or which.
            overrides: attributes of the recipe to change (``weight_decay=1.0``), and any argument
                of :func:`grokedu.training.train` (``stop="grokked"``, ``progress=False``).
        """
        own = {f.name for f in fields(self)}
        changed = replace(self, **{k: v for k, v in overrides.items() if k in own})
        count = seeds if isinstance(seeds, int) else len(seeds)
        settings: dict[str, Any] = {
            "steps": changed.steps,
            "lr": changed.lr,
            "weight_decay": changed.weight_decay,
            "loss": changed.loss,
            "labels": {"fraction": [changed.fraction] * count},
        }
        settings |= {k: v for k, v in overrides.items() if k not in own}
        model = TwoLayer(changed.p, changed.width, changed.activation, changed.init_scale)
        task = partial(make_task, changed.task, changed.p, changed.fraction)
        return train(model, task, seeds=seeds, **settings)


RECIPES: dict[str, Recipe] = {
    "p31-grok": Recipe(31, 128, 0.5, 0.01, 0.3, 2500, "a long delay, in seconds"),
    "p31-quick": Recipe(31, 64, 0.5, 0.01, 1.0, 1200, "the cheapest grok"),
    "p53-grok": Recipe(53, 128, 0.4, 0.01, 0.3, 2500, "a long delay at a larger modulus"),
    "p59-mild": Recipe(59, 128, 0.4, 0.01, 1.0, 800, "a short delay"),
    "p59-mse": Recipe(59, 128, 0.4, 0.01, 0.3, 300, "squared error: almost no delay", loss="mse"),
    "p59-gelu": Recipe(59, 128, 0.5, 0.03, 1.0, 1200, "a GELU network", activation="gelu"),
    "p59-relu": Recipe(59, 256, 0.5, 0.03, 1.0, 800, "a ReLU network", activation="relu"),
}


@dataclass(frozen=True)
class TransformerRecipe:
    """A setting of the one-layer transformer; calling it trains.

    Attributes:
        model: the architecture.
        fraction: the share of all pairs to train on.
        lr, weight_decay, steps: the training's; ``steps`` leaves room after the grok.
        summary: what to expect.
        warm_up: over how many steps the learning rate rises from 0.

    >>> recipe = get("p53-transformer")
    >>> (recipe.model.p, recipe.model.d_model, recipe.fraction, recipe.lr)
    (53, 64, 0.5, 0.01)
    """

    model: Transformer
    fraction: float
    lr: float
    weight_decay: float
    steps: int
    summary: str
    warm_up: int = 0

    def __call__(self, seeds: int | Sequence[int] = 5, **overrides: Any) -> Runs:
        """Train over these seeds.

        Args:
            seeds: how many, or which.
            overrides: attributes of the recipe to change, and any argument of
                :func:`grokedu.training.train`; an ``optimizer`` of one's own has no warm-up.
        """
        own = {f.name for f in fields(self)}
        changed = replace(self, **{k: v for k, v in overrides.items() if k in own})
        count = seeds if isinstance(seeds, int) else len(seeds)
        settings: dict[str, Any] = {
            "steps": changed.steps,
            "lr": changed.lr,
            "weight_decay": changed.weight_decay,
            "labels": {"fraction": [changed.fraction] * count},
        }
        if changed.warm_up:
            betas = overrides.get("betas", (0.9, 0.98))
            settings["optimizer"] = partial(WarmUp, partial(AdamW, betas=betas), changed.warm_up)
        settings |= {k: v for k, v in overrides.items() if k not in own}
        return train(changed.model, changed.task, seeds=seeds, **settings)

    def task(self, seed: int) -> Task:
        """The task of a seed, with as many classes as the model has logits."""
        task = make_task("modular_addition", self.model.p, self.fraction, seed)
        return replace(task, classes=self.model.classes)


TRANSFORMERS: dict[str, TransformerRecipe] = {
    "p53-transformer": TransformerRecipe(
        Transformer(53, d_model=64, d_mlp=128), 0.5, 0.01, 1.0, 800, "key frequencies, in a minute"
    ),
    "p113-transformer": TransformerRecipe(
        Transformer(113, equals_logit=True), 0.3, 0.003, 1.0, 3000,
        "the published network at three times its learning rate",
    ),
    "p113-nanda": TransformerRecipe(
        Transformer(113, equals_logit=True), 0.3, 0.001, 1.0, 14000, "the published setting", 10,
    ),
}  # fmt: skip


def get(name: str) -> Recipe | TransformerRecipe:
    """The recipe of this name.

    Raises:
        ValueError: if there is none.
    """
    every: dict[str, Recipe | TransformerRecipe] = {**RECIPES, **TRANSFORMERS}
    if name not in every:
        raise ValueError(f"no recipe is called {name!r}; there are {', '.join(every)}")
    return every[name]


def p31_grok(seeds: int | Sequence[int] = 5, **overrides: Any) -> Runs:
    """The grok that the course starts from: p = 31, 128 neurons, half of all pairs.

    Every seed fits its train pairs within 40 steps or so and the test pairs more than a thousand
    steps later. Arguments as in :meth:`Recipe.__call__`.
    """
    return RECIPES["p31-grok"](seeds, **overrides)
