"""Reading files from where students can put things."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

MOST_BYTES = 16 * 2**20


class Refused(ValueError):
    """A file that is not read; the message is a line that says why, for its student."""


def open_folder(name: str | Path, within: int | None = None) -> int:
    """A descriptor of a folder that is none by way of a link.

    Raises:
        Refused: it is a link, no folder, or cannot be opened.
        FileNotFoundError: it is not there.
    """
    _regular(name, within, stat.S_ISDIR, "a folder")
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name, flags, dir_fd=within)
    except OSError as error:
        raise Refused(f"its folder cannot be opened: {_why(error)}") from None


def read_file(name: str | Path, within: int | None = None, most: int = MOST_BYTES) -> bytes:
    """The bytes of an ordinary file: no link of any kind, no device, no pipe, not too long.

    Args:
        within: descriptor of the folder that ``name`` is in.

    Raises:
        Refused: it is anything else, or cannot be read.
    """
    try:
        _regular(name, within, stat.S_ISREG, "an ordinary file")
        # Looked at once more after opening: between the two it may have been replaced.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        handle = os.open(name, flags, dir_fd=within)
    except OSError as error:
        raise Refused(f"the file cannot be read: {_why(error)}") from None
    with os.fdopen(handle, "rb") as stream:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise Refused("it is not an ordinary file")
        if found.st_nlink > 1:
            raise Refused("the file is a hard link to another file: hand in a copy")
        if found.st_size > most:
            raise Refused(too_long(most))
        try:
            content = stream.read(most + 1)
        except OSError as error:
            raise Refused(f"the file cannot be read: {_why(error)}") from None
    if len(content) > most:
        raise Refused(too_long(most))
    return content


def too_long(most: int = MOST_BYTES) -> str:
    """What a student is told of a file that is too long."""
    return (
        f"the file is longer than {most // 2**20} MB: clear the outputs "
        "(Edit > Clear Outputs of All Cells), save, and hand it in again"
    )


def _regular(
    name: str | Path, within: int | None, wanted: Callable[[int], bool], kind: str
) -> None:
    found = os.stat(name, dir_fd=within, follow_symlinks=False)
    if stat.S_ISLNK(found.st_mode):
        raise Refused(f"it is a link, not {kind}: hand in the file itself")
    if not wanted(found.st_mode):
        raise Refused(f"it is not {kind}")


def _why(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
