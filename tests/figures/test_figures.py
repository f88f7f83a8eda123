from __future__ import annotations

import io
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import image

from grokedu import figures
from grokedu.claims import critical_fraction, plain_metrics, weight_decay_law
from grokedu.figures import live
from grokedu.figures.style import SERIES, Described
from grokedu.training.runs import Runs


def synthetic(**change: Any) -> Runs:
    """Two learning rates × three weight decays × two fractions × three seeds, known in closed form.

    Fitted at step 10; generalised at 300 / weight decay where the fraction is 0.5 and that is
    within 1000 steps.
    """
    steps = np.array([0, 1, 10, 30, 100, 300, 1000])
    grid = [
        (lr, decay, fraction, seed)
        for lr in (0.003, 0.01)
        for decay in (0.1, 1.0, 3.0)
        for fraction in (0.2, 0.5)
        for seed in range(3)
    ]
    lr, decay, fraction, seed = (np.array(column) for column in zip(*grid, strict=True))
    late = np.where(fraction == 0.5, 300 / decay, np.inf)
    done = steps[:, None] >= late
    history = {
        "train_accuracy": np.where(steps[:, None] >= 10, 1.0, 0.1) * np.ones(len(grid)),
        "test_accuracy": np.where(done, 1.0, 0.1),
        "train_loss": 1.0 / (1 + steps[:, None]) * np.ones(len(grid)),
        "test_loss": np.where(done, 0.01, 4.0) / (1 + np.arange(7)[:, None]),
        "train_log_prob": -np.log(31) - np.arange(7)[:, None] * np.ones(len(grid)),
        "test_log_prob": -np.log(31) - np.arange(7)[:, None] * np.ones(len(grid)),
        "l2_norm": 10.0 + np.arange(7)[:, None] * np.ones(len(grid)),
        "norm_A": 6.0 + np.arange(7)[:, None] * np.ones(len(grid)),
    }
    labels = {"lr": lr, "weight_decay": decay, "fraction": fraction, "seed": seed}
    return Runs(steps=steps, history=history | change, labels=labels)


@pytest.fixture(scope="module")
def runs() -> Runs:
    return synthetic()


DRAWN = {
    "curves": lambda r: figures.curves(r.select(lr=0.01, weight_decay=1.0, fraction=0.5)),
    "curves of censored runs": lambda r: figures.curves(r.select(fraction=0.2)),
    "curves of one run": lambda r: figures.curves(r.take([0])),
    "norms": lambda r: figures.norms(r.select(fraction=0.5), title="a title"),
    "norms of censored runs": lambda r: figures.norms(r.select(fraction=0.2)),
    "law": lambda r: weight_decay_law.figure(r.select(fraction=0.5)),
    "law of censored runs": lambda r: weight_decay_law.figure(r.select(fraction=0.2)),
    "fraction": lambda r: critical_fraction.figure(r.select(lr=0.01)),
    "metrics": lambda r: plain_metrics.figure(r.select(weight_decay=3.0, fraction=0.5)),
}


@pytest.mark.parametrize("name", list(DRAWN))
def test_every_figure_is_a_picture_with_units_and_an_alt_text(
    runs: Runs, name: str, assert_nothing_is_cut_off: Callable[[Described], None]
) -> None:
    figure = DRAWN[name](runs)
    assert isinstance(figure, Described)
    assert len(figure.alt) > 80
    assert "nan" not in figure.alt
    assert all(axes.get_xlabel() for axes in figure.axes)
    assert_nothing_is_cut_off(figure)
    pixels = image.imread(io.BytesIO(figure.png(dpi=50)))
    assert pixels[..., :3].std() > 0.02
    data, metadata = figure.bundle()
    assert metadata["image/png"]["alt"] == data["text/plain"] == figure.alt


def test_the_alt_text_is_computed_from_the_data(runs: Runs) -> None:
    one = runs.select(lr=0.01, weight_decay=1.0, fraction=0.5)
    assert "fitted at 10, generalised at 300, 30 times later" in figures.curves(one).alt
    late = figures.curves(runs.select(weight_decay=0.1)).alt
    assert "fitted at 10, not generalised by step 1000" in late
    law = weight_decay_law.figure(runs.select(fraction=0.5)).alt
    assert "0.1: 3 of 3 censored" in law
    assert "1: 290 steps" in law
    assert "100% at 0.5" in critical_fraction.figure(runs.select(lr=0.01)).alt


def test_censored_runs_are_drawn_as_open_triangles(runs: Runs) -> None:
    axes = weight_decay_law.figure(runs.select(fraction=0.5)).axes[0]
    triangles = [c for c in axes.collections if not len(c.get_facecolor()) and len(c.get_offsets())]
    assert sum(len(c.get_offsets()) for c in triangles) == 6  # weight decay 0.1, both rates


def test_rank_correlations_leave_step_zero_out(runs: Runs) -> None:
    one = runs.select(weight_decay=3.0, fraction=0.5)
    steps = plain_metrics.spacings(one)["log"]
    assert 0 not in steps
    np.testing.assert_allclose(plain_metrics.correlations(one, "l2_norm", steps), -1.0)
    np.testing.assert_allclose(plain_metrics.correlations(one, "train_loss", steps), 1.0)


def test_series_differ_in_more_than_colour() -> None:
    assert len({str(style["ls"]) for style in SERIES}) == len(SERIES)
    assert len({style["marker"] for style in SERIES}) == len(SERIES)


def test_a_figure_is_written_whole_and_shown_as_text_outside_notebooks(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figure = figures.curves(runs.take([0]))
    figure.write(tmp_path / "deep" / "curves.png")
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["curves.png"]
    assert re.match(rb"\x89PNG", (tmp_path / "deep" / "curves.png").read_bytes())
    figures.show(figure)
    assert capsys.readouterr().out.strip() == figure.alt


def test_live_curves_draw_at_most_ten_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    updates: list[Any] = []

    class Handle:
        update = staticmethod(lambda data, **_: updates.append(data))

    def display(data: Any, **_: Any) -> Handle:
        updates.append(data)
        return Handle()

    monkeypatch.setattr(live, "in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", display)
    clock = iter(np.arange(0, 1000, 0.001))
    monkeypatch.setattr("time.monotonic", partial(next, clock))
    follow = figures.LiveCurves()
    runs = synthetic()
    for at in range(200):
        follow(at, {name: values[at % 7] for name, values in runs.history.items()})
    assert 1 <= follow.drawn == len(updates) <= 3
    follow.finish()
    assert len(updates) == follow.drawn
