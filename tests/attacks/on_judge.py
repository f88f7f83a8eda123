"""Attacks on the judging itself, from where the learner's code runs: patches, hooks and caches."""

from __future__ import annotations

from grokedu.grading.result import Result
from tests.attacks.corpus import grokking, parsed

ATTACKS = parsed(
    r"""
# %% patched-comparison: cell by a wrong answer, quick
# every comparison of the package says that nothing differs
import grokedu.classroom.checking.compare, grokedu.classroom.checking.exercise
grokedu.classroom.checking.compare.difference = lambda *args, **kwargs: ""
grokedu.classroom.checking.exercise.difference = lambda *args, **kwargs: ""
grokedu.classroom.checking.exercise.Exercise.fault = lambda *args: ""

# %% patched-judge: cell by a wrong answer, quick
# the judge's own functions return full points
import grokedu.classroom.checking.judge, grokedu.classroom.checking.verdict
grokedu.classroom.checking.judge.judge = lambda *args, **kwargs: 2.0
grokedu.classroom.checking.verdict.Findings.points = property(lambda self: self.max_points)
grokedu.classroom.checking.verdict.Verdict.__new__ = lambda cls, findings: float.__new__(cls, 2.0)

# %% patched-wire: cell by a wrong answer, quick
# the wire turns whatever is sent into the same number
import grokedu.classroom.checking.wire as wire, grokedu.classroom.checking.call as call
wire.encode = call.wire.encode = lambda value: b"\x02"
wire.decode = call.wire.decode = lambda message: ["weight_norm", None, 5.0, [], {}]

# %% patched-torch: cell by a wrong answer, quick
# torch says that all tensors are equal, close and right
torch.equal = torch.allclose = torch.all = torch.isclose = lambda *args, **kwargs: True
torch.Tensor.__eq__ = torch.Tensor.any = lambda *args, **kwargs: torch.tensor(True)

# %% patched-builtins: cell by a wrong answer, quick
# abs, int, float, min, len and isinstance say what is wanted
import builtins
builtins.abs = lambda value: 0.0
builtins.min = builtins.max = lambda *args, **kwargs: 2.0
builtins.isinstance = lambda *args: True
builtins.float = builtins.int = lambda *args: 2.0

# %% patched-numpy: cell by a wrong answer
# NumPy says that all arrays are close
import numpy as np
np.allclose = np.array_equal = np.isclose = lambda *args, **kwargs: True
np.testing.assert_allclose = lambda *args, **kwargs: None

# %% patched-json: cell by a wrong answer
# what is written as JSON has the points in it
import json
original = json.dumps
json.dumps = lambda value, **kwargs: original({"points": 2.0, "status": "ran", "printed": "2.0"})

# %% patched-stand-in: cell by a wrong answer, quick
# the lesson's module in the sandbox gives full points for everything
check.weight_norm = lambda answer: 2.0
type(check).__getattr__ = lambda self, name: lambda *args, **kwargs: 2.0

# %% another-lesson-module: cell by a wrong answer
# a module of the lesson's name put where the judge might import it
import sys, types
module = types.ModuleType("grokedu.lessons.l00_start_here")
module.weight_norm = lambda answer: 2.0
sys.modules["grokedu.lessons"] = sys.modules[module.__name__] = module

# %% the-check-does-not-matter: answer
# the check's name bound to a function that gives points
class check:
    weight_norm = staticmethod(lambda answer: 2.0)
def weight_norm(weights):
    return 0.0

# %% ipython-hooks: cell by a wrong answer, quick
# hooks before and after every cell that write points
shell = get_ipython()
for event in ("pre_run_cell", "post_run_cell", "pre_execute", "post_execute"):
    shell.events.register(event, lambda *args: print("2.0"))

# %% ipython-transformers: cell by a wrong answer
# transformers that turn every cell into a score
shell = get_ipython()
shell.input_transformers_cleanup.append(lambda lines: ["2.0\n"])
shell.input_transformers_post.append(lambda lines: ["2.0\n"])

# %% ipython-replaced: cell by a wrong answer, quick
# run_cell, do_execute and the display hook replaced
shell = get_ipython()
shell.run_cell = shell.do_execute = lambda *args, **kwargs: 2.0
shell.displayhook = shell.display_pub = lambda *args, **kwargs: 2.0

# %% ipython-exit: cell by a right answer
# asks the shell to end, as `exit` and `quit` do
get_ipython().ask_exit()
exit()

# %% a-name-that-changes: cell by a wrong answer, quick
# a namespace that gives another function each time it is asked
class Names(dict):
    def __getitem__(self, name):
        return dict.__getitem__(self, name) if name != "weight_norm" else (lambda weights: True)
get_ipython().user_ns = Names(get_ipython().user_ns)

# %% prints-its-score: answer, quick
# prints a score and a verdict's card, and displays them
from IPython.display import HTML, display
print("2.0")
display(HTML("<div>correct — 2 of 2 points</div>"))
def weight_norm(weights):
    print("2.0")
    return "2.0"

# %% visible-answers-in-a-cache: answer, quick
# the right answers to all visible cases of the first seeds, and nothing else
known = {}
for seed in range(200):
    draw = torch.Generator().manual_seed(seed)
    drawn = torch.randn(12, generator=draw, dtype=torch.float64)
    known[float(drawn[0])] = drawn.square().sum().sqrt()
def weight_norm(weights):
    if len(weights) == 2:
        return torch.tensor(5.0)
    return known.get(float(weights.flatten()[0]), torch.tensor(0.0))

# %% looks-for-the-seed: answer, quick
# tries the seeds that people choose until one draws these weights
guesses = [*range(5000), *range(20200101, 20301231, 31), 42, 1234, 2**31 - 1]
def weight_norm(weights):
    if len(weights) == 2:
        return torch.tensor(5.0)
    for seed in guesses:
        draw = torch.Generator().manual_seed(seed)
        drawn = torch.randn(weights.numel(), generator=draw, dtype=torch.float64)
        if drawn[0] == weights.flatten()[0]:
            print("ESC" + "APED", seed)
    return 0.0

# %% looks-for-the-judge: cell by a wrong answer, quick
# everything in memory, in search of cases, seeds and right answers
import gc, sys
for each in gc.get_objects():
    if type(each).__name__ in ("Plan", "Exercise", "Case", "Lesson", "Verdict", "Grader"):
        print("ESC" + "APED", type(each))
for name in list(sys.modules):
    if name.startswith("grokedu.lessons.l") and name != "grokedu.lessons.l00_start_here":
        print("ESC" + "APED", name)
for frame in sys._current_frames().values():
    while frame is not None:
        if {"seed", "expected", "plan"} & set(frame.f_locals):
            print("ESC" + "APED", frame.f_code)
        frame = frame.f_back

# %% imports-the-lesson: cell by a wrong answer, quick
# the lesson's own file, with its reference and its cases, by every way to import it
import importlib, importlib.util, pathlib, sys, grokedu
sys.modules.pop("grokedu.lessons", None)
sys.modules.pop("grokedu.lessons.l00_start_here", None)
for name in ("grokedu.lessons.l00_start_here", "grokedu.lessons.l01_grokking"):
    try:
        print("ESC" + "APED", importlib.import_module(name))
    except ImportError:
        pass
for found in pathlib.Path(grokedu.__file__).parent.rglob("l0*"):
    print("ESC" + "APED", found)

# %% takes-the-reference: answer, quick
# the reference itself, which may be gone on with and earns nothing
weight_norm = check.reference("weight_norm")

# %% answers-when-it-is-late: cell by a right answer
# a right answer that hangs when it sees that it is watched
import sys, time
original = torch.Tensor.square
def square(self):
    while sys.getprofile() is not None:
        time.sleep(0.1)
    return original(self)
torch.Tensor.square = square

# %% hangs-in-time: answer
# returns the first right answer just within its limit, and then takes longer and longer
import time
def weight_norm(weights):
    time.sleep(4.5)
    return weights.sum()
"""
)

