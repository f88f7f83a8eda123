"""Every chain's own stream of random numbers, held in the state as tensors.

A chain draws the same numbers, bit for bit, alone and beside others, on a CPU and on a GPU. They
are drawn on the CPU and in blocks of steps, because a call for each chain at each step would cost
more than the step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from grokedu.models.parameters import State
from grokedu.tasks import random_stream

BLOCK = 2**14  # normals of a chain drawn in one go
LONGEST = 256  # steps in a block


class Drawn(NamedTuple):
    """What one step may use: normals (C, d), uniforms in [0, 1) (C,), rows (C, b) or None."""

    normals: Tensor
    uniforms: Tensor
    rows: Tensor | None


def open_streams(seeds: Sequence[int], position: Tensor, batch_size: int | None = None) -> State:
    """The part of a state that draws for chains at ``position``, (C, d).

    Raises:
        ValueError: if there is not one seed a chain.

    >>> seeds, two = [3, 4], torch.zeros(2, 5)
    >>> both, _ = draw(open_streams(seeds, two))
    >>> alone, _ = draw(open_streams(seeds[1:], two[1:]))
    >>> torch.equal(both.normals[1:], alone.normals)
    True
    """
    chains, size = position.shape
    if len(seeds) != chains:
        raise ValueError(f"got {len(seeds)} seeds for {chains} chains; wanted one a chain")
    steps = max(1, min(LONGEST, BLOCK // size))
    state = {
        "stream": torch.stack([random_stream(seed, "chain").get_state() for seed in seeds]),
        "normals": position.new_empty(chains, steps, size),
        "uniforms": position.new_empty(chains, steps, dtype=torch.float64),
        "drawn": torch.tensor(steps),  # of the block; all of it, so that the first draw fills it
    }
    if batch_size is not None:
        state["rows"] = position.new_empty(chains, steps, batch_size, dtype=torch.int64)
    return state


def draw(state: State, examples: int | None = None) -> tuple[Drawn, State]:
    """What the next step uses, and the state after it.

    Args:
        state: with what :func:`open_streams` gave.
        examples: how many examples rows are drawn from, with replacement, where there is a batch.

    >>> drawn, state = draw(open_streams([3, 4], torch.zeros(2, 5), batch_size=2), examples=10)
    >>> drawn.normals.shape, drawn.uniforms.shape, drawn.rows.shape, int(state["drawn"])
    (torch.Size([2, 5]), torch.Size([2]), torch.Size([2, 2]), 1)
    """
    at, steps = int(state["drawn"]), state["normals"].shape[1]
    if at == steps:
        state, at = state | _block(state, examples), 0
    drawn = Drawn(
        state["normals"][:, at],
        state["uniforms"][:, at],
        state["rows"][:, at] if "rows" in state else None,
    )
    return drawn, state | {"drawn": torch.tensor(at + 1)}


def _block(state: State, examples: int | None) -> State:
    generator = torch.Generator()
    found: dict[str, list[Tensor]] = {}
    for stream in state["stream"]:
        generator.set_state(stream.clone())  # torch reads a view from where its memory begins
        for name in ("normals", "uniforms", "rows"):
            if name not in state:
                continue
            like = torch.empty(state[name].shape[1:], dtype=state[name].dtype)
            if name == "normals":
                like.normal_(generator=generator)
            elif name == "uniforms":
                like.uniform_(generator=generator)
            else:
                like.random_(0, examples, generator=generator)
            found.setdefault(name, []).append(like)
        found.setdefault("stream", []).append(generator.get_state())
    return {name: torch.stack(each).to(state[name].device) for name, each in found.items()}
