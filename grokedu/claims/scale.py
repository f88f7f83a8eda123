"""How large experiments are: full, or small while tests run them (``GROKEDU_SCALE=test``)."""

from __future__ import annotations

import os


def scaled(full: int, test: int) -> int:
    """``full``, or ``test`` when the environment says ``GROKEDU_SCALE=test``.

    Raises:
        ValueError: the variable holds anything else.
    """
    scale = os.environ.get("GROKEDU_SCALE", "full")
    if scale not in ("full", "test"):
        raise ValueError(f"GROKEDU_SCALE is {scale!r}; wanted full or test")
    return full if scale == "full" else test
