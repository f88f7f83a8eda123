from __future__ import annotations

from pathlib import Path

import pytest

from grokedu.grading.intake import reading


def test_a_file_that_grows_while_it_is_read_is_not_read_past_the_cap(tmp_path: Path):
    (tmp_path / "x").write_bytes(b"123456")
    assert reading.read_file(tmp_path / "x", most=6) == b"123456"
    with pytest.raises(reading.Refused, match="longer"):
        reading.read_file(tmp_path / "x", most=5)
