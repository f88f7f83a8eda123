"""What `nbgrader autograde` needs of the course: kernels that know the instructor's grading seed.

The course is public, so a check that always took the same cases could be answered by heart. While
grading, cases come from a seed that only the instructor has; nothing else nbgrader runs has it.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path
from typing import Any

from nbgrader.converters import Autograde
from nbgrader.preprocessors import Execute
from nbgrader.utils import setenv
from traitlets import Unicode

SEED_VARIABLE = "GROKEDU_GRADING_SEED"


class SeededExecute(Execute):
    """nbgrader's `Execute`, with the grading seed in the environment of the kernel it starts."""

    seed_file = Unicode(
        "gradebook/seed", help="Where the grading seed is kept; made when it is not there."
    ).tag(config=True)

    def preprocess(self, nb: Any, resources: Any = None, km: Any = None) -> tuple[Any, Any]:
        """Execute a submission with the grading seed set, and with progress that is its own."""
        seed = str(grading_seed(Path(self.seed_file)))
        with (
            tempfile.TemporaryDirectory() as home,
            setenv(**{SEED_VARIABLE: seed, "GROKEDU_HOME": home}),
        ):
            return super().preprocess(nb, resources, km)


def grading_seed(file: Path) -> int:
    """The instructor's seed: ``$GROKEDU_GRADING_SEED``, or one in a file that only its owner reads.

    Raises:
        ValueError: what was set or kept is not a whole number.
    """
    given = os.environ.get(SEED_VARIABLE, "").strip()
    where = f"${SEED_VARIABLE}"
    if not given:
        where = str(file)
        _make_seed(file)
        given = file.read_text(encoding="ascii").strip()
    if not given.isdecimal():
        raise ValueError(f"{where} holds {given!r}; wanted a whole number, such as 20260101")
    return int(given)


def preprocessors() -> list[type]:
    """nbgrader's steps of grading, with `SeededExecute` for its `Execute`."""
    stock = Autograde.class_traits()["autograde_preprocessors"].default()
    return [SeededExecute if step is Execute else step for step in stock]


def _make_seed(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(f"{secrets.randbelow(2**31)}\n")
