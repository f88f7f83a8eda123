"""Every test here runs commands that grade, and those need a sandbox."""

from __future__ import annotations

import pytest

from grokedu.grading.sandbox.sandbox import why_not


@pytest.fixture(scope="session", autouse=True)
def sandbox() -> None:
    if why_not():
        pytest.skip(why_not())
