"""Say in one line why grokedu cannot be installed here, if so: `supported.py learn` or `dev`.

torch is published as wheels for certain systems only, and so are the other pinned packages. Without
this, pip would search for minutes and then report a conflict.
"""

from __future__ import annotations

import platform
import struct
import sys
from dataclasses import dataclass

# hmmlearn, which the tests need, has no wheel for Python 3.14, and torch none for 3.15.
NEWEST = {"learn": (3, 14), "dev": (3, 13)}
BROKEN = {(3, 14, 1): "its dataclasses break networkx, which torch needs"}
SYSTEMS = ("Linux", "Darwin", "Windows")
MACHINES = ("x86_64", "amd64", "aarch64", "arm64")
MACOS, GLIBC = (14,), (2, 28)


@dataclass(frozen=True)
class Machine:
    """A Python, and what it runs on."""

    python: tuple[int, ...] = (3, 12, 0)
    implementation: str = "CPython"
    bits: int = 64
    system: str = "Linux"
    processor: str = "x86_64"
    macos: tuple[int, ...] = ()
    glibc: tuple[int, ...] = ()

    @classmethod
    def here(cls) -> Machine:
        """The Python that runs this."""
        libc, version = platform.libc_ver()
        return cls(
            sys.version_info[:3],
            platform.python_implementation(),
            8 * struct.calcsize("P"),
            platform.system(),
            platform.machine().lower(),
            _numbers(platform.mac_ver()[0]),
            _numbers(version) if libc == "glibc" else (),
        )


def why_not(wanted: str, on: Machine) -> str:
    """Why grokedu cannot be installed; empty where it can.

    Args:
        wanted: "learn" or "dev".
    """
    newest = NEWEST[wanted]
    if on.python < (3, 10):
        return f"grokedu needs Python 3.10 or newer, and this is Python {_dotted(on.python)}."
    if on.python[:2] > newest:
        what = "make learn" if wanted == "learn" else "make test"
        return (
            f"Python {_dotted(on.python)} is too new: packages that `{what}` needs have no wheels "
            f"for it yet. Use Python 3.10 to {_dotted(newest)}."
        )
    if on.python in BROKEN:
        return f"Python {_dotted(on.python)} cannot be used: {BROKEN[on.python]}. Use another one."
    if on.implementation != "CPython":
        return f"torch has no wheels for {on.implementation}. Use the ordinary Python, CPython."
    if on.bits != 64:
        return f"torch has no wheels for a {on.bits}-bit Python. Use a 64-bit one."
    return _why_not_on_system(on)


def _why_not_on_system(on: Machine) -> str:
    if on.system == "Darwin" and on.processor != "arm64":
        return (
            "torch has no wheels for Macs with Intel's processors, nor for a Python built for them."
        )
    if on.system == "Darwin" and on.macos < MACOS:
        return f"torch needs macOS {_dotted(MACOS)} or newer, and this is {_dotted(on.macos)}."
    if on.system == "Linux" and on.glibc < GLIBC:
        found = f"glibc {_dotted(on.glibc)}" if on.glibc else "another C library"
        return f"torch needs glibc {_dotted(GLIBC)} or newer, and this system has {found}."
    if on.system == "Windows" and on.processor not in ("amd64", "x86_64"):
        return f"torch has no wheels for Windows on {on.processor}."
    if on.system not in SYSTEMS or on.processor not in MACHINES:
        return f"torch has no wheels for {on.system} on {on.processor}."
    return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


if __name__ == "__main__":
    reason = why_not(sys.argv[1], Machine.here())
    if reason:
        sys.exit(reason)
