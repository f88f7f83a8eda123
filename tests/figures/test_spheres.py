from __future__ import annotations

import io
import re
from collections.abc import Callable

import numpy as np
import pytest
from matplotlib import image

from grokedu import figures
from grokedu.claims import effective_learning_rate, flatness, mnist_grokking, norm_balance, rays
from grokedu.figures.style import Described
from grokedu.sphere import Landscape
from grokedu.training.runs import Runs


def landscape() -> Described:
    alphas, seeds = np.array([0.1, 1.0, 10.0]), np.arange(3.0)
    error = np.array([0.9, 0.1, 0.7])[None, :, None] + 0.01 * seeds
    both = np.concatenate([error, error / 2])
    return figures.landscape(
        Landscape(
            alphas, np.array([200.0, 2000.0]), seeds, both / 10, both / 5, 1 - both / 4, 1 - both,
            both,
        ),
        title="a title",
    )  # fmt: skip


def alpha_point() -> Described:
    alphas, error = np.array([0.1, 1.0, 10.0]), np.array([0.9, 0.1, 0.7])[None, :, None]
    both = error + 0.01 * np.arange(3.0)
    found = Landscape(
        alphas, np.array([200.0]), np.arange(3.0), both, both, 1 - both / 2, 1 - both, both
    )
    return figures.alpha_point(found, 10.0, live=(0.3, 0.68), title="a title")


def radius() -> Described:
    radii = np.geomspace(5, 200, 9)
    along = {
        "memorised": rays.Ray(radii / 10, np.full(9, 0.25), 50.0),
        "generalised": rays.Ray(1 / radii, np.full(9, 1.0), 50.0),
    }
    return rays.figure(radii, along, title="a title")


def delays() -> Described:
    nan = float("nan")
    return figures.delays(
        {
            "sphere": figures.Arm(np.array([200.0, 220.0]), np.array([230.0, 250.0]), 600),
            "free": figures.Arm(np.array([100.0, nan]), np.array([nan, nan]), 1000),
        },
        title="a title",
    )


def orbit() -> Described:
    beta = flatness.BETAS.numpy()[:, None]
    norms, tops = np.sqrt(beta**2 + 4 / beta**2), beta**2 + beta**-2
    return flatness.draw(flatness.Found(tops, norms, np.array([0.3]), 0.0))


def accuracy_and_norm() -> Described:
    steps = np.array([0, 1, 10, 100, 1000])
    train = np.array([0.1, 0.2, 1.0, 1.0, 1.0])[:, None] * np.ones(3)
    test = np.array([0.1, 0.1, 0.2, 0.5, 0.9])[:, None] * np.ones(3)
    norm = np.array([90, 90, 80, 70, 50])[:, None] * np.ones(3)
    history = {"train_accuracy": train, "test_accuracy": test, "l2_norm": norm}
    runs = Runs(steps=steps, history=history, labels={"seed": np.arange(3)})
    return mnist_grokking.figure(runs, title="a title")


def remedies() -> Described:
    row = {"train_loss": np.array([0.3, 0.4]), "train_error": np.array([0.5, 0.6])}
    row["test_error"] = np.array([0.7, 0.8])
    return effective_learning_rate.figure({"α = 8": row, "rate × 8": row}, title="a title")


def balance() -> Described:
    norms = {"W_V": np.array([3.0, 3.1]), "W_O": np.array([2.0, 2.1]), "W_E": np.array([5.0, 5.0])}
    ends = {name: values / 2 for name, values in norms.items()}
    return norm_balance.draw_norms(norms, ends, [("W_V", "W_O")], title="a title")


DRAWN = {
    "landscape": (landscape, "test error is least at α = 1 (0.11), and 0.71 at α = 10"),
    "alpha point": (
        alpha_point,
        "test error 0.71 (0.70 to 0.72), over 3 seeds. A run trained just",
    ),
    "radius": (radius, "least 0.5 at 5, 20 at 200; accuracy 0.25"),
    "delays": (delays, "sphere: fitted at 210, generalised at 240"),
    "orbit": (orbit, "least at β = 1.4"),
    "accuracy and norm": (
        accuracy_and_norm,
        "at the median step 10 .* with a test accuracy of 0.2",
    ),
    "remedies": (remedies, "α = 8: train loss 0.35, train error 0.55, test error 0.75"),
    "balance": (balance, "W_V to W_O 1.4"),
}


@pytest.mark.parametrize("name", list(DRAWN))
def test_a_picture_with_units_and_an_alt_text_from_the_data(
    name: str, assert_nothing_is_cut_off: Callable[[Described], None]
) -> None:
    draw, words = DRAWN[name]
    figure = draw()
    assert len(figure.alt) > 80
    assert "nan" not in figure.alt
    assert all(axes.get_xlabel() for axes in figure.axes)
    assert_nothing_is_cut_off(figure)
    pixels = image.imread(io.BytesIO(figure.png(dpi=50)))
    assert pixels[..., :3].std() > 0.02
    assert re.search(words.replace("(", r"\(").replace(")", r"\)"), figure.alt)


def test_censored_runs_are_told() -> None:
    assert "free: fitted at 100, 0 of 2 generalised by step 1000" in delays().alt


def test_a_point_that_is_not_on_the_landscape_is_refused() -> None:
    values = np.zeros((2, 1, 1))
    found = Landscape(np.ones(1), np.array([1.0, 2.0]), np.zeros(1), *[values] * 5)
    with pytest.raises(ValueError, match="wanted one size"):
        figures.alpha_point(found, 1.0)
