"""Time limits count no imports: on a busy machine these take longer than any limit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
GRADER = """
import sys
from pathlib import Path
from grokedu.grading.judging.assess import Grader
from grokedu.grading.judging.plan import make_plan
from grokedu.lessons import find

release = Path("course/01_grokking/01_grokking.ipynb")
grader = Grader(make_plan("01_grokking", find, release, 20260101, confined=False))
if {warm}:
    grader.sandbox.close()
before = set(sys.modules)
for exercise in grader.lesson.exercises.values():
    exercise.expected(exercise.make_cases(7, "grading"))
print(len([name for name in set(sys.modules) - before if name.startswith("torch.")]))
"""


def loaded_late(warm: bool) -> int:
    """How many of torch's modules are imported while references run."""
    done = subprocess.run(
        [sys.executable, "-c", GRADER.format(warm=warm)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return int(done.stdout)


def test_no_reference_waits_for_torch_once_the_sandbox_is_asked_for():
    assert loaded_late(warm=True) == 0
    assert loaded_late(warm=False) > 0
