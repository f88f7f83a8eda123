from __future__ import annotations

import numpy as np
import pytest
import torch

from grokedu.training import recipes


def test_the_p31_grok_groks_on_five_of_five_seeds_twenty_times_later() -> None:
    runs = recipes.p31_grok(seeds=range(5), stop="grokked", progress=False)
    assert len(runs) == 5
    assert np.isfinite(runs.delay(0.99)).all()
    assert runs.ratio(0.99).min() >= 20


@pytest.mark.parametrize("name", ["p31-quick", "p59-mse"])
def test_the_cheap_recipes_generalise(name: str) -> None:
    runs = recipes.get(name)(seeds=2, stop="grokked", progress=False)
    assert np.isfinite(runs.grokked_at(0.95)).all()


@pytest.mark.full
@pytest.mark.parametrize("name", list(recipes.RECIPES))
def test_every_recipe_generalises_on_five_seeds(name: str) -> None:
    def done(_step: int, row: dict[str, np.ndarray]) -> bool:
        return bool((row["test_accuracy"] >= 0.95).all())

    runs = recipes.get(name)(seeds=5, stop=done, progress=False)
    assert np.isfinite(runs.grokked_at(0.95)).all()


def test_overrides_reach_the_recipe_and_the_training() -> None:
    runs = recipes.get("p31-grok")(
        seeds=[3, 4], steps=2, p=11, width=8, fraction=0.7, lr=[0.1, 0.2], dtype=torch.float64,
        progress=False,
    )  # fmt: skip
    assert runs.params["A"].shape == (2, 11, 8)
    assert runs.params["A"].dtype == torch.float64
    assert runs.labels["fraction"].tolist() == [0.7, 0.7]
    assert runs.labels["lr"].tolist() == [0.1, 0.2]


def test_an_unknown_recipe_says_which_there_are() -> None:
    with pytest.raises(ValueError, match="p31-grok, p31-quick"):
        recipes.get("p32")
