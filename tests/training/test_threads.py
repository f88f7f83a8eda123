"""How cores share the work: the same numbers, and torch's own setting is given back."""

from __future__ import annotations

import threading

import pytest
import torch

from grokedu.models import Transformer, TwoLayer
from grokedu.tasks import make_task
from grokedu.training import examples, threads, train


@pytest.mark.parametrize("model", [TwoLayer(7, 16), Transformer(7, 8, 2, 16)])
def test_a_step_in_halves_is_the_same_but_for_rounding(
    model: TwoLayer | Transformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def weights() -> dict[str, torch.Tensor]:
        tasks = [make_task("modular_addition", 7, part, 0) for part in (0.5, 0.8)]
        runs = train(model, tasks, seeds=2, steps=30, progress=False, dtype=torch.float64)
        return runs.params

    def watched(parts: list[threads.Gradient]) -> threads.Gradient:
        used.append(parts)
        return threads.shared(parts)

    whole, used = weights(), []
    monkeypatch.setattr(examples, "WORTH_SHARING", 0)
    monkeypatch.setattr(
        examples, "shared", lambda parts: used.append(parts) or threads.shared(parts)
    )
    halves = weights()
    assert [len(parts) for parts in used] == [threads.HALVES]
    for name, tensor in whole.items():
        torch.testing.assert_close(halves[name], tensor, rtol=1e-9, atol=1e-11)


def test_torch_gets_its_threads_back_even_after_an_error() -> None:
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), threads.one_thread():
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        list(threads.in_threads(lambda x: 1 / x, [1, 0]))
    assert torch.get_num_threads() == before


def test_so_many_threads_as_are_asked_for_share_the_items_in_order() -> None:
    meet = threading.Barrier(2, timeout=30)  # passes only where two are at it at once
    with threads.one_thread():
        found = [*threads.in_threads(lambda x: (meet.wait(), x)[1], range(4), threads=2)]
        assert torch.get_num_threads() == 1
    assert found == [0, 1, 2, 3]


def test_an_error_in_a_half_is_told() -> None:
    def fails(params: object) -> dict[str, torch.Tensor]:
        raise RuntimeError("no such half")

    with pytest.raises(RuntimeError, match="no such half"):
        threads.shared([fails, fails])({})
