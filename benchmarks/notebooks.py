"""What each lesson takes: the whole answer key at full scale, and what grading runs of it.

Wall-clock seconds on this machine as it is; the median of three for grading. The peak is the
kernel's own resident memory.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import Any

import nbformat

from grokedu.classroom.execute import execute, scores
from grokedu.lessons import available, find

SOLUTIONS = Path(__file__).parents[1] / "solutions"
PEAK = 'print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")))'


def measure() -> list[dict[str, Any]]:
    """One row a lesson."""
    rows = []
    for name in available():
        print(f"running {name} ...", file=sys.stderr)
        notebook = nbformat.read(SOLUTIONS / name / f"{name}.ipynb", as_version=4)
        notebook.cells.append(nbformat.v4.new_code_cell(PEAK, id="peak"))
        seconds = _seconds(notebook, {"GROKEDU_SCALE": "full"})
        peak = int(notebook.cells[-1].outputs[0].text.split()[1]) / 1000
        earned = scores(notebook).values()
        graded = [_seconds(notebook, {"GROKEDU_GRADING_SEED": str(seed)}) for seed in range(3)]
        rows.append(
            {
                "lesson": name,
                "exercises": len(find(name).exercises),
                "points": f"{sum(got for got, _ in earned):g}/{find(name).max_points:g}",
                "run s": round(seconds, 1),
                "peak MB": round(peak),
                "grade s": round(statistics.median(graded), 1),
            }
        )
    return rows


def _seconds(notebook: nbformat.NotebookNode, env: dict[str, str]) -> float:
    started = time.monotonic()
    execute(notebook, env=env)
    return time.monotonic() - started
