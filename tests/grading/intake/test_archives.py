from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from grokedu.grading.intake import archives
from grokedu.grading.intake.archives import FolderArchive, ZipArchive
from grokedu.grading.intake.reading import Refused

File = tuple[str, bytes]


def zipped(path: Path, *files: File, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return path


def entry(name: str, mode: int = 0) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def problems(archive: ZipArchive | FolderArchive) -> dict[str, str]:
    return {each.name: each.problem for each in archive.entries}


def test_files_come_out_as_they_went_in(tmp_path: Path):
    file = zipped(tmp_path / "a.zip", ("ada/x.ipynb", b"one"), ("ben/é.ipynb", b"two"))
    with ZipArchive(file) as archive:
        got = {each.path: archive.read(each) for each in archive.entries}
    assert got == {("ada", "x.ipynb"): b"one", ("ben", "é.ipynb"): b"two"}


@pytest.mark.parametrize(
    "name", ["/etc/x.ipynb", "../ada.ipynb", "a/../../b.ipynb", "..\\b.ipynb", "C:/x.ipynb"]
)
def test_paths_that_lead_elsewhere_are_refused_and_the_rest_goes_on(tmp_path: Path, name: str):
    file = zipped(tmp_path / "a.zip", (name, b"evil"), ("ben.ipynb", b"two"))
    with ZipArchive(file) as archive:
        evil, ben = archive.entries
        assert evil.path == ()
        assert "out of the archive's folder" in evil.problem
        assert archive.read(ben) == b"two"


def test_a_nul_in_a_name_does_not_hide_its_rest(tmp_path: Path):
    file = zipped(tmp_path / "a.zip", ("ada.ipynb#.exe", b"evil"))
    file.write_bytes(file.read_bytes().replace(b"ada.ipynb#", b"ada.ipynb\0"))
    with ZipArchive(file) as archive:
        assert archive.entries[0].path == ()


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (stat.S_IFLNK | 0o777, "a link"),
        (stat.S_IFIFO, "no ordinary"),
        (stat.S_IFCHR, "no ordinary"),
    ],
)
def test_what_is_no_file_is_refused(tmp_path: Path, mode: int, said: str):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        made.writestr(entry("ada.ipynb", mode), "/etc/passwd")
        made.writestr(entry("ben.ipynb", stat.S_IFREG | 0o644), "two")
    with ZipArchive(tmp_path / "a.zip") as archive:
        assert said in problems(archive)["ada.ipynb"]
        assert problems(archive)["ben.ipynb"] == ""


def test_a_bomb_is_not_unpacked_past_the_cap(tmp_path: Path):
    file = zipped(tmp_path / "a.zip", ("ada.ipynb", bytes(3 * 2**20)), ("ben.ipynb", b"two"))
    assert file.stat().st_size < 10_000
    with ZipArchive(file, most=2**20) as archive:
        assert "longer than 1 MB" in problems(archive)["ada.ipynb"]
        assert archive.read(archive.entries[1]) == b"two"


def test_a_bomb_is_stopped_while_it_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = zipped(tmp_path / "a.zip", ("ada.ipynb", bytes(3 * 2**20)))
    unpacked = 0
    honest = zipfile.ZipExtFile.read

    def read(self: zipfile.ZipExtFile, n: int | None = -1) -> bytes:
        nonlocal unpacked
        chunk = honest(self, n)
        unpacked += len(chunk)
        return chunk

    monkeypatch.setattr(zipfile.ZipExtFile, "read", read)
    with ZipArchive(file, most=2**20) as archive, pytest.raises(Refused, match="longer than 1 MB"):
        archive.read(archive.entries[0])
    assert unpacked <= 2**20 + 2**16


def test_a_length_that_is_told_too_short_is_damage(tmp_path: Path):
    file = zipped(tmp_path / "a.zip", ("ada.ipynb", b"x" * 5000))
    file.write_bytes(file.read_bytes().replace(struct.pack("<I", 5000), struct.pack("<I", 10)))
    with ZipArchive(file) as archive, pytest.raises(Refused, match="damaged"):
        archive.read(archive.entries[0])


def test_all_files_together_have_a_cap(tmp_path: Path):
    file = zipped(tmp_path / "a.zip", ("ada.ipynb", bytes(600)), ("ben.ipynb", bytes(600)))
    with ZipArchive(file, most_in_all=1000) as archive:
        archive.read(archive.entries[0])
        with pytest.raises(Refused, match="unpacks to more"):
            archive.read(archive.entries[1])


