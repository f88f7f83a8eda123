"""What every test stands on: a home of its own, one thread, no screen; a skip fails in CI."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
_LEFT_OUT = pytest.StashKey[int]()


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


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stop-at", type=float, metavar="TIME", help="start no test after TIME, in Unix seconds"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_LEFT_OUT] = 0


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Leave a test out, without a report, once the time is over."""
    stop_at = item.config.getoption("--stop-at")
    if stop_at is None or time.time() < stop_at:
        return None
    item.config.stash[_LEFT_OUT] += 1
    return True


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add what a worker of pytest-xdist left out."""
    node.config.stash[_LEFT_OUT] += getattr(node, "workeroutput", {}).get("left_out", 0)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if left_out := config.stash[_LEFT_OUT]:
        terminalreporter.write_line(
            f"{left_out} tests further from the change were left out: the time is over"
        )


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = session.config.stash[_LEFT_OUT]
    if os.environ.get("GROKEDU_CI") != "1" or hasattr(session.config, "workerinput"):
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if reporter and skipped and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line(
            f"{len(skipped)} skipped: with GROKEDU_CI=1 that is a failure", red=True
        )
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
