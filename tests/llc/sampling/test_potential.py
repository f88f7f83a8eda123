from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from grokedu.llc.sampling.potential import Potential, differentiated
from tests.llc.sampling.cases import at_zero, gaussian, noise, quadratic


def product_loss(params: dict[str, Tensor], rows: Tensor | None) -> Tensor:
    return ((params["A"] @ params["B"]).square().sum(dim=(1, 2)) + params["c"].cos()).double()


def three_tensors(chains: int, purpose: str) -> dict[str, Tensor]:
    shapes = {"A": (2, 3), "B": (3, 1), "c": ()}
    return {k: noise(chains, *shape, purpose=f"{purpose}/{k}") for k, shape in shapes.items()}


def test_the_gradient_is_that_of_the_energy_which_follows_the_convention() -> None:
    nbeta, gamma = torch.tensor([10.0, 3.0, 0.5]), torch.tensor([0.0, 2.0, 7.0])
    center, params = three_tensors(3, "center"), three_tensors(3, "weights")
    potential = Potential(differentiated(product_loss), center, nbeta, gamma)
    position = potential.flat(params).requires_grad_()
    distance = sum((params[k] - center[k]).reshape(3, -1).square().sum(1) for k in center)
    loss = product_loss(potential.params(position), None)
    energy = potential.energy(position, loss)
    torch.testing.assert_close(energy, nbeta * loss + gamma / 2 * distance)
    (wanted,) = torch.autograd.grad(energy.sum(), position)
    _, found = potential.evaluate(position.detach())
    torch.testing.assert_close(potential.gradient(position, found), wanted)


def test_rows_and_names_lead_there_and_back_in_any_order() -> None:
    params = three_tensors(4, "weights")
    potential = Potential(differentiated(product_loss), three_tensors(1, "center"), 1.0)
    position = potential.flat({name: params[name] for name in reversed(params)})
    assert position.shape == (4, 10)
    for name, tensor in potential.params(position).items():
        assert torch.equal(tensor, params[name])


def test_a_chain_that_is_no_number_touches_no_other() -> None:
    both = differentiated(lambda params, rows: params["w"].square().sum(dim=1))
    losses, gradients = both({"w": torch.tensor([[1.0], [math.nan], [math.inf]])}, None)
    assert losses[0] == 1
    assert gradients["w"][0] == 2
    assert not losses[1:].isfinite().any()


def test_a_tensor_that_the_loss_ignores_has_no_gradient() -> None:
    both = differentiated(lambda params, rows: params["w"].sum(dim=1))
    _, gradients = both({"w": torch.ones(2, 1), "unused": torch.ones(2, 3)}, None)
    assert torch.equal(gradients["unused"], torch.zeros(2, 3))


def test_bad_input_is_told_what_was_wanted() -> None:
    h = torch.ones(2)
    for nbeta, gamma, said in [
        (0.0, 1.0, "nbeta is 0.0; wanted above 0"),
        (math.nan, 1.0, "nbeta is nan"),
        (torch.tensor([1.0, -1.0]), 1.0, "nbeta is tensor"),
        (1.0, -1.0, "gamma is -1.0; wanted 0"),
    ]:
        with pytest.raises(ValueError, match=said):
            gaussian(h, nbeta, gamma)
    with pytest.raises(ValueError, match="wanted the centre's"):
        gaussian(h).flat({"w": torch.zeros(1, 3)})
    with pytest.raises(ValueError, match=r"float64.*wanted the centre's"):
        gaussian(h).flat(at_zero(1, h.double()))
    with pytest.raises(ValueError, match="got 2 centres for 3 chains"):
        Potential(quadratic(h), at_zero(2, h), 1.0).flat(at_zero(3, h))
    with pytest.raises(ValueError, match="there are 3 centres, 2 values of nbeta and 1 of gamma"):
        Potential(quadratic(h), at_zero(3, h), torch.ones(2))
    with pytest.raises(ValueError, match="got 2 values of nbeta for 3 chains"):
        gaussian(h, torch.ones(2)).flat(at_zero(3, h))
    with pytest.raises(ValueError, match=r"the loss has shape \(\); wanted \(2,\)"):
        differentiated(lambda params, rows: params["w"].sum())(at_zero(2, h), None)
