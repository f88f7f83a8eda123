"""A module's loss, copy by copy, against plain autograd; and the modules that are refused."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from grokedu.llc.sampling import module_loss
from grokedu.llc.sampling.module_loss import ModuleLoss
from grokedu.tasks import random_stream

X = torch.randn(10, 4, generator=random_stream(0, "inputs"))
Y = torch.arange(10) % 3


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))


def copies(loss: ModuleLoss, count: int) -> dict[str, torch.Tensor]:
    stream = random_stream(0, "copies")
    return {
        name: x + torch.randn(count, *x.shape[1:], generator=stream) / 3
        for name, x in loss.center.items()
    }


def one_by_one(net, params, rows=None):
    """The losses and gradients of each copy by the module itself."""
    losses, gradients = [], []
    for at in range(len(params["0.weight"])):
        net.load_state_dict({name: x[at] for name, x in params.items()})
        chosen = slice(None) if rows is None else rows[at]
        value = F.cross_entropy(net(X[chosen]), Y[chosen])
        found = torch.autograd.grad(value, [*net.parameters()])
        losses.append(value.detach())
        gradients.append(dict(zip(params, found, strict=True)))
    stacked = {name: torch.stack([g[name] for g in gradients]) for name in params}
    return torch.stack(losses), stacked


def agree(found, wanted):
    torch.testing.assert_close(found[0], wanted[0])
    for name, gradient in wanted[1].items():
        torch.testing.assert_close(found[1][name], gradient)


def test_every_copy_gets_its_own_loss_and_gradient():
    net = network()
    loss = ModuleLoss(net, X, Y, F.cross_entropy)
    params = copies(loss, 4)
    agree(loss(params, None), one_by_one(net, params))


def test_every_copy_may_have_examples_of_its_own():
    net = network()
    loss = ModuleLoss(net, X, Y, F.cross_entropy)
    params, rows = copies(loss, 3), torch.tensor([[0, 1], [5, 5], [9, 2]])
    agree(loss(params, rows), one_by_one(net, params, rows))


def test_the_module_is_left_as_it_was():
    net = network()
    before = {name: x.clone() for name, x in net.state_dict().items()}
    loss = ModuleLoss(net, X, Y, F.cross_entropy)
    loss(copies(loss, 2), None)
    assert all(torch.equal(x, before[name]) for name, x in net.state_dict().items())
    assert all(x.grad is None for x in net.parameters())


def test_copies_that_do_not_fit_go_in_parts_and_it_says_so(monkeypatch):
    net = network()
    loss = ModuleLoss(net, X, Y, F.cross_entropy)
    params = copies(loss, 5)
    monkeypatch.setattr(module_loss, "free_memory", lambda device: 5 * loss.bytes_of_one)
    with pytest.warns(UserWarning, match="5 copies of the model need about .* they go 2 at a time"):
        found = loss(params, None)
    agree(found, one_by_one(net, params))


class Branching(nn.Module):
    """What vmap cannot take: the way through depends on a number."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(4))

    def forward(self, x):
        return x @ self.w if self.w.sum().item() > 0 else -(x @ self.w)


class Recurrent(nn.Module):
    """Which vmap has no rule for."""

    def __init__(self):
        super().__init__()
        self.cell = nn.LSTM(4, 2, batch_first=True)

    def forward(self, x):
        return self.cell(x.unsqueeze(1))[0].squeeze(1)


def test_a_recurrent_model_goes_copy_by_copy():
    net = Recurrent()
    loss = ModuleLoss(net, X, Y % 2, F.cross_entropy)
    with pytest.warns(UserWarning, match="one by one"):
        losses, _ = loss({name: x.repeat_interleave(2, 0) for name, x in loss.center.items()}, None)
    torch.testing.assert_close(losses[1], F.cross_entropy(net(X), Y % 2).detach())


def test_a_model_that_vmap_cannot_take_goes_copy_by_copy():
    loss = ModuleLoss(Branching(), X, torch.ones(10), F.mse_loss)
    params = {"w": torch.stack([torch.ones(4), -torch.ones(4)])}
    with pytest.warns(UserWarning, match="one by one"):
        losses, gradients = loss(params, None)
    assert losses[0] == losses[1]
    torch.testing.assert_close(gradients["w"][0], -gradients["w"][1])


@pytest.mark.parametrize("layer", [nn.Dropout(0.1), nn.BatchNorm1d(4)])
def test_train_mode_is_refused_where_it_changes_the_loss(layer):
    net = nn.Sequential(layer, nn.Linear(4, 3))
    with pytest.raises(ValueError, match=r"in train mode.*call model.eval\(\) first"):
        ModuleLoss(net, X, Y, F.cross_entropy)
    ModuleLoss(net.eval(), X, Y, F.cross_entropy)


def test_batch_norm_in_evaluation_goes_by_its_running_means():
    net = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3))
    net(X)
    net.eval()
    loss = ModuleLoss(net, X, Y, F.cross_entropy)
    torch.testing.assert_close(loss(loss.center, None)[0][0], F.cross_entropy(net(X), Y).detach())


class Noisy(nn.Linear):
    def forward(self, x):
        return super().forward(x) + torch.rand(len(x), 1)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda z, y: F.cross_entropy(z, y, reduction="sum"), "it is a sum; wanted the mean"),
        (
            lambda z, y: F.cross_entropy(z, y, reduction="none"),
            r"is \(10,\); wanted a scalar",
        ),
        (lambda z, y: F.cross_entropy(z, y) / 0, "the loss at w\\* is inf; wanted a finite number"),
        (lambda z, y: 3.0, "the loss is float; wanted a scalar tensor"),
        (nn.CrossEntropyLoss, r"wanted a function of outputs .* or nn.CrossEntropyLoss\(\)"),
        ("mse", "loss is 'mse'; wanted a function"),
    ],
)
def test_a_loss_that_is_no_mean_is_refused(loss, message):
    with pytest.raises(ValueError, match=message):
        ModuleLoss(network(), X, Y, loss)


def test_randomness_is_found():
    with pytest.raises(ValueError, match="wanted a loss without randomness"):
        ModuleLoss(Noisy(4, 1), X, torch.zeros(10, 1), F.mse_loss)


def test_other_bad_input():
    with pytest.raises(ValueError, match=r"have \[10, 3\] rows; wanted one number"):
        ModuleLoss(network(), X, Y[:3], F.cross_entropy)
    with pytest.raises(ValueError, match=r"no parameters \['nought'\]; the model has \['0.weight'"):
        ModuleLoss(network(), X, Y, F.cross_entropy, ["nought"])
    with pytest.raises(ValueError, match=r"parameters is '0.weight'; wanted a list of names"):
        ModuleLoss(network(), X, Y, F.cross_entropy, "0.weight")
    with pytest.raises(ValueError, match="inputs or targets are ndarray; wanted tensors"):
        ModuleLoss(network(), X.numpy(), Y, F.cross_entropy)
    with pytest.raises(ValueError, match="outputs and targets differ in shape"):
        ModuleLoss(nn.Linear(4, 1), X, torch.ones(10), F.mse_loss)
    frozen = network().requires_grad_(False)
    with pytest.raises(ValueError, match="no parameters"):
        ModuleLoss(frozen, X, Y, F.cross_entropy)
