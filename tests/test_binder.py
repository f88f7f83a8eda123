from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.binder


def rendered(folder: Path) -> subprocess.CompletedProcess[str]:
    """The Dockerfile that Binder would build, rendered without Docker."""
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug"]
    command += ["--user-id", "1000", "--user-name", "jovyan", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_binder_installs_the_package_after_the_repository_is_copied(root):
    run = rendered(root)
    assert run.returncode == 0, run.stderr[-2000:]
    dockerfile = run.stdout + run.stderr
    assert "Building conda environment for python=3.11" in dockerfile
    copied = dockerfile.index("COPY --chown=1000:1000 src/ ")
    assert copied < dockerfile.index('install --no-cache-dir -r "binder/requirements.txt"')


def test_a_wrong_configuration_is_noticed(tmp_path):
    (tmp_path / "binder").mkdir()
    (tmp_path / "binder" / "runtime.txt").write_text("python-9.9\n")
    assert rendered(tmp_path).returncode != 0


def test_binder_takes_the_version_of_torch_that_is_pinned(root):
    pinned = [
        line for line in (root / "constraints.txt").read_text().splitlines() if "torch" in line
    ]
    assert f"{pinned[0]}+cpu" in (root / "binder" / "requirements.txt").read_text().splitlines()
