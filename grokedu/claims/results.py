"""Results files: one JSON file a claim, written by ``grokedu reproduce`` and quoted in prose.

Prose quotes a number as ``{{modular-grokking.ratio.value:.0f}}``: the file's name, the path of keys
and, after a colon, a format of Python's.
"""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import Any

QUOTE = re.compile(r"\{\{\s*([a-z0-9][\w-]*(?:\.[\w-]+)+)\s*(?::([^{}]*))?\}\}")


def write(folder: Path, name: str, result: dict[str, Any]) -> Path:
    """Write a result as ``NAME.json``, whole or not at all; nan and infinity become null.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write(folder, "claim", {"slope": {"value": -0.8}, "seeds": [0, 1]}).name
    'claim.json'
    >>> lookup(folder, "claim.slope.value"), lookup(folder, "claim.seeds.1")
    (-0.8, 1)
    >>> fill("a slope of {{claim.slope.value:.1f}}", folder)
    'a slope of -0.8'
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}.json"
    partial = folder / f".{name}.{os.getpid()}"
    text = json.dumps(_plain(result), indent=2, allow_nan=False, ensure_ascii=False)
    partial.write_text(text + "\n", encoding="utf-8")
    os.replace(partial, target)
    return target


def read(folder: Path, name: str) -> dict[str, Any]:
    """Read a result; where there is none at full size, the quick one in the folder ``quick``.

    Raises:
        ValueError: if it has not been made.
    """
    sizes = folder / f"{name}.json", folder / "quick" / f"{name}.json"
    path = next((path for path in sizes if path.exists()), None)
    if path is None:
        have = ", ".join(sorted(p.stem for p in folder.glob("*.json"))) or "none"
        raise ValueError(
            f"there is no result {name!r} in {folder} (there: {have}); "
            f"make it with `grokedu reproduce {name}`"
        )
    return dict(json.loads(path.read_text(encoding="utf-8")))


def lookup(folder: Path, path: str) -> Any:
    """The value at ``NAME.key.key``; a key into a list is a number.

    Raises:
        ValueError: if there is no such result or no such key in it, saying what there is.
    """
    name, *keys = path.split(".")
    value: Any = read(folder, name)
    for depth, key in enumerate(keys):
        if isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, dict) and key in value:
            value = value[key]
        else:
            where = ".".join([name, *keys[:depth]])
            have = ", ".join(value) if isinstance(value, dict) else type(value).__name__
            raise ValueError(f"{where} has no {key!r}; it has {have}")
    return value


def fill(text: str, folder: Path) -> str:
    """The text with every ``{{NAME.key:format}}`` replaced by its number.

    Raises:
        ValueError: as :func:`lookup`, and where the value is missing or does not fit the format.
    """

    def quoted(match: re.Match[str]) -> str:
        value = lookup(folder, match[1])
        try:
            return format(value, match[2] or "")
        except (TypeError, ValueError) as error:
            raise ValueError(f"{match[0]} quotes {value!r}, which does not fit: {error}") from None

    return QUOTE.sub(quoted, text)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if hasattr(value, "tolist"):  # numpy and torch numbers and arrays
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