def test_too_many_files_are_an_error_that_names_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(archives, "MOST_ENTRIES", 2)
    file = zipped(tmp_path / "a.zip", *((f"{n}.ipynb", b"") for n in range(3)))
    with pytest.raises(ValueError, match=r"a\.zip holds 3 files; at most 2"):
        ZipArchive(file)
    (tmp_path / "folder").mkdir()
    for n in range(3):
        (tmp_path / "folder" / f"{n}.ipynb").touch()
    with pytest.raises(ValueError, match="folder holds more than 2 files"):
        FolderArchive(tmp_path / "folder")


def test_a_locked_file_is_that_student_s_problem(tmp_path: Path):
    file = zipped(tmp_path / "a.zip", ("ada.ipynb", b"one"), ("ben.ipynb", b"two"))
    content = bytearray(file.read_bytes())
    # Bit 0 of the flags says "encrypted": at offset 6 of a local header, 8 of a central one.
    content[content.index(b"PK\x03\x04") + 6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    file.write_bytes(content)
    with ZipArchive(file) as archive:
        assert "password" in problems(archive)["ada.ipynb"]
        assert archive.read(archive.entries[1]) == b"two"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_both_refused(tmp_path: Path):
    file = zipped(tmp_path / "a.zip", ("ada.ipynb", b"one"), ("ada.ipynb", b"two"))
    with ZipArchive(file) as archive:
        assert [each.problem for each in archive.entries] == [
            "the archive holds 2 files of this name; which is meant?"
        ] * 2


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packings_that_cannot_be_unpacked_in_steps_are_refused(tmp_path: Path, method: int):
    with ZipArchive(zipped(tmp_path / "a.zip", ("ada.ipynb", b"x"), method=method)) as archive:
        assert "unusual" in problems(archive)["ada.ipynb"]


def flip(content: bytes) -> bytes:
    return content[:60] + bytes([content[60] ^ 0xFF]) + content[61:]


def test_damage_within_is_one_file_s(tmp_path: Path):
    noise = bytes(n * n % 251 for n in range(400))
    file = zipped(tmp_path / "a.zip", ("ada.ipynb", noise), ("ben.ipynb", b"two"))
    file.write_bytes(flip(file.read_bytes()))
    with ZipArchive(file) as archive:
        with pytest.raises(Refused, match="damaged"):
            archive.read(archive.entries[0])
        assert archive.read(archive.entries[1]) == b"two"


@pytest.mark.parametrize(
    "broken", [lambda whole: b"", lambda whole: whole[:-10], lambda whole: b"{}"]
)
def test_a_broken_zip_is_an_error_that_names_it(tmp_path: Path, broken: Callable[[bytes], bytes]):
    file = zipped(tmp_path / "a.zip", ("ada.ipynb", b"one"))
    file.write_bytes(broken(file.read_bytes()))
    with pytest.raises(ValueError, match=r"a\.zip is not a zip archive, or is damaged"):
        ZipArchive(file)


def test_names_in_utf_8_without_the_flag_are_read_as_utf_8(tmp_path: Path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        made.writestr("zz.ipynb", b"one")
    (tmp_path / "a.zip").write_bytes(stream.getvalue().replace(b"zz", "é".encode()))
    with ZipArchive(tmp_path / "a.zip") as archive:
        assert archive.entries[0].path == ("é.ipynb",)
        assert archive.read(archive.entries[0]) == b"one"


def test_a_folder_is_read_without_following_links(tmp_path: Path):
    secret = tmp_path / "secret.ipynb"
    secret.write_bytes(b"the answers")
    folder = tmp_path / "class"
    (folder / "ada").mkdir(parents=True)
    (folder / "ada" / "x.ipynb").write_bytes(b"one")
    (folder / "ben.ipynb").symlink_to(secret)
    (folder / "cy").symlink_to(tmp_path)
    with FolderArchive(folder) as archive:
        assert problems(archive) == {
            "ada/x.ipynb": "",
            "ben.ipynb": "it is a link: hand in the notebook itself",
            "cy": "it is a link: hand in the notebook itself",
        }
        assert archive.read(archive.entries[0]) == b"one"
        with pytest.raises(Refused, match="a link"):
            archive.read(archive.entries[1])


def test_folders_in_folders_end(tmp_path: Path):
    (tmp_path / Path(*"abcdefghij")).mkdir(parents=True)
    with FolderArchive(tmp_path) as archive:
        assert [each.problem for each in archive.entries] == [
            "it is a folder within too many others: hand in the notebook itself"
        ]
