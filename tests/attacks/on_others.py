"""Attacks on others: their work, the gradebook, the seed, and whoever is graded next."""

from __future__ import annotations

from tests.attacks.corpus import parsed

ATTACKS = parsed(
    r"""
# %% reads-what-is-outside: cell by a wrong answer, quick
# the gradebook, the seed, the ledger, other students' notebooks and a home, all by name
import os
for folder in ("@WORLD@", "@WORLD@/submitted", "@WORLD@/home", "@WORLD@/ledger"):
    for name in ("", "gradebook.db", "seed", "ada.json", ".netrc", "00_start_here"):
        if os.path.exists(f"{folder}/{name}"):
            print("ESC" + "APED", folder, name)

# %% writes-what-is-outside: cell by a wrong answer, quick
# a score into the gradebook and the ledger, and a new seed
import pathlib, sqlite3
for name in ("gradebook.db", "seed", "ledger/ada.json", "home/.netrc", "source/new.ipynb"):
    try:
        path = pathlib.Path("@WORLD@", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"2.0")
    except OSError:
        pass
try:
    sqlite3.connect("@WORLD@/gradebook.db").execute("update grade set auto_score = 2.0")
except sqlite3.Error:
    pass

# %% removes-what-is-outside: cell by a wrong answer
# everything that can be removed, from the root on
import os, shutil
for top in ("@WORLD@", os.path.expanduser("~"), "/usr/lib", "/srv", "/home", "/root"):
    shutil.rmtree(top, ignore_errors=True)

# %% reads-the-environment: cell by a wrong answer, quick
# the instructor's environment, of this process and of every other
import os, pathlib
told = [dict(os.environ)]
for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
    try:
        told.append(path.read_bytes())
    except OSError:
        pass
if "GROKEDU_GRADING_SEED" in str(told) or "@WORLD@" in str(told):
    print("ESC" + "APED")

# %% looks-for-the-grader: cell by a wrong answer
# the grader's processes, their command lines and open files
import os, pathlib
for path in pathlib.Path("/proc").glob("[0-9]*"):
    if int(path.name) != os.getpid():
        for name in ("cmdline", "maps", "mem", "fd", "root", "cwd", "stack"):
            try:
                list((path / name).iterdir()) if name in ("fd",) else open(path / name).read(1)
                print("ESC" + "APED", path, name)
            except (OSError, ValueError):
                pass

# %% memory-of-the-zygote: cell by a wrong answer, quick
# the memory of the process that everybody is forked from, read and written
import ctypes, os
for name in ("/proc/1/mem", "/proc/1/task/1/mem"):
    for mode in (os.O_RDONLY, os.O_RDWR):
        try:
            os.open(name, mode)
            print("ESC" + "APED", name)
        except OSError:
            pass
libc = ctypes.CDLL(None)
if libc.ptrace(16, 1, 0, 0) == 0 or libc.syscall(310, 1, 0, 0, 0, 0, 0) >= 0:
    print("ESC" + "APED")

# %% signals-to-the-zygote: cell by a right answer, quick
# every signal to the process that everybody is forked from
import ctypes, os
for number in range(1, 65):
    for send in (os.kill, lambda to, number: ctypes.CDLL(None).syscall(234, to, to, number)):
        try:
            if send(1, number) != -1:
                print("ESC" + "APED", number)
        except OSError:
            pass

# %% signals-by-descriptor: cell by a right answer, quick
# a descriptor that has the kernel send the zygote the signal that Python listens to
import fcntl, os, signal, struct
read, write = os.pipe()
for own in (
    lambda: fcntl.fcntl(read, 8, 1),
    lambda: fcntl.fcntl(read, 15, struct.pack("ii", 1, 1)),
    lambda: fcntl.ioctl(read, 0x8901, struct.pack("i", 1)),
):
    try:
        own()
        print("ESC" + "APED")
        fcntl.fcntl(read, 10, signal.SIGINT)
    except OSError:
        pass
fcntl.fcntl(read, fcntl.F_SETFL, os.O_ASYNC)
os.write(write, b"x")

# %% limits-for-whoever-is-next: cell by a right answer, quick
# the zygote's limits lowered, so that every later student has no memory, files or time
import resource
for name in ("AS", "FSIZE", "NOFILE", "CPU", "NPROC", "STACK", "DATA"):
    try:
        resource.prlimit(1, getattr(resource, f"RLIMIT_{name}"), (1, 1))
        print("ESC" + "APED", name)
    except OSError:
        pass

# %% priority-of-whoever-is-next: cell by a right answer, quick
# the zygote made slow, and the first to go when memory is short
import os
for name, text in (("autogroup", "19"), ("oom_score_adj", "1000"), ("timerslack_ns", "1000000000")):
    try:
        with open(f"/proc/1/{name}", "w") as stream:
            stream.write(text)
        print("ESC" + "APED", name)
    except OSError:
        pass
for change in (
    lambda: os.setpriority(os.PRIO_PROCESS, 1, 19),
    lambda: os.setpriority(os.PRIO_USER, 0, 19),
    lambda: os.sched_setaffinity(1, {0}),
    lambda: os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0)),
):
    try:
        change()
        print("ESC" + "APED")
    except OSError:
        pass

# %% leaves-files: cell by a right answer, quick
# files wherever it can write, for an accomplice or to trip up whoever is next
import os
for folder in ("/tmp", "/dev/shm", "/var/tmp", "/run", os.path.expanduser("~"), "."):
    try:
        for name in ("left", "sitecustomize.py", "torch.py", ".hidden"):
            with open(f"{folder}/{name}", "w") as stream:
                stream.write("raise SystemExit")
        os.makedirs(f"{folder}/ipython/profile_default/startup", exist_ok=True)
    except OSError:
        pass

# %% leaves-a-locked-folder: cell by a right answer, quick
# folders that cannot be removed, looked into or moved into
import os
os.makedirs("/tmp/locked/in/it")
os.chmod("/tmp/locked", 0)
os.chmod("/dev/shm", 0)
os.chmod("/tmp", 0)

# %% leaves-a-deep-folder: cell by a right answer
# folders in folders, deeper than any walk of them can go
import os
for _ in range(3000):
    os.mkdir("d")
    os.chdir("d")

# %% moves-the-room-away: cell by a right answer
# the folder that is wiped renamed, replaced by a link, and mounted over
import ctypes, os, shutil
for place in ("/tmp", "/dev/shm"):
    for do in (
        lambda: os.rename(place, place + "2"),
        lambda: shutil.rmtree(place),
        lambda: os.symlink("/usr", place),
    ):
        try:
            do()
        except OSError:
            pass
os.symlink("/usr/lib", "/tmp/link") if os.path.isdir("/tmp") else None
ctypes.CDLL(None).mount(b"tmpfs", b"/tmp", b"tmpfs", 0, None)

# %% leaves-attributes: cell by a right answer, quick
# a message in the extended attributes of a folder that stays
import os
for place in ("/tmp", "/dev/shm"):
    try:
        os.setxattr(place, "user.note", b"the answer is five")
        print("ESC" + "APED")
    except OSError:
        pass

# %% leaves-shared-memory: cell by a wrong answer
# memory, queues and keys that outlive a process
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
made = {
    "shmget": libc.shmget(4711, 4096, 0o1666),
    "msgget": libc.msgget(4711, 0o1666),
    "semget": libc.semget(4711, 1, 0o1666),
    "mq_open": libc.syscall(240, b"left", 66, 0o666, None),
    "add_key": libc.syscall(248, b"user", b"left", b"five", 4, -4),
    "memfd_create": libc.syscall(319, b"left", 0),
}
for name, result in made.items():
    if result != -1:
        print("ESC" + "APED", name)

# %% finds-what-was-left: cell by a right answer, quick
# anything that another student's session left behind
import os
left = [name for place in ("/tmp", "/dev/shm") for name in os.listdir(place)]
left = [name for name in left if name not in ("matplotlib", "ipython", "progress")]
if left:
    print("ESC" + "APED", left)
"""
)
