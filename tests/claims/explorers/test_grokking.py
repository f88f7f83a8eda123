from __future__ import annotations

from typing import Any

import pytest

from grokedu.claims.artifacts import load_ensemble
from grokedu.claims.explorers import GrokkingExplorer


@pytest.fixture(scope="module")
def explorer() -> GrokkingExplorer:
    return GrokkingExplorer()


def controls(explorer: GrokkingExplorer) -> dict[str, Any]:
    return {one.description: one for one in explorer.widget.children[0].children}


def test_moving_a_control_redraws_with_a_new_alt_text(explorer: GrokkingExplorer) -> None:
    picture = explorer.widget.children[1]
    seen = set()
    by_name = controls(explorer)
    for decay in (0.1, 0.3, 3.0):
        by_name["Weight decay"].value = decay
        seen.add(picture.value)
    by_name["Seed"].value = 1
    seen.add(picture.value)
    assert len(seen) == 4
    assert "Two panels of train and test curves of 1 run" in picture.value


def test_values_that_are_not_there_are_refused(explorer: GrokkingExplorer) -> None:
    with pytest.raises(ValueError, match="no run has"):
        GrokkingExplorer(weight_decay=0.77)
    bare = load_ensemble().select(seed=0)
    bare.labels.pop("fraction")
    with pytest.raises(ValueError, match="no label fraction"):
        GrokkingExplorer(bare)
