"""What every test stands on: a home of its own, one thread, no screen; a skip fails in CI."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grokedu.figures.style import Described

# Before torch is imported, and for every process that a test starts.
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
_HOME = tempfile.TemporaryDirectory(prefix="grokedu-tests-")
for _name in ("GROKEDU_HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR"):
    os.environ[_name] = str(Path(_HOME.name, _name.lower()))
for _name in ("GROKEDU_GRADING_SEED", "GROKEDU_LESSONS", "NBGRADER_EXECUTION"):
    os.environ.pop(_name, None)

import hypothesis  # noqa: E402
import matplotlib as mpl  # noqa: E402
import pytest  # noqa: E402

# Not by the environment: notebooks that tests execute draw inline.
mpl.use("agg")
hypothesis.settings.register_profile("tests", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("tests")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for progress, empty for every test."""
    folder = tmp_path / "grokedu-home"
    monkeypatch.setenv("GROKEDU_HOME", str(folder))
    return folder


@pytest.fixture
def assert_nothing_is_cut_off() -> Callable[[Described], None]:
    """Fails where a label or a legend reaches over the picture's edge."""

    def check(figure: Described) -> None:
        box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        assert min(box.x0, box.y0) >= 0, f"cut off at the left or below: {box}"
        assert box.x1 <= width, f"cut off at the right: {box}"
        assert box.y1 <= height, f"cut off above: {box}"

    return check


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if os.environ.get("GROKEDU_CI") != "1" or hasattr(session.config, "workerinput"):
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if skipped and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line(
            f"{len(skipped)} skipped: with GROKEDU_CI=1 that is a failure", red=True
        )
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
