"""Attacks on the walls: the network, the host's files, the kernel's settings, its rarer calls."""

from __future__ import annotations

from tests.attacks.corpus import parsed

ATTACKS = parsed(
    r"""
# %% the-network: cell by a wrong answer, quick
# a connection out, by name, by number, and to what listens on this machine
import socket
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK):
    try:
        socket.socket(family, socket.SOCK_STREAM if family != 16 else socket.SOCK_RAW)
        print("ESC" + "APED", family)
    except OSError:
        pass
try:
    print("ESC" + "APED", socket.getaddrinfo("example.org", 80))
except OSError:
    pass

# %% a-package-from-the-net: cell by a right answer
# a package installed by the ways that notebooks have
%pip install left-pad
!pip install left-pad

# %% settings-of-the-kernel: cell by a wrong answer, quick
# the kernel's own settings, which root may change wherever it meets them
import pathlib
for name in ("sys/kernel/core_pattern", "sys/vm/overcommit_memory", "sysrq-trigger", "irq"):
    try:
        open(f"/proc/{name}", "r+b").close()
        print("ESC" + "APED", name)
    except OSError:
        pass
for path in pathlib.Path("/proc/sys").rglob("*"):
    try:
        open(path, "ab").close()
        print("ESC" + "APED", path)
        break
    except OSError:
        pass

# %% a-namespace-of-its-own: cell by a wrong answer, quick
# namespaces in which it would be root
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for flag in (0x10000000, 0x20000, 0x20000000, 0x40000000, 0x8000000, 0x4000000, 0x2000000):
    if libc.unshare(flag) == 0:
        print("ESC" + "APED", hex(flag))

# %% mounts: cell by a wrong answer, quick
# mounts of the host's disk, over what is read, by the old calls and the new
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
tried = {
    "mount": libc.mount(b"/", b"/tmp", None, 4096, None),
    "remount": libc.mount(None, b"/", None, 32 | 4096, None),
    "umount2": libc.umount2(b"/proc/sys", 2),
    "open_tree": libc.syscall(428, -100, b"/", 1),
    "fsopen": libc.syscall(430, b"tmpfs", 0),
    "open_tree_attr": libc.syscall(467, -100, b"/", 1, None, 0),
    "pivot_root": libc.syscall(155, b"/tmp", b"/tmp"),
    "chroot": libc.chroot(b"/tmp"),
}
for name, result in tried.items():
    if result >= 0:
        print("ESC" + "APED", name)

# %% rare-calls: cell by a wrong answer, quick
# calls that have been ways out of sandboxes
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
rare = {
    "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "io_uring_setup": 425, "keyctl": 250,
    "kcmp": 312, "pidfd_open": 434, "process_vm_readv": 310, "open_by_handle_at": 304,
    "name_to_handle_at": 303, "init_module": 175, "kexec_load": 246, "personality": 135,
    "ptrace": 101, "setns": 308, "prlimit64": 302, "tkill": 200, "syslog": 103,
}
import errno
for name, number in rare.items():
    ctypes.set_errno(0)
    libc.syscall(number, 1, 3, 0, 0, 0, 0)
    if ctypes.get_errno() != errno.EPERM:
        print("ESC" + "APED", name, ctypes.get_errno())

# %% the-other-abi: answer, quick
# system calls of 32 bits, which a filter of 64 may not know
import ctypes, mmap
code = bytes.fromhex("b802000000cd80c3")  # mov eax, 2 (fork); int 0x80; ret
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(code)
call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
def weight_norm(weights):
    if call() >= 0:
        print("ESC" + "APED")
    return 0.0

# %% calls-by-x32: answer
# system calls by the numbers of x32
import ctypes
def weight_norm(weights):
    if ctypes.CDLL(None).syscall(0x40000000 + 57) >= 0:
        print("ESC" + "APED")
    return 0.0

# %% writes-into-the-package: cell by a wrong answer, quick
# the package and Python itself, which the next process would import
import pathlib, sys, grokedu, torch
for module in (grokedu, torch, pathlib):
    for path in (pathlib.Path(module.__file__), pathlib.Path(module.__file__).parent / "new.py"):
        try:
            path.open("ab").close()
            print("ESC" + "APED", path)
        except OSError:
            pass
for folder in (pathlib.Path(grokedu.__file__).parent / "lessons", "/usr", "/"):
    try:
        pathlib.Path(folder, "new.py").touch()
        print("ESC" + "APED", folder)
    except OSError:
        pass

# %% hard-links: cell by a wrong answer
# hard links to and from what is read only
import os, sys
for source in (sys.executable, "/usr/bin/env", "/proc/self/exe"):
    for target in ("/tmp/linked", "/dev/shm/linked"):
        try:
            os.link(source, target)
            print("ESC" + "APED", source)
        except OSError:
            pass

# %% limits-raised: cell by a wrong answer, quick
# its own limits raised again
import resource
for name in ("AS", "CPU", "FSIZE", "NOFILE", "CORE"):
    which = getattr(resource, f"RLIMIT_{name}")
    for most in (resource.RLIM_INFINITY, 2**40):
        try:
            resource.setrlimit(which, (most, most))
            print("ESC" + "APED", name)
        except (OSError, ValueError):
            pass

# %% devices: cell by a wrong answer
# the host's disks, memory, terminal and graphics card
import os
for name in ("sda", "vda", "nvme0n1", "mem", "kmsg", "kvm", "fuse", "net/tun", "nvidia0", "dri"):
    if os.path.exists(f"/dev/{name}"):
        print("ESC" + "APED", name)
for name in ("/dev/tty", "/dev/console", "/dev/mem"):
    try:
        os.open(name, os.O_RDWR)
        print("ESC" + "APED", name)
    except OSError:
        pass
try:
    os.mknod("/tmp/disk", 0o60666, os.makedev(8, 0))
    print("ESC" + "APED")
except OSError:
    pass

# %% becomes-somebody: cell by a wrong answer, quick
# another user, another group, and all the privileges of root
import ctypes, os
for change in (os.setuid, os.setgid, os.seteuid, os.setegid):
    for to in (0, 1, 1000):
        try:
            change(to)
            print("ESC" + "APED", to)
        except OSError:
            pass
with open("/proc/self/status") as stream:
    status = dict(line.rstrip().split(":\t") for line in stream if ":\t" in line)
if any(int(status[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd")):
    print("ESC" + "APED")
"""
)
