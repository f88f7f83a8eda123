"""The experiments of lesson 02: what their labels say is so, and they use the functions given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from grokedu import symmetry
from grokedu.claims import (
    charge_kept,
    flatness,
    homogeneity,
    norm_excess,
    norm_of_function,
    norms_equal,
    orbit_invariants,
    orbit_start,
)
from grokedu.measures import l2_norm
from grokedu.models import TwoLayer
from grokedu.symmetry import examples
from grokedu.tasks import make_task, random_stream
from grokedu.training.runs import Runs

SEEDS = [0, 3]


@pytest.fixture(scope="module")
def started() -> Runs:
    return orbit_start.measure(SEEDS, 2)


def test_the_starts_have_the_norms_that_their_labels_say(started: Runs) -> None:
    for seed in SEEDS:
        net = orbit_start.MODEL.init(random_stream(seed, "init"))
        betas = torch.tensor(orbit_start.BETAS)
        wanted = symmetry.norm_along_orbit(examples.one_matrix(net), betas, 2.0)
        for beta, norm in zip(orbit_start.BETAS, wanted, strict=True):
            run = started.select(seed=seed, beta=beta)
            assert run["l2_norm"][0, 0] == pytest.approx(float(norm), rel=1e-5)
    first = started.select(beta=1.0)["l2_norm"][0]
    assert (started.select(beta=0.25)["l2_norm"][0] > 8 * first).all()


def test_the_starts_compute_one_function(started: Runs) -> None:
    starts, pairs = orbit_start.starts(SEEDS), make_task("modular_addition", 31, 0.5, seed=0).inputs
    logits = orbit_start.MODEL.apply(starts, pairs).unflatten(0, (-1, len(SEEDS)))
    torch.testing.assert_close(logits, logits[2].expand_as(logits), rtol=1e-4, atol=1e-5)
    assert (started["train_loss"][0].reshape(5, 2).std(axis=0) < 1e-4).all()


def staged(ends: list[float], when: list[float]) -> Runs:
    """One run a beta that ends at a norm and generalises at a step, from a norm of 20."""
    steps = np.array([0, 1, 2, 4, 8])
    norm = np.stack([np.full(5, 20.0)] * 4 + [np.array(ends)])
    accuracy = (steps[:, None] >= np.array(when)).astype(float)
    labels = {"beta": np.array(orbit_start.BETAS), "seed": np.zeros(5)}
    return Runs(steps, {"l2_norm": norm, "test_accuracy": accuracy}, labels)


def test_where_the_orbit_is_entered_matters_by_norms_and_by_steps() -> None:
    alike, one = [30.0] * 5, [4.0] * 5
    assert orbit_start.judge(staged(alike, one)) == "holds"
    assert orbit_start.judge(staged(alike, [8, 4, 4, 4, 4])) == "holds in a window"
    assert orbit_start.judge(staged([40.0, *alike[1:]], one)) == "fails"
    late = staged(alike, [8, 2, 4, 4, np.inf])
    assert sorted(orbit_start.lateness(late)) == [0.5, 1.0, 2.0, np.inf]
    assert "0 of 1" in orbit_start.table(late)
    assert "0 of 0" in orbit_start.table(late)


def test_charges_follow_the_law_of_a_step_and_another_charge_does_not() -> None:
    charge, error = charge_kept.one_step(SEEDS)
    assert error < 1e-12 * charge
    _, wrong = charge_kept.one_step(SEEDS, conserved_charge=no_bias)
    assert wrong > 1e-6


def no_bias(params: dict[str, Tensor], degree: float = 1.0) -> Tensor:
    return symmetry.conserved_charge({**params, "b": 0 * params["b"]}, degree)


def test_sgd_keeps_charges_and_adam_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    short = {name: arm._replace(time=arm.time / 5) for name, arm in charge_kept.ARMS.items()}
    monkeypatch.setattr(charge_kept, "ARMS", short)
    found = charge_kept.measure(SEEDS, 2)
    assert all(values.shape == (21, 2) for values in found.left.values())
    assert found.moved["SGD", 2][-1].max() < 0.01 < found.moved["Adam", 2][-1].min()
    assert charge_kept.judge(found) == "holds in a window"
    decayed = found.left["SGD, decay", 2][-1]
    assert decayed == pytest.approx(np.exp(-2 / 5), rel=0.01)
    assert (
        charge_kept.judge(replace(found, moved=dict.fromkeys(found.moved, 0 * decayed[None])))
        == "holds"
    )
    assert (found.excess["start", 1] > 1.3).all()
    assert "theory, SGD, decay: 1 to 0.135" in charge_kept.draw(found).alt


def test_norms_move_along_the_orbit_and_outputs_do_not() -> None:
    net = examples.one_matrix(TwoLayer(5, 8).init(random_stream(0, "init"), torch.float64))
    pairs = make_task("modular_addition", 5, 0.5, seed=0).inputs
    found = norm_of_function.measure([net], pairs)
    assert found.apart < 1e-12
    assert found.kept == 1.0
    assert norm_of_function.judge(found) == "fails"
    assert norm_of_function.judge(replace(found, norms=np.ones((3, 1)))) == "holds"
    wrong = norm_of_function.measure([net], pairs, rescale_neurons=as_for_relu)
    assert wrong.apart > 0.1
    assert "grokked networks" in norm_of_function.draw(found).alt


def as_for_relu(params: dict[str, Tensor], betas: Tensor, degree: float = 1.0) -> dict[str, Tensor]:
    return symmetry.rescale_neurons(params, betas, 1.0)


def test_the_excess_is_one_for_balanced_networks() -> None:
    net = examples.one_matrix(TwoLayer(31, 8).init(random_stream(0, "init"), torch.float64))
    least = symmetry.balance(net, 2.0)
    far = symmetry.rescale_neurons(least, torch.full((8,), 9.0).double(), 2.0)
    assert norm_excess.measure([least]).ends == pytest.approx([1.0])
    found = norm_excess.measure([far])
    assert norm_excess.judge(found) == "holds"
    assert found.ends == pytest.approx([float(l2_norm(far) / l2_norm(least))])
    assert norm_excess.judge(replace(found, ends=np.array([1.05]))) == "fails"
    assert norm_excess.judge(replace(found, ends=np.array([1.5]))) == "holds in a window"


def test_a_path_norm_without_biases_is_told_apart() -> None:
    def weights_alone(layers: list[tuple[Tensor, Tensor]]) -> Tensor:
        return symmetry.path_norm([(w, 2 * b + 1) for w, b in layers])

    kinds = orbit_invariants.measure(SEEDS, 5, path_norm=weights_alone)["path norm"]
    assert all((values > 1.001).all() for values in kinds.values())


def test_sharpness_is_that_of_a_new_hessian_and_has_no_bound() -> None:
    found = flatness.measure(SEEDS, 30)
    assert found.error < 1e-9
    assert found.tops.shape == found.norms.shape == (41, 2)
    assert flatness.judge(found) == "fails"
    assert flatness.judge(replace(found, tops=np.ones((41, 2)))) == "holds"
    assert "-0.0" not in flatness.table(found)


def test_counted_degrees_are_those_found_by_trying() -> None:
    found = homogeneity.measure()
    assert all(one.counted == one.tried for one in found.values())
    assert [one.same for one in found.values()][:2] == [1.0, 1.0]
    assert min(one.same for one in found.values()) < 1.0
    wrong = homogeneity.measure(homogeneity_degree=lambda degrees, biases: float(len(biases)))
    assert wrong["biases in both"] != found["biases in both"]


def test_the_retold_claim_holds_in_its_first_half() -> None:
    found = norms_equal.measure()
    assert norms_equal.judge(found) == "holds in a window"
    assert (norms_equal.spread(found.decayed, -1) < 1.1).all()
    assert min(share.min() for share in norms_equal.shares(found.decayed).values()) > 0.2
    late = norms_equal.predicted(found.decayed, -1)
    ratio = found.decayed["norm_W_E"][-1] / found.decayed["norm_W_U"][-1]
    assert late == pytest.approx(ratio, rel=0.05)
    assert (norms_equal.predicted(found.decayed, found.early) > 1.5).all()
    assert "W_V to W_O 1.00" in norms_equal.draw_ends(found).alt
    assert "weight decay 0" in norms_equal.draw_ratios(found).alt
