"""What each lesson takes: the whole answer key at full scale, and the grading of one submission.

Wall-clock seconds on this machine as it is; the peak is the kernel's own resident memory. ``grade
s`` is what a further submission adds to ``grokedu grade`` with one job, the median of three rounds
of one and six submissions; ``cold s`` is the answer key's checks in a kernel of their own, started
and shut down, most of which is importing torch.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat

from benchmarks.grading import course_of, run
from benchmarks.submissions import submissions
from grokedu.classroom.writing.execute import execute, scores
from grokedu.lessons import available, find

SOLUTIONS = Path(__file__).parents[1] / "solutions"
ROUNDS, MORE = 3, 5
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
        cold = [_seconds(notebook, {"GROKEDU_GRADING_SEED": str(seed)}) for seed in range(ROUNDS)]
        added = [(_graded(name, 1 + MORE) - _graded(name, 1)) / MORE for _ in range(ROUNDS)]
        rows.append(
            {
                "lesson": name,
                "exercises": len(find(name).exercises),
                "points": f"{sum(got for got, _ in earned):g}/{find(name).max_points:g}",
                "run s": round(seconds, 1),
                "peak MB": round(peak),
                "grade s": round(statistics.median(added), 1),
                "cold s": round(statistics.median(cold), 1),
            }
        )
    return rows


def _graded(name: str, students: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        course = course_of(name, Path(folder, "course"), [*submissions(name, students)])
        return run(course, "grokedu.cli", "grade", name, "--jobs", "1")


def _seconds(notebook: nbformat.NotebookNode, env: dict[str, str]) -> float:
    started = time.monotonic()
    execute(notebook, env=env)
    return time.monotonic() - started
