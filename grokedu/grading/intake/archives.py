"""A class's files in one zip or one folder: what is in there, and each file's bytes when asked for.

Nothing is unpacked to disk. A file is decompressed only as far as the cap, whatever the archive
says of its length; one that cannot be had is refused with its reason, and the rest go on.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from grokedu.grading.intake.reading import MOST_BYTES, Refused, read_file, too_long

MOST_ENTRIES = 20_000
MOST_IN_ALL = 4 * 2**30
_CHUNK = 2**16
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    UnicodeError,
)
_DEEPEST = 8


@dataclass(frozen=True)
class Entry:
    """One file of an archive.

    Attributes:
        name: as the archive gives it.
        path: the folders it is in and its own name; empty where it would lead elsewhere.
        problem: why it is not read; empty when it can be asked for.
        index: the archive's own number for it.
    """

    name: str
    path: tuple[str, ...]
    problem: str = ""
    index: int = 0


class Archive(Protocol):
    """Files with names, which can be read one at a time."""

    entries: list[Entry]

    def read(self, entry: Entry) -> bytes:
        """The bytes of one file; raises `Refused` when they cannot be had."""


class ZipArchive:
    """The files of a zip, as an LMS makes it.

    Args:
        most: bytes taken of one file.
        most_in_all: bytes taken of all files together.

    Raises:
        ValueError: the file is not a zip, is damaged, or holds too many files.
        OSError: it cannot be opened.
    """

    def __init__(self, file: Path, most: int = MOST_BYTES, most_in_all: int = MOST_IN_ALL) -> None:
        self._most, self._left = most, most_in_all
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, struct.error, NotImplementedError, UnicodeError) as error:
            raise ValueError(
                f"{file} is not a zip archive, or is damaged ({error}): download it again"
            ) from None
        self._infos = self._zip.infolist()
        if len(self._infos) > MOST_ENTRIES:
            self._zip.close()
            raise ValueError(
                f"{file} holds {len(self._infos)} files; at most {MOST_ENTRIES} are taken: "
                "split it into several archives"
            )
        names = [_name(info) for info in self._infos]
        often = Counter(names)
        self.entries = [
            Entry(name, *_checked(name, info, often[name], most), index)
            for index, (name, info) in enumerate(zip(names, self._infos, strict=True))
            if not info.is_dir()
        ]

    def __enter__(self) -> ZipArchive:
        return self

    def __exit__(self, *exc: object) -> None:
        self._zip.close()

    def read(self, entry: Entry) -> bytes:
        """The bytes of one file of the zip.

        Raises:
            Refused: it is damaged or too long, or all files together are.
        """
        content = bytearray()
        try:
            with self._zip.open(self._infos[entry.index]) as stream:
                while chunk := stream.read(_CHUNK):
                    content += chunk
                    self._left -= len(chunk)
                    if len(content) > self._most:
                        raise Refused(too_long(self._most))
                    if self._left < 0:
                        raise Refused("the archive unpacks to more than is taken: split it")
        except _DAMAGE as error:
            raise Refused("the file is damaged within the archive: download it again") from error
        return bytes(content)


class FolderArchive:
    """The files below a folder. Links are listed with a problem, not followed.

    Raises:
        ValueError: it holds too many files.
        OSError: it cannot be read.
    """

    def __init__(self, folder: Path, most: int = MOST_BYTES) -> None:
        self._folder, self._most = folder, most
        self.entries: list[Entry] = []
        for path, problem in _below(folder, ()):
            self.entries.append(Entry("/".join(path), path, problem, len(self.entries)))
            if len(self.entries) > MOST_ENTRIES:
                raise ValueError(f"{folder} holds more than {MOST_ENTRIES} files; split it")

    def __enter__(self) -> FolderArchive:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def read(self, entry: Entry) -> bytes:
        """The bytes of one file below the folder.

        Raises:
            Refused: it is not an ordinary file, is too long, or cannot be read.
        """
        return read_file(self._folder.joinpath(*entry.path), most=self._most)


def _name(info: zipfile.ZipInfo) -> str:
    """The name in full, and as UTF-8 where the archive only forgot to say that it is (macOS)."""
    name = info.orig_filename
    if not info.flag_bits & 0x800 and not name.isascii():
        try:
            return name.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass
    return name


def _checked(
    name: str, info: zipfile.ZipInfo, often: int, most: int
) -> tuple[tuple[str, ...], str]:
    """A name as a path, and why the entry is refused."""
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    drive = name[1:2] == ":" and name[:1].isalpha()
    if name.startswith("/") or "\\" in name or ".." in parts or "\0" in name or drive or not parts:
        return (), "its path would lead out of the archive's folder"
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        what = "a link" if kind == stat.S_IFLNK else "no ordinary file"
        return parts, f"it is {what}: hand in the notebook itself"
    if info.flag_bits & 0x1:
        return parts, "it is locked with a password: hand it in without"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # Python unpacks the others a whole chunk at a time, however much comes out of it.
        return parts, "it is packed in an unusual way: use an ordinary zip"
    if often > 1:
        return parts, f"the archive holds {often} files of this name; which is meant?"
    if info.file_size > most:
        return parts, too_long(most)
    return parts, ""


def _below(folder: Path, parts: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Paths of files below a folder, each with its problem, empty where it has none."""
    try:
        found = sorted(os.scandir(folder), key=lambda item: item.name)
    except OSError as error:
        if not parts:
            raise
        yield parts, f"its folder cannot be read: {(error.strerror or '').lower()}"
        return
    for item in found:
        path = (*parts, item.name)
        if item.is_symlink():
            yield path, "it is a link: hand in the notebook itself"
        elif not item.is_dir(follow_symlinks=False):
            yield path, ""
        elif len(path) < _DEEPEST:
            yield from _below(Path(item.path), path)
        else:
            yield path, "it is a folder within too many others: hand in the notebook itself"
