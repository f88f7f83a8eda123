from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from grokedu.models import TwoLayer
from grokedu.models.transformer import Transformer
from grokedu.tasks import make_task
from grokedu.training import recipes, train
from grokedu.training.optimizers import AdamW, WarmUp


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


def test_the_published_recipe_warms_up_and_others_do_not() -> None:
    small = {"steps": 12, "model": Transformer(7, 8, 2, 16), "fraction": 0.7, "lr": 0.01}
    settings = {"seeds": 2, "record": range(13), "progress": False, **small}
    nanda = recipes.get("p113-nanda")(**settings)
    plain = recipes.get("p113-nanda")(**settings, warm_up=0)
    # The first step moves nothing, the second by a tenth of the learning rate.
    assert (nanda["l2_norm"][1] == nanda["l2_norm"][0]).all()
    assert (plain["l2_norm"][1] != plain["l2_norm"][0]).all()
    np.testing.assert_array_equal(
        plain["train_loss"], recipes.get("p113-transformer")(**settings)["train_loss"]
    )
    assert "WarmUp" in nanda.config["optimizer"]


def test_a_warm_up_goes_on_where_it_was(tmp_path: Path) -> None:
    task, model = make_task("modular_addition", 5, 0.6, seed=0), TwoLayer(5, 8)
    rise = partial(WarmUp, partial(AdamW, betas=(0.9, 0.98)), 8)
    settings = {"seeds": 2, "steps": 12, "optimizer": rise, "progress": False}
    whole = train(model, task, **settings)
    file = tmp_path / "state"
    train(model, task, **settings, resume=file, stop=lambda step, _: step >= 5)
    again = train(model, task, **settings, resume=file)
    torch.testing.assert_close(again.params, whole.params, rtol=0, atol=0)
