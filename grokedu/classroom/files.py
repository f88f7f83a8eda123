"""Writing a file so that it is there whole or not at all, whatever ends the program meanwhile."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def write_whole(
    path: Path, content: str | bytes, mode: int | None = None, durable: bool = False
) -> None:
    """Write a file whole, in the place of one that may be there already.

    Args:
        content: text is written as UTF-8, its line ends as they are.
        mode: the file's permissions, such as ``0o600``; by default those that `open` gives.
        durable: leave it on the disk before returning, so that it outlives a loss of power too.

    Raises:
        UnicodeEncodeError: the text holds halves of letters.
        OSError: the file cannot be written; the earlier one is still there.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    part = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}")
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
    handle = os.open(part, flags, 0o666 if mode is None else 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            if mode is not None:
                part.chmod(mode)
            if durable:
                os.fsync(stream.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    if durable:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # where a folder cannot be opened, as on Windows
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
