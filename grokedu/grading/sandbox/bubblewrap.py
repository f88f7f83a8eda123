"""The sandbox that a learner's code runs in, as `bubblewrap
<https://github.com/containers/bubblewrap>`_ is asked for it: no network, no files of the host.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import site
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import grokedu

MB = 2**20


@dataclass(frozen=True)
class SandboxSettings:
    """What is in the sandbox, and how much of everything a session may take.

    Attributes:
        lesson: the lesson's name, which its stub has too.
        setup: the sources of its own cells before the first answer; they are run once.
        references: by exercise, for the stub: see `LessonStub`.
        confined: whether bubblewrap and seccomp hold the code; if not, only limits do.
        hidden: files and folders that stay out though they are inside what is let in.
        memory, file_size: bytes a session may take, and may write to a file or to all of them.
        seconds: processor time a session may take.
    """

    lesson: str
    setup: tuple[str, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)
    confined: bool = True
    hidden: tuple[str, ...] = ()
    memory: int = 2048 * MB
    file_size: int = 64 * MB
    seconds: int = 300


def namespaces() -> list[str]:
    """Bubblewrap's options for namespaces of its own."""
    return ["--unshare-all", "--cap-drop", "ALL", "--die-with-parent", "--new-session"]


def bubblewrap_command(settings: SandboxSettings) -> list[str]:
    """The command that makes the sandbox; what is to run in it comes after."""
    inside = writable()
    size = str(settings.file_size)
    made = ["bwrap", *namespaces(), "--as-pid-1", "--uid", "65534", "--gid", "65534"]
    made += ["--hostname", "sandbox", "--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        if Path("/", name).is_symlink():
            made += ["--symlink", os.readlink(f"/{name}"), f"/{name}"]
        elif Path("/", name).is_dir():
            made += ["--ro-bind", f"/{name}", f"/{name}"]
    for name in ("ld.so.cache", "alternatives", "localtime", "fonts"):
        made += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    made += ["--proc", "/proc", "--dev", "/dev"]
    # Where root grades, the kernel's settings and the zygote's priority would be the learner's to
    # change: no privilege is let in, but to /proc it is enough to be the host's root.
    for path in ("/proc/sys", "/proc/irq", "/proc/bus", "/proc/sysrq-trigger"):
        made += ["--ro-bind-try", path, path]
    made += ["--tmpfs", "/proc/1", "--remount-ro", "/proc/1"]
    for folder in (inside, "/dev/shm"):
        made += ["--size", size, "--tmpfs", folder]
    for path in _let_in():
        made += ["--ro-bind", path, path]
    for path in _kept_out([*_lessons(), *settings.hidden]):
        if Path(path).is_dir():
            made += ["--tmpfs", path, "--remount-ro", path]
        else:
            made += ["--ro-bind", "/dev/null", path]
    for path in ("/dev", "/"):
        made += ["--remount-ro", path]
    for name, value in environment(inside).items():
        made += ["--setenv", name, value]
    return [*made, "--chdir", inside]


def writable() -> str:
    """Where a session may write: a mount of its own, with nothing of the sandbox in it."""
    taken = [Path(path) for path in _let_in()]
    places = ("/tmp", "/var/tmp", "/mnt")
    return next(place for place in places if not any(path.is_relative_to(place) for path in taken))


def _kept_out(paths: list[str]) -> Iterator[str]:
    """Where in the sandbox these files and folders would be seen."""
    for root in (*_let_in(), "/usr"):
        real = Path(root).resolve()
        for path in map(Path, paths):
            if path.exists() and path.resolve().is_relative_to(real):
                yield str(Path(root, path.resolve().relative_to(real)))


def _let_in() -> list[str]:
    """The folders of the host that Python, its packages and this one are in, outermost only."""
    package = Path(grokedu.__file__).parent
    wanted = [Path(sys.prefix), Path(sys.base_prefix), package, *map(Path, site.getsitepackages())]
    wanted = [path for path in wanted if path.is_dir() and not path.is_relative_to("/usr")]
    roots = {
        path
        for path in wanted
        if not any(path != other and path.is_relative_to(other) for other in wanted)
    }
    return sorted(map(str, roots))


def _lessons() -> list[str]:
    """Where the lessons are, ours and those of other packages: references and hidden cases."""
    hidden = {str(Path(grokedu.__file__).parent / "lessons")}
    for entry in importlib.metadata.entry_points(group="grokedu.lessons"):
        found = importlib.util.find_spec(entry.module.partition(".")[0])
        if found is not None:
            hidden |= {*(found.submodule_search_locations or []), found.origin or ""}
    return sorted(path for path in hidden if path and Path(path).exists())


def environment(folder: str) -> dict[str, str]:
    """The environment variables that the code finds, and no others."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": folder,
        "USER": "learner",
        "LANG": "C.UTF-8",
        "TMPDIR": folder,
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": f"{folder}/matplotlib",
        "IPYTHONDIR": f"{folder}/ipython",
        "GROKEDU_HOME": f"{folder}/progress",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "NBGRADER_EXECUTION": "autograde",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
