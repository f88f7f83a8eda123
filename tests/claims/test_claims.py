from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from grokedu import claims as reproduce
from grokedu.claims import results
from grokedu.claims.norm_and_grokking import norm_path
from grokedu.claims.page import claims_page
from grokedu.claims.weight_decay_law import law
from grokedu.training.runs import Runs

FROM_THE_ENSEMBLE = ("weight-decay-law", "critical-fraction", "norm-and-grokking", "plain-metrics")


def test_each_claim_writes_numbers_verdict_provenance_and_a_figure(tmp_path: Path) -> None:
    for name in FROM_THE_ENSEMBLE:
        reproduce.reproduce(name, quick=True, progress=False, folder=tmp_path)
        written = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
        assert written["verdict"] in ("holds", "holds in a window", "fails")
        assert {"claim", "published", "says", "command", "seeds", "versions"} <= set(written)
        assert written["command"] == f"grokedu reproduce {name} --quick"
        assert "nan" not in written["says"]
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000


def test_quick_results_leave_the_full_ones_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for quick, folder in ((False, "results"), (True, "results/quick")):
        reproduce.main("norm-and-grokking", quick=quick, progress=False)
        assert (
            results.read(Path(folder), "norm-and-grokking")["command"].endswith("--quick") == quick
        )


def test_the_page_of_claims_is_made_from_the_results(root: Path, tmp_path: Path) -> None:
    kept = (root / "docs/claims.md").read_text(encoding="utf-8")
    assert claims_page(reproduce.CLAIMS, root / "results") == kept
    assert "not run | not run" not in kept
    pictures = re.findall(r"^!\[(.+)\]\((.+)\)$", kept, re.M)
    assert len(pictures) == len(reproduce.CLAIMS)
    assert all(len(alt) > 80 and (root / "docs" / path).exists() for alt, path in pictures)


def test_a_page_tells_sizes_apart(tmp_path: Path) -> None:
    row = {"verdict": "fails", "says": "7 of 9", "published": "9 of 9"}
    results.write(tmp_path / "quick", "a", row)
    page = claims_page({"a": "all", "b": "none"}, tmp_path)
    assert "| [a](#a): all | fails | not run |" in page
    assert "| b: none | not run | not run |" in page
    results.write(tmp_path, "a", row | {"verdict": "holds", "says": "9 of 9"})
    page = claims_page({"a": "all", "b": "none"}, tmp_path)
    assert "| [a](#a): all | fails | holds |" in page
    assert "Here, quick, **fails**: 7 of 9." in page


def test_modular_grokking_holds(tmp_path: Path) -> None:
    result = reproduce.reproduce(
        "modular-grokking", quick=True, progress=False, folder=tmp_path, figure=False
    )
    assert result["verdict"] == "holds"
    assert result["grokked"] == result["runs"] == 5
    assert result["ratio"]["low"] >= 20


def test_the_list_and_an_unknown_name(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert reproduce.main(None) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in [*reproduce.CLAIMS, "ensemble"])
    with pytest.raises(ValueError, match="no claim is called 'x'; there are modular-grokking"):
        reproduce.main("x", folder=tmp_path)


def history(norms: list[list[float]], test: list[list[float]]) -> Runs:
    steps = np.array([0, 10, 100, 1000])
    ones = np.array([0.0, 1.0, 1.0, 1.0])[:, None] * np.ones(len(norms))
    return Runs(
        steps=steps,
        history={
            "train_accuracy": ones,
            "test_accuracy": np.array(test).T,
            "l2_norm": np.array(norms).T,
        },
        labels={"seed": np.arange(len(norms))},
    )


def test_the_norms_path_tells_rising_from_fallen_without_looking_ahead() -> None:
    runs = history(
        norms=[[1.0, 5.0, 6.0, 2.0], [1.0, 8.0, 6.0, 6.0]],
        test=[[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]],
    )
    path = norm_path(runs)
    assert path["at_fit"].tolist() == [5.0, 8.0]
    assert path["at_grok"].tolist() == [6.0, 6.0]
    assert path["peak"].tolist() == [6.0, 8.0]
    assert path["rose_all_the_way"].tolist() == [True, False]


def test_a_setting_of_the_norms_is_found_by_its_name(tmp_path: Path) -> None:
    reproduce.reproduce("norm-and-grokking", progress=False, folder=tmp_path, figure=False)
    setting = "norm-and-grokking.settings.lr_0_003_wd_3"
    assert results.lookup(tmp_path, f"{setting}.weight_decay") == 3
    assert results.lookup(tmp_path, f"{setting}.lr") == 0.003


def test_the_law_finds_a_slope_of_minus_one_and_leaves_censored_cells_out() -> None:
    steps = np.arange(0, 3001, 10)
    decays = np.repeat([0.1, 0.3, 1.0, 3.0], 4)
    late = np.where(decays == 0.1, np.inf, 600 / decays + 10)
    runs = Runs(
        steps=steps,
        history={
            "train_accuracy": (steps[:, None] >= 10) * np.ones(16),
            "test_accuracy": (steps[:, None] >= late).astype(float),
        },
        labels={"weight_decay": decays, "seed": np.tile(np.arange(4), 4)},
    )
    found = law(runs, resamples=50)
    assert found["slope"]["value"] == pytest.approx(-1)
    assert found["censored"] == 4
    assert [pair["from"] for pair in found["local_slopes"]] == [0.3, 1.0]


def test_the_laws_interval_is_over_seeds_and_open_where_a_median_may_be_censored() -> None:
    steps, seeds, decays = np.arange(0, 4001, 10), np.tile(np.arange(5), 2), np.repeat([0.5, 1], 5)
    late = 10 + (200 + 100 * seeds) / decays  # a slope of -1 whichever seeds are drawn
    history = {"train_accuracy": (steps[:, None] >= 10) * np.ones(10)}
    history["test_accuracy"] = (steps[:, None] >= late).astype(float)
    labels = {"weight_decay": decays, "seed": seeds}
    slope = law(Runs(steps, history, labels))["slope"]
    assert [slope[name] for name in ("low", "value", "high")] == pytest.approx([-1, -1, -1])
    history["test_accuracy"][:, seeds + 10 * decays == 5] = 0  # seed 0 at 0.5
    one = law(Runs(steps, history, labels))
    assert one["cells"][0]["censored"] == 1
    assert one["slope"]["low"] == -np.inf
    assert np.isfinite([one["slope"]["value"], one["slope"]["high"]]).all()
