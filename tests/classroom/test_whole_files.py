from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from grokedu.classroom.files import write_whole


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_file_gets_the_mode_that_open_gives(tmp_path: Path):
    write_whole(tmp_path / "whole", "text")
    assert (tmp_path / "whole").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("mode", [None, 0o444])
def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_else(
    mode: int | None, tmp_path: Path
):
    file = tmp_path / "whole"
    write_whole(file, "old", mode, durable=mode is not None)
    if mode is not None:
        assert file.stat().st_mode & 0o777 == mode
    with pytest.raises(UnicodeEncodeError):
        write_whole(file, "new \ud800", mode)
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]
