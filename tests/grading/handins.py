"""Files as students and platforms hand them in."""

from __future__ import annotations

import zipfile
from pathlib import Path

LESSON = "01_grokking"

Layout = dict[str, bytes]


def unpacked(folder: Path, layout: Layout) -> Path:
    for name, content in layout.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def zipped(file: Path, layout: Layout) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in layout.items():
            archive.writestr(name, content)
    return file


def put(submitted: Path, student: str, name: str = f"{LESSON}.ipynb", text: str = "{}") -> Path:
    file = submitted / student / LESSON / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file
