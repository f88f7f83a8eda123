"""The claims about the learning coefficient: what they conclude, and runs of a second or two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from grokedu import claims as reproduce
from grokedu.claims import free_energy, results
from grokedu.claims.llc_against_norm import experiment as llc_against_norm
from grokedu.claims.llc_exact import experiment as llc_exact
from grokedu.llc import LLC, deep_linear_llc
from grokedu.llc.exact.free_energy import gaussian_free_energy
from grokedu.llc.exact.normal_crossing import normal_crossing_target

TINY: dict[str, tuple[Any, dict[str, Any]]] = {
    "llc-exact": (
        llc_exact,
        {"seeds": 1, "networks": ((llc_exact.DEEP, 2),), "gradients": 240, "longer": 2},
    ),
    "llc-against-norm": (
        llc_against_norm,
        {"p": 7, "width": 8, "seeds": 2, "gradients": 240, "linear_gradients": 240},
    ),
}


@pytest.mark.parametrize("name", list(TINY))
def test_a_claim_gives_numbers_a_sentence_and_a_figure(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, setting = TINY[name]
    monkeypatch.setattr(module, "QUICK", replace(module.QUICK, **setting))
    monkeypatch.setattr(llc_against_norm, "STEPS", (5, 20))
    outcome = module.run(quick=True, progress=False)
    assert outcome.verdict in ("holds", "holds in a window", "fails")
    assert "nan" not in outcome.says
    results.write(tmp_path, name, outcome.numbers)  # plain data
    assert outcome.draw is not None
    outcome.draw().write(tmp_path / f"{name}.png")
    assert (tmp_path / f"{name}.png").stat().st_size > 10_000


def estimate(value: float, error: float = 0.01, warnings: tuple[str, ...] = ()) -> LLC:
    found = [SimpleNamespace(name=name) for name in warnings]
    return cast(LLC, SimpleNamespace(value=value, standard_error=error, warnings=tuple(found)))


def test_estimates_are_judged_against_the_target() -> None:
    case = llc_exact.Case("c", lambda params: params["w"], {}, 10.0, "exact", 0.02)
    row = llc_exact.judged(case, [estimate(10.3), estimate(9.6, warnings=("drift",))])
    assert row["errors"] == pytest.approx([0.03, -0.04])
    assert row["mean"] == pytest.approx(-0.005)
    assert row["rms"] == pytest.approx((0.0025 / 2) ** 0.5)
    assert row["standard_errors"] == pytest.approx([0.001, 0.001])
    assert row["warnings"] == [[], ["drift"]]


@pytest.mark.parametrize(
    ("missed", "silent", "expected"),
    [
        (0, 0, "holds"),
        (0, 1, "holds in a window"),
        (1, 0, "holds in a window"),
        (4, 0, "fails"),
        (8, 0, "fails"),
    ],
)
def test_a_silent_error_keeps_the_claim_from_holding(
    missed: int, silent: int, expected: str
) -> None:
    assert llc_exact.verdict(missed, 8, silent) == expected


def test_the_target_of_a_product_is_that_of_the_localised_density() -> None:
    """Unlike on the unit square: with gamma as strong as the square is wide they are near."""
    case = llc_exact.product(1, 1)
    assert case.target / llc_exact.COPIES == pytest.approx(0.42525, abs=1e-4)
    assert abs(case.target / llc_exact.COPIES - normal_crossing_target(llc_exact.NBETA, [1, 1])) < (
        0.02
    )
    one = case.loss({"w": torch.tensor([[1.0, 2.0, 0, 0, 0, 0, 3.0, 1.0]])})
    assert one.tolist() == [4.0 + 9.0]


def test_every_case_has_no_loss_at_its_center() -> None:
    cases = [llc_exact.regular(1e3), llc_exact.product(1, 2), llc_exact.network((4, 3, 5), 2)]
    for case in cases:
        batch = {name: tensor.unsqueeze(0) for name, tensor in case.center.items()}
        assert case.loss(batch).tolist() == [0.0]
        moved = {name: tensor + 0.1 for name, tensor in batch.items()}
        assert case.loss(moved).item() > 0


def test_a_target_with_a_multiplicity_is_corrected() -> None:
    case, exact = llc_exact.network(llc_exact.DEEP, 2), deep_linear_llc(llc_exact.DEEP, 2)
    assert exact.multiplicity == 5
    assert case.name == "6-wide, 5 layers, rank 2"
    assert case.target == pytest.approx(float(exact.value) - 4 / np.log(llc_exact.NBETA))


def test_the_free_energys_slopes_are_the_coefficients(tmp_path: Path) -> None:
    result = reproduce.reproduce(
        "free-energy", quick=True, progress=False, folder=tmp_path, figure=False
    )
    assert result["verdict"] == "holds"
    regular, power, double = result["cases"]
    assert regular["slope"] == pytest.approx(1, abs=1e-5)
    assert power["slope"] == pytest.approx(0.25, rel=0.01)
    assert double["slope"] == pytest.approx(0.5, rel=0.02)
    assert double["plain_slope"] < 0.46  # the log log term is seen
    assert result["norm"]["fixed_prior"][-1] == pytest.approx(18, abs=1e-3)
    # At the decayed minimum the loss is c / (2 (1 + c)) |w*|²; the curvatures are equal.
    per_example = 0.1 / 2.2 * 36
    found = np.array(result["norm"]["weight_decay"]) / np.array(result["norm"]["n"])
    np.testing.assert_allclose(found, per_example, rtol=1e-6)


@pytest.mark.parametrize("n", [1e2, 1e4])
@pytest.mark.parametrize("squared_norm", [4.0, 40.0])
def test_the_gaussians_quadrature_is_its_closed_form(n: float, squared_norm: float) -> None:
    found = free_energy.gaussian(n, squared_norm, prior=1.0, decay=0.0)
    assert found == pytest.approx(gaussian_free_energy(n, squared_norm, 2), abs=1e-6)


def test_points_of_one_norm_and_of_one_orbit(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Any, Any]] = []

    def along(points: Any, *, model: Any, **_settings: Any) -> list[LLC]:
        seen.append((points, model))
        found = [estimate(7.5) for _ in points]
        for one in found:
            one.__dict__["nbeta"] = 1.0
        return found

    monkeypatch.setattr(llc_against_norm, "llc_along", along)
    equal = llc_against_norm.equal_norms(100.0, 10, progress=False)
    orbit = llc_against_norm.orbit(1.0, 10, progress=False)
    assert [point["norm"] for point in equal] == pytest.approx([2.0, 2.0])
    assert [point["llc"] for point in equal] == [8.0, 6.0]
    norms = [(2 * (beta**2 + beta**-2)) ** 0.5 for beta in llc_against_norm.BETAS]
    assert [point["norm"] for point in orbit] == pytest.approx(norms)
    assert {point["llc"] for point in orbit} == {7.5}
    for points, loss in seen:  # each is a minimum
        for layers in points:
            batch = {name: tensor.unsqueeze(0) for name, tensor in layers.items()}
            assert loss(batch).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("ranks", [(0, 4), (2, 2)])
def test_the_coefficient_at_equal_norm_is_half_the_rank_of_the_hessian(
    ranks: tuple[int, int],
) -> None:
    """Where the zero set is smooth the Hessian's rank is its codimension."""
    first, size = ranks[0], llc_against_norm.SIZE
    left, right = torch.zeros(size, size), torch.zeros(size, size)
    left.diagonal()[:first] = 1.0
    right.diagonal()[first:] = 1.0
    shape = (2, size, size)
    jacobian = torch.autograd.functional.jacobian(
        lambda w: (w.view(shape)[0] @ w.view(shape)[1]).flatten(),
        torch.stack([left, right]).flatten(),
    )
    assert torch.linalg.matrix_rank(jacobian).item() / 2 == (8.0 if first == 0 else 6.0)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([True, True, True], "holds"),
        ([True, True, False], "holds in a window"),
        ([False, False, False], "fails"),
    ],
)
def test_all_three_parts_are_needed(parts: list[bool], expected: str) -> None:
    assert llc_against_norm.verdict(parts) == expected
