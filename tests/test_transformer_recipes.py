from __future__ import annotations

import numpy as np
import pytest
import torch

from grokedu import recipes
from grokedu.models.transformer import Transformer


def test_a_small_transformer_fits_by_its_recipe_and_takes_overrides() -> None:
    runs = recipes.get("p53-transformer")(
        seeds=[3, 4], steps=40, model=Transformer(7, 8, 2, 16), fraction=0.7, lr=[0.01, 0.02],
        dtype=torch.float64, progress=False,
    )  # fmt: skip
    assert runs.params["W_E"].shape == (2, 8, 8)
    assert runs.params["W_E"].dtype == torch.float64
    assert runs.labels["fraction"].tolist() == [0.7, 0.7]
    assert runs.labels["lr"].tolist() == [0.01, 0.02]
    assert (runs["train_loss"][-1] < runs["train_loss"][0]).all()


def test_the_published_networks_have_a_logit_for_equals() -> None:
    recipe = recipes.TRANSFORMERS["p113-nanda"]
    assert recipe.task(0).classes == recipe.model.classes == 114
    assert len(recipe.task(0).train) == round(0.3 * 113**2)


@pytest.mark.full
def test_the_p53_transformer_groks_on_five_of_five_seeds() -> None:
    runs = recipes.TRANSFORMERS["p53-transformer"](seeds=5, stop="grokked", progress=False)
    assert np.isfinite(runs.grokked_at()).all()
    assert runs.delay().min() > 0
