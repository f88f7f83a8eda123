"""devinterp in an environment of its own: set up once in the user's cache, then asked by lines."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from platformdirs import user_cache_path

VERSION = "1.3.2"
CONSTRAINTS = Path(__file__).parent.parent / "constraints.txt"
SCRIPT = Path(__file__).with_name("devinterp_chains.py")


def environment() -> tuple[Path | None, str]:
    """The interpreter of devinterp's environment, set up if need be; or None, and why not."""
    folder = user_cache_path("grokedu", appauthor=False) / f"devinterp-{VERSION}"
    windows = os.name == "nt"
    python = folder / ("Scripts/python.exe" if windows else "bin/python")
    ready = folder / "ready"
    if ready.exists():
        return python, ""
    index = os.environ.get("TORCH_INDEX", "" if windows else "https://download.pytorch.org/whl/cpu")
    install = [str(python), "-m", "pip", "install", "-q", "-c", str(CONSTRAINTS)]
    install += ["--extra-index-url", index] if index and not os.environ.get("CI") else []
    print(f"setting up devinterp {VERSION} in {folder}, once, some minutes ...", file=sys.stderr)
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [*install, "torch", f"devinterp=={VERSION}"],
        [str(python), "-c", "import devinterp.slt.sampler"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
            return None, f"devinterp {VERSION} could not be set up: {said[-1]}"
    ready.touch()
    return python, ""


class Devinterp:
    """A process of :mod:`benchmarks.devinterp_chains`, open as long as the ``with`` block.

    Raises:
        RuntimeError: from :meth:`run`, if the process ended.
    """

    def __init__(self, python: Path) -> None:
        self.process = subprocess.Popen(
            [str(python), str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Devinterp:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if kind is not None:
            self.process.kill()
        self.process.communicate()

    def run(self, **job: Any) -> dict[str, Any]:
        """The result of a job, with nan for a chain that diverged."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"devinterp's process ended, with status {self.process.wait()}")
        result = json.loads(answer)
        return result | {"value": math.nan if result["value"] is None else result["value"]}
