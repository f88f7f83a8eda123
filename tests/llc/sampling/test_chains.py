"""What holds of every sampler: chains know nothing of each other, and a state is all there is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from grokedu.llc.sampling.chains import Sampler
from grokedu.llc.sampling.hamiltonian import HMC
from grokedu.llc.sampling.langevin import SGLD, RMSPropSGLD
from grokedu.llc.sampling.metropolis import MALA
from grokedu.llc.sampling.potential import Potential, differentiated
from tests.llc.sampling.cases import DEVICES, after, noise

INPUTS, TARGETS = noise(20, 3, purpose="inputs"), noise(20, 2, purpose="targets")
STEPS = torch.tensor([0.003, 0.01, 0.02], dtype=torch.float64)


def regression(params: dict[str, Tensor], rows: Tensor | None) -> Tensor:
    """The mean loss of a deep linear network."""
    inputs, targets = (t.to(params["A"].device) for t in (INPUTS, TARGETS))
    inputs, targets = (inputs, targets) if rows is None else (inputs[rows], targets[rows])
    apart = inputs @ params["A"] @ params["B"] - targets
    return apart.square().sum(dim=2).mean(dim=1)


def start(chains: slice, device: str = "cpu") -> dict[str, Tensor]:
    shapes = {"A": (3, 4), "B": (4, 2)}
    return {k: noise(3, *s, purpose=k)[chains].to(device) / 2 for k, s in shapes.items()}


def samplers(chains: slice, device: str = "cpu") -> dict[str, Sampler]:
    center = {name: tensor[:1] for name, tensor in start(slice(3), device).items()}
    potential = Potential(differentiated(regression), center, nbeta=5.0, gamma=1.0)
    sizes = STEPS[chains].to(device)
    return {
        "SGLD": SGLD(potential, sizes),
        "SGLD with minibatches": SGLD(potential, sizes, batch_size=6, examples=20),
        "RMSPropSGLD": RMSPropSGLD(potential, sizes),
        "MALA": MALA(potential, sizes),
        "HMC": HMC(potential, sizes.sqrt(), leapfrogs=3),
    }


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", samplers(slice(3)))
def test_a_chain_goes_the_same_way_alone_beside_others_and_on_cuda(name: str, device: str) -> None:
    one, all_of_them = slice(1, 2), slice(3)
    beside = samplers(all_of_them, device)[name]
    alone = samplers(one)[name]
    many = after(beside, beside.init(start(all_of_them, device), [4, 5, 6]), 60)
    single = after(alone, alone.init(start(one), [5]), 60)
    for key in ("position", "loss", "gradient"):
        torch.testing.assert_close(many[key][one].cpu(), single[key], rtol=1e-9, atol=1e-9)
    assert (many["position"][0] - many["position"][1]).abs().max() > 1e-2


@pytest.mark.parametrize("name", samplers(slice(3)))
def test_a_saved_state_goes_on_exactly_and_a_step_changes_none(name: str, tmp_path: Path) -> None:
    sampler = samplers(slice(3))[name]
    state = after(sampler, sampler.init(start(slice(3)), range(3)), 5)
    save_file({k: tensor.contiguous() for k, tensor in state.items()}, tmp_path / "state")
    on = after(sampler, state, 5)
    again = after(sampler, load_file(tmp_path / "state"), 5)
    assert on.keys() == again.keys()
    assert all(torch.equal(on[key], again[key]) for key in on)
    saved = load_file(tmp_path / "state")
    assert all(torch.equal(state[key], saved[key]) for key in state)


def test_a_step_size_in_the_state_is_the_one_used() -> None:
    sampler = samplers(slice(3))["MALA"]
    state = sampler.init(start(slice(3)), range(3))
    tiny = sampler.step(state | {"step_size": torch.full_like(state["step_size"], 1e-12)})
    torch.testing.assert_close(tiny["position"], state["position"], rtol=0, atol=1e-5)
    assert (sampler.step(state)["position"] - state["position"]).abs().max() > 1e-2


@pytest.mark.parametrize("name", samplers(slice(3)))
def test_the_loss_and_gradient_in_a_state_are_those_of_its_position(name: str) -> None:
    sampler = samplers(slice(3))[name]
    state = after(sampler, sampler.init(start(slice(3)), range(3)), 9)
    rows = state["rows"][:, 9] if "rows" in state else None  # the first draw was for the start
    loss, gradient = sampler.potential.evaluate(state["position"], rows)
    torch.testing.assert_close((state["loss"], state["gradient"]), (loss, gradient))
