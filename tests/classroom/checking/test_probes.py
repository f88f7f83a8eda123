"""Probes: objects that do not cross the wire are driven, and leave a trace that does."""

from __future__ import annotations

import pytest
import torch

from grokedu.classroom.checking.call import Request, local
from grokedu.classroom.checking.compare import difference
from grokedu.classroom.checking.probes import PROBES, drive, probe


def test_a_probe_is_called_by_name_and_a_plain_call_goes_straight():
    assert drive(None, divmod, (7, 2), {}) == (3, 1)
    assert drive("refusal", int, ("three",), {}) == "ValueError"
    with pytest.raises(ValueError, match=r"no probe is named 'nothing'; there are: .*optimizer"):
        drive("nothing", len, (), {})


def test_a_name_belongs_to_one_probe(monkeypatch):
    monkeypatch.delitem(PROBES, "mine", raising=False)

    def mine(answer):
        return answer()

    assert probe(mine) is mine is probe(mine)
    with pytest.raises(ValueError, match="a probe named 'mine' already"):
        probe(type(mine)(mine.__code__, {}, "mine"))
    del PROBES["mine"]


def test_gradients_of_every_float_argument_nested_or_not():
    def answer(state, x, labels):
        return state["w"].square().sum() * x[0] + labels.sum()

    trace = drive(
        "gradients",
        answer,
        ({"w": torch.tensor([1.0, 2.0])}, [torch.tensor(3.0), torch.tensor(1.0)], torch.tensor(4)),
        {},
    )
    assert difference(trace["result"], torch.tensor(19.0)) == ""
    assert difference(trace["gradients"], [torch.tensor([6.0, 12.0]), torch.tensor(5.0), None]) == (
        ""
    )


@pytest.mark.parametrize("result", [None, 2.0])
def test_what_is_no_tensor_is_told_as_itself(result):
    assert drive("gradients", lambda x: result, (torch.ones(2),), {})["result"] is result

    class Answer(torch.nn.Module):
        def forward(self, x):
            return result

    assert drive("module", Answer, ({}, {}, [torch.ones(1)]), {})["output"] is result


def test_an_optimizer_is_built_stepped_and_leaves_its_inputs_alone():
    params = [torch.tensor([1.0, 2.0]), torch.tensor(0.0)]
    slopes = [[torch.ones(2), torch.tensor(2.0)], [torch.zeros(2), torch.tensor(-1.0)]]
    trace = drive("optimizer", torch.optim.SGD, (params, slopes, {"lr": 0.5}), {})
    want = [
        [torch.tensor([0.5, 1.5]), torch.tensor(-1.0)],
        [torch.tensor([0.5, 1.5]), torch.tensor(-0.5)],
    ]
    assert difference(trace, want) == ""
    assert params[0].tolist() == [1.0, 2.0]


def test_an_optimizer_with_momentum_keeps_its_state_between_steps():
    slopes = [[torch.tensor(1.0)]] * 3
    trace = drive(
        "optimizer",
        torch.optim.SGD,
        ([torch.tensor(0.0)], slopes, {"lr": 1.0, "momentum": 0.5}),
        {},
    )
    assert [row[0].item() for row in trace] == [-1.0, -2.5, -4.25]


def test_a_module_is_loaded_called_and_differentiated():
    state = {"weight": torch.tensor([[2.0, 3.0]]), "bias": torch.tensor([1.0])}
    options = {"in_features": 2, "out_features": 1}
    x = torch.tensor([[1.0, 10.0], [0.0, 1.0]])
    trace = drive("module", torch.nn.Linear, (options, state, [x]), {})
    want = {"weight": torch.tensor([[1.0, 11.0]]), "bias": torch.tensor([2.0])}
    assert difference(trace, {"output": torch.tensor([[33.0], [4.0]]), "gradients": want}) == ""


def test_a_module_with_other_names_is_a_crash_that_names_them():
    caller = local({"f": torch.nn.Linear})
    options = {"in_features": 1, "out_features": 1}
    reply = caller(Request("f", (options, {"w": torch.ones(1, 1)}, []), probe="module"))
    assert reply.status == "crashed"
    assert 'Unexpected key(s) in state_dict: "w"' in reply.crash.message


def test_training_steps_are_taken_with_a_real_optimizer():
    def train_step(optimizer, compute_loss):
        optimizer.zero_grad()
        loss = compute_loss()
        loss.backward()
        optimizer.step()
        return loss

    targets = [torch.zeros(1), torch.ones(1)]
    trace = drive("training_steps", train_step, (torch.ones(1), targets, "SGD", {"lr": 0.25}), {})
    # A gradient of 2 (w − t) and a rate of 1/4 halve the distance to each target.
    assert [w.item() for w in trace["weights"]] == [0.5, 0.75]
    assert [loss.item() for loss in trace["returned"]] == [1.0, 0.25]


def test_each_seed_is_a_fresh_generator():
    def answer(n, generator):
        return torch.randperm(n, generator=generator)

    first, again, other = drive("for_seeds", answer, ([1, 1, 2], 50), {})
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_refusal_is_told_by_its_name_and_a_stub_is_not_one():
    def stub(x):
        raise NotImplementedError()

    assert drive("refusal", len, ([],), {}) == "none"
    reply = local({"f": stub})(Request("f", (1,), probe="refusal"))
    assert reply.status == "not attempted"


def test_constrained_steps_go_through_every_group_and_show_the_memory():
    def answer(optimizer, compute_loss, factor):
        optimizer.zero_grad()
        loss = compute_loss()
        loss.backward()
        optimizer.step()
        return loss.item() * factor

    groups = [[torch.tensor([1.0])], [torch.tensor([0.0, 2.0])]]
    targets = [[torch.tensor([0.0]), torch.tensor([0.0, 0.0])]] * 2
    options = {"lr": 0.25, "momentum": 0.5}
    trace = drive("constrained_steps", answer, (groups, targets, "SGD", options, 10.0), {})
    assert trace["returned"][0] == 50.0  # 1 + 4, times 10
    assert difference(trace["weights"][0], [torch.tensor([0.5]), torch.tensor([0.0, 1.0])]) == ""
    assert [sorted(one) for one in trace["memory"]] == [["momentum_buffer"]] * 2
    assert groups[0][0].item() == 1.0
