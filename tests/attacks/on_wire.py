"""Attacks on the line to the judge: replies that are forged, early, huge, deep, broken or none."""

from __future__ import annotations

from tests.attacks.corpus import grokking, parsed

# How to get at the line from the learner's own code, and what goes over it.
PRELUDE = """\
import gc, json, os, socket, torch
from grokedu.classroom.checking import wire
session = next(
    each for each in gc.get_objects() if isinstance(each, socket.socket) and each.fileno() >= 0
)
def frame(body):
    return len(body).to_bytes(8, "little") + body
def returned(result):
    return wire.encode({"status": "returned", "result": result, "args": [], "kwargs": {}})
def message(tree):
    header = json.dumps({"dict": [["status", "returned"], ["result", tree]]}).encode()
    return len(header).to_bytes(8, "little") + header + (2).to_bytes(8, "little") + b"{}"
"""

ATTACKS = parsed(
    r"""
# %% replies-in-advance: answer, quick
# sends the judge replies to all it could ask before it asks
ran = json.dumps({"status": "ran", "printed": ""}).encode()
session.sendall(frame(ran) + frame(b"[]") + 40 * frame(returned(torch.tensor(5.0))))
def weight_norm(weights):
    return torch.tensor(5.0)

# %% replies-with-a-verdict: answer, quick
# replies with what a verdict looks like, points and all
def weight_norm(weights):
    body = {"status": "returned", "points": 2.0, "outcome": "correct", "result": 2.0}
    session.sendall(frame(wire.encode(body)))
    return 2.0

# %% an-unknown-status: answer
# a status that means nothing, in the hope that it counts as right
def weight_norm(weights):
    session.sendall(frame(wire.encode({"status": "correct", "result": 2.0})))

# %% a-list-for-a-cell: cell by a right answer, quick
# a list where the judge waits for what became of the cell
session.sendall(frame(b"[1, 2, 3]"))

# %% deep-for-a-cell: cell by a wrong answer
# lists in lists where the judge waits for what a cell printed
depth = 900
text = "[" * depth + "]" * depth
session.sendall(frame(('{"status": "ran", "printed": ' + text + "}").encode()))

# %% deeper-for-a-cell: cell by a right answer
# lists in lists until a reader of JSON has no stack left
session.sendall(frame(b"[" * 2**19 + b"]" * 2**19))

# %% strange-parts-for-a-cell: cell by a wrong answer, quick
# every part of the reply to a cell of a wrong kind
crash = {"type": [1], "message": {"a": 1}, "line": 10**4000, "text": None, "function": 1e999}
session.sendall(frame(json.dumps({"status": ["ran"], "printed": {}, "crash": crash}).encode()))

# %% half-letters: cell by a wrong answer, quick
# letters that are no Unicode in what a cell prints and raises, to break who writes them to a file
crash = {"type": "\udc80", "message": "\ud800\x00\x1b[31m", "line": 1, "text": "\udfff"}
reply = {"status": "raised", "printed": "\ud800\x00\x1b]0;x\x07", "crash": crash}
session.sendall(frame(json.dumps(reply).encode()))

# %% a-length-of-an-exabyte: answer, quick
# a message that says it is 2**62 bytes long, for the judge to make room
def weight_norm(weights):
    session.sendall((2**62).to_bytes(8, "little"))
    return torch.tensor(5.0)

# %% a-length-of-nothing: answer
# a message of no bytes
def weight_norm(weights):
    session.sendall(bytes(8))

# %% a-reply-too-long: answer
# a reply longer than any may be
def weight_norm(weights):
    session.sendall((2**26 + 2**20).to_bytes(8, "little") + bytes(2**26 + 2**20))

# %% bytes-without-end: answer
# bytes without end, for the judge to keep
def weight_norm(weights):
    while True:
        session.sendall(b"\x10" + bytes(2**20))

# %% a-byte-a-second: answer
# a reply that drips, to hold the judge for days
import time
def weight_norm(weights):
    session.sendall((2**20).to_bytes(8, "little"))
    while True:
        session.sendall(b"x")
        try:
            time.sleep(0.5)
        except BaseException:
            pass

# %% half-a-reply: answer
# half a reply, and the end of the process
def weight_norm(weights):
    reply = frame(returned(torch.tensor(5.0)))
    session.sendall(reply[: len(reply) // 2])
    os._exit(0)

# %% hangs-up: answer, quick
# closes the line in the middle of a call
def weight_norm(weights):
    session.shutdown(socket.SHUT_RDWR)
    session.close()

# %% descriptors-as-a-gift: answer
# descriptors sent over the line, to fill the judge's own table
def weight_norm(weights):
    pair = os.pipe()
    for _ in range(200):
        socket.send_fds(session, [b"\x01"], [pair[0]] * 100)
    return torch.tensor(5.0)

# %% a-second-reader: answer, quick
# a thread that takes the judge's requests off the line before the server does
import threading
def read():
    while True:
        session.recv(2**20)
threading.Thread(target=read, daemon=True).start()
def weight_norm(weights):
    return torch.tensor(5.0)

# %% colliding-keys: answer, quick
# a dict whose keys all have one hash, so that to build it takes the square of their number
prime = 2**61 - 1
keys = message({"dict": [[prime * number, 0] for number in range(60000)]})
def weight_norm(weights):
    session.sendall(frame(keys))
    return torch.tensor(5.0)

# %% a-hundred-thousand-tensors: answer
# a payload of empty tensors, each of which costs more to have than to send
entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
named = {str(number): entry for number in range(100000)}
head = json.dumps(named).encode()
tree = json.dumps({"dict": [["status", "returned"], ["result", 1.0]]}).encode()
many = len(tree).to_bytes(8, "little") + tree + len(head).to_bytes(8, "little") + head
def weight_norm(weights):
    session.sendall(frame(many))
    return torch.tensor(5.0)

# %% many-nodes: answer
# a tree of half a million nodes
wide = message({"list": [{"list": []} for _ in range(500000)]})
def weight_norm(weights):
    session.sendall(frame(wide))

# %% deep-nesting: answer, quick
# a value nested a hundred thousand levels deep
def weight_norm(weights):
    header = b'{"list":[' * 100000 + b"]}" * 100000
    body = len(header).to_bytes(8, "little") + header + (2).to_bytes(8, "little") + b"{}"
    session.sendall(frame(body))

# %% a-pickle: answer
# a pickle that would run a command where it is opened
import pickle
class Bomb:
    def __reduce__(self):
        return os.system, ("touch @WORLD@/pickled",)
def weight_norm(weights):
    session.sendall(frame(pickle.dumps(Bomb())))

# %% broken-tensors: answer
# tensors whose headers lie about where their bytes are
def weight_norm(weights):
    entry = {"dtype": "F64", "shape": [2**40], "data_offsets": [0, 2**43]}
    head = json.dumps({"0": entry}).encode()
    tree = json.dumps({"dict": [["status", "returned"], ["result", {"tensor": "0"}]]}).encode()
    body = len(tree).to_bytes(8, "little") + tree + len(head).to_bytes(8, "little") + head
    session.sendall(frame(body))

# %% dtypes-nobody-compares: answer, quick
# one number in every dtype that safetensors knows, for the judge to stumble over
kinds = {"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "F8_E8M0": 8, "F8_E4M3": 8, "F8_E5M2": 8, "C64": 64}
kinds |= {"U16": 16, "U32": 32, "U64": 64, "BF16": 16, "F16": 16, "BOOL": 8, "F8_E4M3FNUZ": 8}
left = sorted(kinds)
def weight_norm(weights):
    kind = left[len(weights) % len(left)]
    head = json.dumps({"0": {"dtype": kind, "shape": [], "data_offsets": [0, kinds[kind] // 8]}})
    tree = json.dumps({"dict": [["status", "returned"], ["result", {"tensor": "0"}]]}).encode()
    body = len(tree).to_bytes(8, "little") + tree + len(head).to_bytes(8, "little")
    session.sendall(frame(body + head.encode() + b"\xff" * (kinds[kind] // 8)))

# %% an-integer-of-a-million-digits: answer
# an integer that takes long to read and longer to write
def weight_norm(weights):
    header = b'{"dict":[["status","returned"],["result",' + b"9" * 10**6 + b"]]}"
    body = len(header).to_bytes(8, "little") + header + (2).to_bytes(8, "little") + b"{}"
    session.sendall(frame(body))

# %% denies-its-reference: cell by a right answer
# a right answer that lies to the judge's question for references: no worse than a copy of it
import grokedu.grading.sandbox.kernel as kernel
kernel.answers_taken = kernel.references_called = lambda *args: []

# %% says-every-reference-is-taken: cell by a wrong answer
# an answer that says of itself that it is the reference
import grokedu.grading.sandbox.kernel as kernel
kernel.answers_taken = lambda *args: ["weight_norm"]
""",
    PRELUDE,
)
EMPTY_TRACE = """\
from grokedu.classroom.checking.probes import PROBES
PROBES["for_seeds"] = lambda answer, *args: []
def train_test_split(n, fraction, generator):
    raise ValueError("nothing is split here")
"""
STRANGE_TRACE = """\
from grokedu.classroom.checking.probes import PROBES
PROBES["training_steps"] = lambda answer, *args: {"returned": [], "weights": []}
def train_step(optimizer, compute_loss):
    return 0.0
"""
ATTACKS += [
    grokking(
        "an-empty-trace",
        "a probe that brings back a trace of no calls, in which nothing is wrong",
        {"train_test_split": EMPTY_TRACE},
        {"train_test_split": 1.0},  # the error for an empty part is what was asked for
        quick=True,
    ),
    grokking(
        "a-trace-of-no-steps",
        "a probe that says it made no steps",
        {"train_step": STRANGE_TRACE},
        {"train_step": 0.0},
    ),
]
