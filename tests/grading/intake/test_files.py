from __future__ import annotations

from pathlib import Path

import pytest

from grokedu.grading.intake import files


def test_a_file_that_grows_while_it_is_read_is_not_read_past_the_cap(tmp_path: Path):
    (tmp_path / "x").write_bytes(b"123456")
    assert files.read_file(tmp_path / "x", most=6) == b"123456"
    with pytest.raises(files.Refused, match="longer"):
        files.read_file(tmp_path / "x", most=5)


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_else(tmp_path: Path):
    file = tmp_path / "file"
    files.write_durably(file, "old", 0o444)
    assert file.stat().st_mode & 0o777 == 0o444
    with pytest.raises(UnicodeEncodeError):
        files.write_durably(file, "new \ud800", 0o444)
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
