"""Shipped results: safetensors files beside a manifest that says how each was made.

``manifest.json`` holds for each file its SHA-256, the command that makes it anew, the seeds and the
versions it was made with.
"""

from __future__ import annotations

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from grokedu.training.runs import Runs, load

FOLDER = Path(__file__).parent
ENSEMBLE = "ensemble.safetensors"
ALPHA_MAP = "alpha_map.safetensors"
TRANSFORMER_NORMS = "transformer_norms.safetensors"


def manifest(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """What the manifest says, by file name."""
    return dict(json.loads((folder / "manifest.json").read_text(encoding="utf-8")))


def record(name: str, entry: dict[str, Any], folder: Path = FOLDER) -> None:
    """Write a file's entry, with its hash and size, into the manifest."""
    path = folder / "manifest.json"
    entries = manifest(folder) if path.exists() else {}
    size = (folder / name).stat().st_size
    entries[name] = {"sha256": sha256(folder / name), "bytes": size, **entry}
    partial = path.with_name(f".manifest.{os.getpid()}")
    partial.write_text(json.dumps(entries, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(partial, path)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def verified(name: str, folder: Path = FOLDER) -> Path:
    """The path of a shipped file whose hash is the manifest's.

    Raises:
        ValueError: if the file is missing or has another hash.
    """
    entry = manifest(folder).get(name)
    if entry is None or not (folder / name).exists():
        raise ValueError(f"no artifact is called {name!r}; there are {', '.join(manifest(folder))}")
    found = sha256(folder / name)
    if found != entry["sha256"]:
        raise ValueError(
            f"{name} has the hash {found[:12]}… where the manifest says {entry['sha256'][:12]}…; "
            f"install the package anew, or remake the file with `{entry['command']}`"
        )
    return folder / name


@lru_cache(maxsize=1)
def load_ensemble() -> Runs:
    """The ensemble of grokking runs that the lessons share.

    Addition modulo 31 with 128 squared neurons under the cross-entropy: learning rate × weight
    decay × train fraction × seed, with histories of all runs and float16 checkpoints of some. Made
    by ``grokedu reproduce ensemble``. Treat it as read-only: it is loaded once.

    >>> ensemble = load_ensemble()
    >>> ensemble.select(lr=0.01, weight_decay=0.3, fraction=0.5)
    Runs(5 runs to step 6000; seed={0, 1, 2, 3, 4}, lr=0.01, weight_decay=0.3, ...)
    """
    return load(verified(ENSEMBLE))


@lru_cache(maxsize=1)
def load_alpha_map() -> Runs:
    """MNIST at a fixed norm: initial scale α × train size × seed × learning rate, at a few steps.

    Adam on the sphere of each α's own norm, batches of 100, at the rate 1e-3 ("as given") or that
    "times α"; the history has losses, accuracies, the norm and the angle of the last step. Made by
    ``grokedu reproduce alpha-map``. Treat it as read-only: it is loaded once.

    >>> load_alpha_map().select(alpha=8.0, size=200, rate="as given")
    Runs(3 runs to step 1500; alpha=8, size=200, seed={0, 1, 2}, rate=as given)
    """
    return load(verified(ALPHA_MAP))


@lru_cache(maxsize=1)
def load_transformer_norms() -> Runs:
    """The norms of a transformer's tensors along training, with weight decay 1 and with none.

    Addition modulo 53 in one layer under AdamW, 3000 steps, five seeds each. The history has the
    norm of each tensor ("norm_W_E", ...), of all weights ("l2_norm") and of all where it is least
    on the orbit ("least_norm"). Made by ``grokedu reproduce transformer-norms``. Treat it as
    read-only: it is loaded once.

    >>> load_transformer_norms().select(weight_decay=1.0)
    Runs(5 runs to step 3000; seed={0, 1, 2, 3, 4}, lr=0.01, weight_decay=1, train_size=1404)
    """
    return load(verified(TRANSFORMER_NORMS))
