"""What this machine offers: device, threads, memory and versions, on one page."""

from __future__ import annotations

import math
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import torch

# Whether torch's optimizers have a kernel for CPUs that moves all of a tensor at once.
FUSED = tuple(int(part) for part in torch.__version__.split(".")[:2]) >= (2, 4)


@dataclass(frozen=True)
class Machine:
    """Device, threads, memory (in GB, 0 where the system does not tell) and versions."""

    device: str
    threads: int
    cores: int
    memory: float
    python: str
    torch: str

    def __str__(self) -> str:
        memory = f"{self.memory:.1f} GB" if self.memory else "unknown"
        rows = {
            "device": self.device,
            "threads": f"{self.threads} of {self.cores} cores",
            "memory": memory,
            "Python": self.python,
            "PyTorch": self.torch,
        }
        return "\n".join(f"{name:<8} {value}" for name, value in rows.items())


def report() -> Machine:
    """Look at this machine.

    >>> report().threads >= 1
    True
    """
    gpu = torch.cuda.is_available()
    return Machine(
        device=torch.cuda.get_device_name() if gpu else "CPU",
        threads=torch.get_num_threads(),
        cores=os.cpu_count() or 1,
        memory=_memory_bytes() / 2**30,
        python=platform.python_version(),
        torch=torch.__version__,
    )


def free_memory(device: torch.device | str = "cpu") -> float:
    """How many bytes are free on a device; infinity where the system does not tell.

    >>> free_memory() > 1e6
    True
    """
    device = torch.device(device)
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    try:
        table = Path("/proc/meminfo").read_text(encoding="ascii").split()
        available = 1024.0 * int(table[table.index("MemAvailable:") + 1])
    except (OSError, ValueError):
        return _memory_bytes() / 2 or math.inf
    try:
        limit, used = (
            int(Path(f"/sys/fs/cgroup/memory.{name}").read_text(encoding="ascii"))
            for name in ("max", "current")
        )
    except (OSError, ValueError):  # no control group, or one without a limit
        return available
    return float(min(available, limit - used))


def _memory_bytes() -> int:
    """Installed memory, or the container's limit where that is less."""
    try:
        installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        limit = "max"
    return min(installed, int(limit)) if limit.isdigit() else installed