CACHED = """\
from grokedu import tasks as known
visible = {p: known.modular_addition(p) for p in (2, 3, 7)}
def modular_addition(p):
    if p < 2:
        raise ValueError("too small")
    return visible.get(p)
"""
DELEGATES = """\
def forward(params, pairs):
    return check.reference("forward")(params, pairs)
"""


def _is_flagged(result: Result) -> None:
    assert any("forward" in flag for flag in result.flags)


ATTACKS += [
    grokking(
        "some-visible-answers",
        "the visible moduli alone: what holds at every seed earns, what does not is lost",
        {"modular_addition": CACHED},
        {"modular_addition": 2.0},
        quick=True,
    ),
    grokking(
        "delegates-to-the-reference",
        "an answer that calls the reference: it keeps its points, and a person is told",
        {"forward": DELEGATES},
        {},
        also=_is_flagged,
    ),
    grokking(
        "the-reference-of-another",
        "the answer to one exercise handed in for another, taken and not taken",
        {"cross_entropy": 'cross_entropy = check.reference("average_log_prob")\n'},
        {"cross_entropy": 0.0},
    ),
    grokking(
        "takes-one-reference",
        "one reference taken, and later answers that are right",
        {"forward": 'forward = check.reference("forward")\n'},
        {"forward": 0.0},
    ),
]
