"""Attacks on the process that runs the code, and on what it may take: time, memory, disk."""

from __future__ import annotations

from tests.attacks.corpus import grokking, parsed

ATTACKS = parsed(r"""
# %% exit-in-the-call: answer, quick
# os._exit in the call, to look as if it had returned
import os
def weight_norm(weights):
    os._exit(0)

# %% exit-in-a-cell: cell by a right answer
# os._exit in a cell of its own; the answers around it are judged
import os
os._exit(0)

# %% system-exit: answer
# SystemExit, which `except Exception` lets through
def weight_norm(weights):
    raise SystemExit(0)

# %% keyboard-interrupt: answer
# KeyboardInterrupt, as if a person had pressed stop
def weight_norm(weights):
    raise KeyboardInterrupt

# %% segfault: answer, quick
# a fault in compiled code
import ctypes
def weight_norm(weights):
    return ctypes.string_at(0)

# %% abort: answer
# abort(3), whose core could fill the disk
import ctypes
def weight_norm(weights):
    ctypes.CDLL(None).abort()

# %% endless-loop: answer, quick
# a loop without end
def weight_norm(weights):
    while True:
        pass

# %% loop-that-swallows: answer
# a loop that swallows every interruption
def weight_norm(weights):
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue

# %% loop-in-c: answer
# a call into C that does not come back to the interpreter
def weight_norm(weights):
    return sum(range(10**13))

# %% loop-in-a-cell: cell by a right answer
# a cell without end
import math
while True:
    pass

# %% loop-at-the-end-of-the-cell: cell by a right answer
# a cell that ignores interruption and then goes on hanging
import signal, time
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True:
    try:
        time.sleep(100)
    except BaseException:
        pass

# %% catastrophic-pattern: cell by a right answer
# a pattern that takes years to match
import re
re.match(r'(a+)+$', 'a' * 60 + 'b')

# %% stop-itself: answer
# SIGSTOP, to be neither alive nor dead
import os, signal
def weight_norm(weights):
    os.kill(os.getpid(), signal.SIGSTOP)

# %% kill-itself: answer
# SIGKILL to itself
import os, signal
def weight_norm(weights):
    os.kill(os.getpid(), signal.SIGKILL)

# %% kill-everybody: cell by a right answer, quick
# SIGKILL to every process there is
import os, signal
for target in (-1, 0, 1):
    try:
        os.kill(target, signal.SIGKILL)
    except OSError:
        pass

# %% fork-bomb: cell by a right answer, quick
# forks without end
import os
while True:
    os.fork()

# %% fork-and-outlive: cell by a right answer
# a forked child that outlives the grading
import os, time
if os.fork() == 0:
    os.setsid()
    time.sleep(10**6)

# %% vfork-and-clone: cell by a right answer
# clone, clone3 and vfork by their numbers
import ctypes
libc = ctypes.CDLL(None)
for number, flags in ((56, 17), (58, 0), (435, 0), (56, 0x10000000 | 17)):
    if libc.syscall(number, flags, 0, 0, 0, 0) == 0:
        while True:
            pass

# %% other-programs: cell by a right answer
# a shell by every way Python has
import os, pty, subprocess
for start in (
    lambda: os.system('sleep 10000 &'),
    lambda: subprocess.Popen(['sleep', '10000']),
    lambda: pty.fork(),
    lambda: os.posix_spawn('/bin/sleep', ['sleep', '10000'], {}),
    lambda: os.execv('/bin/sleep', ['sleep', '10000']),
):
    try:
        start()
    except OSError:
        pass

# %% thread-bomb: cell by a right answer, quick
# threads without end, until the host has no process ids left
import threading
threading.stack_size(32768)
hold = threading.Event()
while True:
    threading.Thread(target=hold.wait, daemon=True).start()

# %% thread-bomb-in-c: cell by a right answer
# threads without end, without the interpreter
import ctypes
libc = ctypes.CDLL(None)
attributes = ctypes.create_string_buffer(64)
libc.pthread_attr_init(attributes)
libc.pthread_attr_setstacksize(attributes, ctypes.c_size_t(16384))
thread = ctypes.c_ulong()
while libc.pthread_create(ctypes.byref(thread), attributes, libc.pause, None) == 0:
    pass

# %% thread-that-goes-on: cell by a wrong answer
# a thread that changes the answer while the judge asks
import threading, time
def lie():
    while True:
        globals()['weight_norm'] = lambda weights: 5.0
threading.Thread(target=lie, daemon=True).start()

# %% memory: answer, quick
# all the memory there is
def weight_norm(weights):
    hold = []
    while True:
        hold.append(bytearray(2**28))

# %% memory-by-tensor: answer
# a tensor of a terabyte
def weight_norm(weights):
    return weights.new_ones(2**37).sum()

# %% memory-by-view: answer
# a view of a terabyte, made of one number
def weight_norm(weights):
    return weights[:1].expand(2**37)

# %% deep-recursion: answer
# recursion without a limit, through the C stack
import sys
def weight_norm(weights):
    sys.setrecursionlimit(10**9)
    return weight_norm(weights)

# %% fill-the-disk: cell by a right answer, quick
# files until the disk is full
import os
for number in range(10**6):
    with open(f'/tmp/{number}', 'wb') as stream:
        stream.write(bytes(2**24))

# %% fill-shared-memory: cell by a right answer
# files in /dev/shm until memory is full
for number in range(10**6):
    with open(f'/dev/shm/{number}', 'wb') as stream:
        stream.write(bytes(2**24))

# %% one-huge-file: cell by a right answer
# a sparse file of a petabyte
with open('huge', 'wb') as stream:
    stream.truncate(2**50)

# %% many-files: cell by a right answer
# a million empty files, which take long to remove
import os
for number in range(10**7):
    os.close(os.open(f'/tmp/{number}', os.O_CREAT))

# %% print-without-end: cell by a right answer
# a hundred megabytes of prints
import math
for _ in range(100):
    print('x' * 2**20)

# %% print-in-the-call: answer
# prints in the call until nothing can hold them
def weight_norm(weights):
    for _ in range(200):
        print('x' * 2**20)
    return 0.0

# %% stderr-from-c: answer
# writes to every open descriptor from C
import os
def weight_norm(weights):
    for descriptor in (1, 2):
        os.write(descriptor, b'2.0\n')
    return 2.0

# %% close-descriptors: cell by a right answer, quick
# closes every descriptor, the judge's among them
import os
os.closerange(0, 4096)

# %% no-way-to-print: cell by a right answer
# sys.stdout closed and taken away
import sys
sys.stdout.close()
sys.stderr = sys.stdout = sys.__stdout__ = None

# %% exits-when-collected: answer
# objects that end the process when they are collected
import os
class Bomb:
    def __del__(self):
        os._exit(0)
def weight_norm(weights):
    return Bomb()
""")

HANGS = "def {name}(*args, **kwargs):\n    while True:\n        pass\n"
EXITS = """\
import os
def forward(*args):
    os._exit(0)
"""
EXITS_AGAIN = """\
import os, pathlib
if pathlib.Path("/tmp/second").exists():
    os._exit(0)
pathlib.Path("/tmp/second").touch()
def forward(*args):
    os._exit(0)
"""
EXERCISES = (
    "modular_addition train_test_split forward cross_entropy average_log_prob train_step "
    "grokking_delay censored_median"
).split()
ATTACKS += [
    grokking(
        "one-bad-answer",
        "a process that ends in one exercise, to cost or earn the others",
        {"forward": EXITS},
        {"forward": 0.0},
        quick=True,
    ),
    grokking(
        "one-bad-cell-late",
        "an answer whose cell ends the process when it is run once more",
        {"forward": EXITS_AGAIN},
        {"forward": 0.0},
    ),
    grokking(
        "four-answers-hang",
        "a hang in every other exercise, to hold a worker for good",
        {name: HANGS.format(name=name) for name in EXERCISES[::2]},
        dict.fromkeys(EXERCISES[::2], 0.0),
    ),
]
