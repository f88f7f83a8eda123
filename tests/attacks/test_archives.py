"""Archives that try something: what is sound in them is taken, and nothing lands elsewhere."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from grokedu.grading.intake import intake
from grokedu.grading.intake.intake import handed_in
from tests.attacks.corpus import TOY, solved, written

pytestmark = pytest.mark.attacks
NOTEBOOK = written(solved())


def entry(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def hostile() -> bytes:
    """One archive of a class: honest hand-ins, and every kind that is none."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for student in ("ada", "ben"):
            archive.writestr(entry(f"{student}/{TOY}.ipynb"), NOTEBOOK)
        for name in (
            "../escaped.ipynb",
            "/escaped/escaped.ipynb",
            "eve/../../escaped.ipynb",
            "eve\\..\\..\\escaped.ipynb",
            "C:/escaped/escaped.ipynb",
            f"../submitted/ada/{TOY}/{TOY}.ipynb",
        ):
            archive.writestr(entry(name), b"{}")
        archive.writestr(entry(f"linker/{TOY}.ipynb", stat.S_IFLNK | 0o777), "../../ada/seed")
        archive.writestr(entry(f"piper/{TOY}.ipynb", stat.S_IFIFO | 0o644), b"")
        archive.writestr(entry(f"bomber/{TOY}.ipynb"), bytes(2**28))
        archive.writestr(entry(f"twin/{TOY}.ipynb"), NOTEBOOK)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr(entry(f"twin/{TOY}.ipynb"), b"{}")
        archive.writestr(entry(f"liar/{TOY}.ipynb"), bytes(2**27))
        archive.writestr(entry(f"locked/{TOY}.ipynb"), NOTEBOOK)
        archive.writestr(entry("nested/work.zip"), b"PK\x03\x04")
    return _locked(_lying(made.getvalue()))


def _central(content: bytes, name: str) -> int:
    """Where the archive's list tells of a file."""
    return content.index(b"PK\x01\x02", content.rindex(name.encode()) - 60)


def _lying(content: bytes) -> bytes:
    """The archive with a file that says it is a hundred bytes long, and unpacks to many more."""
    at = _central(content, f"liar/{TOY}.ipynb")
    return content[: at + 24] + struct.pack("<I", 100) + content[at + 28 :]


def _locked(content: bytes) -> bytes:
    """The archive with a file that says it has a password."""
    at = _central(content, f"locked/{TOY}.ipynb")
    return content[: at + 8] + struct.pack("<H", 1) + content[at + 10 :]


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[intake.Taken]]:
    world = tmp_path_factory.mktemp("class")
    source = world / "downloads" / "submissions.zip"
    source.parent.mkdir()
    source.write_bytes(hostile())
    return world, intake.collect(source, TOY, world / "gradebook" / "submitted")


def test_honest_work_is_taken(taken: tuple[Path, list[intake.Taken]]) -> None:
    world, reports = taken
    outcomes = {each.student: each.outcome for each in reports if each.student}
    assert outcomes["ada"] == outcomes["ben"] == intake.Arrival.TAKEN
    found = sorted(path for path in world.rglob("*.ipynb"))
    folder = world / "gradebook" / "submitted"
    assert found == [folder / student / TOY / f"{TOY}.ipynb" for student in ("ada", "ben")]
    assert all(path.read_bytes() == NOTEBOOK for path in found)


@pytest.mark.parametrize("student", ["linker", "piper", "bomber", "twin", "liar", "locked"])
def test_what_is_none_is_refused_with_a_reason(
    taken: tuple[Path, list[intake.Taken]], student: str
) -> None:
    [report] = [each for each in taken[1] if each.student == student]
    assert report.outcome == intake.Arrival.REFUSED
    assert report.problem


def test_refused_students_come_to_review(taken: tuple[Path, list[intake.Taken]]) -> None:
    world, reports = taken
    read = {each.student: each for each in handed_in(world / "gradebook/submitted", TOY, reports)}
    assert {"ada", "ben", "linker", "piper", "bomber", "twin", "liar", "locked"} <= read.keys()
    assert all(each.content is not None or each.problem for each in read.values())
    assert read["bomber"].content is None


def test_nothing_lands_elsewhere(taken: tuple[Path, list[intake.Taken]]) -> None:
    world, _ = taken
    assert not list(world.parent.rglob("escaped*"))
    assert {path.name for path in world.iterdir()} == {"downloads", "gradebook"}
    assert not any(path.is_symlink() for path in world.rglob("*"))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"PK\x05\x06" + bytes(10), id="cut short"),
        pytest.param(b"PK\x05\x06" + b"\xff" * 18, id="an end that lies"),
    ],
)
def test_an_archive_that_is_none_says_so(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "submissions.zip"
    source.write_bytes(content)
    with pytest.raises(ValueError, match="is not a zip archive"):
        intake.collect(source, TOY, tmp_path / "submitted")
    assert not (tmp_path / "submitted").exists()
