"""Run a benchmark by name."""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module
from typing import Any

NAMES = {
    "ensembles": "many small networks at once, beside plain PyTorch and vmap",
    "notebooks": "what each lesson takes: seconds, memory, seconds to grade",
    "grokking": "five seeds of the recipe p31-grok: seconds until all have generalised",
    "roofline": "the share of the machine's matrix rate that a training step reaches",
    "mnist": "the landscape over 13 scales at two data sizes, and one delayed run",
    "neighbours": "one thread or two, alone and beside busy processes",
    "grading": "a class of 30: grokedu grade beside stock nbgrader autograde",
    "transformer": "a step of the one-layer transformer: plain beside by tables",
    "transformer_grok": "seconds until the transformer at p = 113 generalises",
    "llc": "the learning coefficient: the four tables below, and in-context regression",
    "llc_accuracy": "the estimator where the exact value is known",
    "llc_against": "beside SGLD and devinterp, at equal gradients",
    "llc_throughput": "gradients a second, beside devinterp",
    "llc_grokking": "40 checkpoints of a grokking run, and whether more gradients change them",
    "grading_memory": "a thousand submissions: memory as they go by",
}


def main() -> int:
    """Run one benchmark, and print its table or its rows as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", epilog="; ".join(f"{k}: {v}" for k, v in NAMES.items())
    )
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    given = parser.parse_args()
    rows = import_module(f"benchmarks.{given.name}").measure()
    if given.json:
        print(json.dumps(rows, indent=2))
        return 0
    for title, table in rows.items() if isinstance(rows, dict) else [("", rows)]:
        if title:
            print(f"\n{title}")
        _print(table)
    return 0


def _print(rows: list[dict[str, Any]]) -> None:
    widths = {name: max(len(name), *(len(str(row[name])) for row in rows)) for name in rows[0]}
    for row in [{name: name for name in widths}, *rows]:
        print("  ".join(str(row[name]).rjust(width) for name, width in widths.items()))


if __name__ == "__main__":
    sys.exit(main())
