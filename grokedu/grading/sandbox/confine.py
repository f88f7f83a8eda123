"""What a process may no longer do once it runs a learner's code: seccomp and resource limits.

The sandbox shuts out the host. These limits hold between one learner's process and everything else
inside the sandbox: no second process, no other program, no signal to anyone but itself and no limit
on anyone else, no shared memory that would outlive it. They are set by `libseccomp
<https://github.com/seccomp/libseccomp>`_, in the process itself, for good.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import sys
from pathlib import Path

# Made to fail with EPERM. Names that an architecture lacks are skipped.
_FORBIDDEN = (
    "fork vfork execve execveat ptrace process_vm_readv process_vm_writev kcmp unshare setns mount "
    "umount2 pivot_root chroot open_tree move_mount fsopen fsconfig fsmount mount_setattr bpf "
    "keyctl add_key request_key perf_event_open userfaultfd io_uring_setup io_uring_enter "
    "io_uring_register kexec_load init_module finit_module delete_module shmget shmat shmctl "
    "semget semop semctl semtimedop msgget msgsnd msgrcv msgctl mq_open memfd_create memfd_secret "
    "pidfd_open pidfd_send_signal pidfd_getfd personality socket connect bind listen tkill "
    "rt_sigqueueinfo rt_tgsigqueueinfo name_to_handle_at open_by_handle_at setpriority "
    "sched_setscheduler sched_setparam sched_setattr sched_setaffinity ioprio_set migrate_pages "
    "move_pages process_madvise process_mrelease setxattr lsetxattr fsetxattr syslog"
).split()
_TO_ITSELF_ONLY = ("kill", "tgkill")
# Commands that have the kernel signal whom the caller names: F_SETOWN, F_SETSIG and F_SETOWN_EX,
# FIOSETOWN and SIOCSPGRP (fcntl(2), include/uapi/asm-generic/{fcntl,sockios}.h).
_SIGNALLING = {"fcntl": (8, 10, 15), "ioctl": (0x8901, 0x8902)}
# Calls that came after those libseccomp may know by name; their numbers are the same everywhere.
# None is needed: where one is missing, the C library does without it.
_NEWER = range(451, 512)
_CLONE_THREAD = 0x10000
_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_OTHER_ARCHITECTURE = 2  # the attribute that says what becomes of its calls
_NOT_EQUAL, _MASKED_EQUAL = 1, 7
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38


class _Comparison(ctypes.Structure):
    """libseccomp's ``scmp_arg_cmp``: a condition on one argument of a system call."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


def why_unconfined() -> str:
    """Why system calls cannot be filtered here; empty when they can."""
    try:
        ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return "libseccomp is not installed (Debian: apt install libseccomp2)"
    return ""


def hide() -> None:
    """Hide this process, and those it forks, from other processes of the same user.

    Their memory and descriptors under ``/proc`` then belong to root, and nobody may trace them.
    """
    _prctl(_PR_SET_DUMPABLE, 0)


def die_with_parent() -> None:
    """Let the kernel end this process when the one that started it ends (Linux; else nothing)."""
    if sys.platform.startswith("linux"):
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def limit(memory: int, seconds: int, file_size: int) -> None:
    """Limit what this process may take from now on.

    Args:
        memory: bytes of address space beyond what it has.
        seconds: of processor time beyond what it has used.
        file_size: bytes of any file it writes.
    """
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = int(used.ru_utime + used.ru_stime) + seconds
    limits = {
        resource.RLIMIT_AS: pages * resource.getpagesize() + memory,
        resource.RLIMIT_CPU: cpu,
        resource.RLIMIT_FSIZE: file_size,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 256,
    }
    for which, most in limits.items():
        _, hard = resource.getrlimit(which)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (most, most))


def filter_system_calls() -> None:
    """Forbid this process forks, programs, sockets, traces and signals to others.

    Threads still start: ``clone`` must carry CLONE_THREAD, and ``clone3``, whose flags a filter
    cannot see, is said not to exist, so that the C library falls back to ``clone``.

    Raises:
        OSError: libseccomp is missing, or the kernel refuses the filter.
    """
    seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(_ALLOW)))
    if not context:
        raise OSError("libseccomp could not make a filter")
    # By default only the thread ends, and the judge waits for what is left of the process.
    seccomp.seccomp_attr_set(context, _OTHER_ARCHITECTURE, ctypes.c_uint32(_KILL_PROCESS))

    def deny(call: str | int, error: int, *conditions: _Comparison) -> None:
        number = call
        if isinstance(call, str):
            number = seccomp.seccomp_syscall_resolve_name(call.encode())
        if number == -1:
            return
        array = (_Comparison * len(conditions))(*conditions)
        action = ctypes.c_uint32(_ERRNO | error)
        status = seccomp.seccomp_rule_add_array(
            context, action, number, ctypes.c_uint(len(conditions)), array
        )
        if status not in (0, -errno.EDOM):  # EDOM: this architecture has no such call
            raise OSError(-status, f"libseccomp refused the rule for {call}")

    for name in _FORBIDDEN:
        deny(name, errno.EPERM)
    for name in _TO_ITSELF_ONLY:
        deny(name, errno.EPERM, _Comparison(0, _NOT_EQUAL, os.getpid(), 0))
    deny("clone", errno.EPERM, _Comparison(0, _MASKED_EQUAL, _CLONE_THREAD, 0))
    deny("clone3", errno.ENOSYS)
    deny("prlimit64", errno.EPERM, _Comparison(0, _NOT_EQUAL, 0, 0))  # another process's limits
    for name, commands in _SIGNALLING.items():
        for command in commands:
            deny(name, errno.EPERM, _Comparison(1, _MASKED_EQUAL, 0xFFFFFFFF, command))
    for newer in _NEWER:
        deny(newer, errno.ENOSYS)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    status = seccomp.seccomp_load(context)
    seccomp.seccomp_release(context)
    if status:
        raise OSError(-status, "the kernel refused the filter of system calls")


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl {option} was refused")
