"""Attacks by what a function returns: objects that lie, numbers that are none, views of nothing."""

from __future__ import annotations

from tests.attacks.corpus import parsed

ATTACKS = parsed(
    r"""
# %% float-that-equals-all: answer, quick
# a float equal to everything, larger than everything, and near everything
class Always(float):
    __eq__ = __lt__ = __gt__ = __le__ = __ge__ = lambda self, other: True
    __sub__ = __rsub__ = lambda self, other: 0.0
    __hash__ = float.__hash__
def weight_norm(weights):
    return Always(2.0)

# %% tensor-that-equals-all: answer, quick
# a Tensor of a subclass that answers every function of torch with True
class Always(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return torch.ones((), dtype=torch.bool)
def weight_norm(weights):
    return torch.zeros(()).as_subclass(Always)

# %% tensor-of-another-shape: answer
# a Tensor that lies about its shape, size and dtype
class Lies(torch.Tensor):
    shape = property(lambda self: torch.Size(()))
    dtype = property(lambda self: torch.float64)
    ndim = 0
    def numel(self):
        return 1
def weight_norm(weights):
    return torch.ones(1000).as_subclass(Lies)

# %% says-it-is-a-tensor: answer
# an object whose __class__ says that it is a tensor
class Lies:
    __class__ = property(lambda self: torch.Tensor)
    def __getattr__(self, name):
        return lambda *args, **kwargs: self
def weight_norm(weights):
    return Lies()

# %% list-that-changes: answer
# a list that is longer each time it is looked at
class Grows(list):
    def __iter__(self):
        while True:
            yield 0
    def __len__(self):
        return 0
def weight_norm(weights):
    return Grows([1.0])

# %% dict-that-hangs: answer
# a dict whose entries never come to an end
class Hangs(dict):
    def items(self):
        while True:
            pass
    keys = values = __iter__ = items
def weight_norm(weights):
    return Hangs(a=1)

# %% integer-that-lies: answer
# an int that says it is small and is of a million digits
class Small(int):
    def bit_length(self):
        return 1
def weight_norm(weights):
    return Small(10**1000000)

# %% generator-that-hangs: answer
# an iterator that never yields
def weight_norm(weights):
    def forever():
        while True:
            pass
        yield 1
    return forever()

# %% repr-that-hangs: answer
# an exception whose message never ends
class Endless(Exception):
    def __str__(self):
        while True:
            pass
def weight_norm(weights):
    raise Endless

# %% exception-of-no-exception: answer
# an exception whose name, message and traceback lie
class Pass(Exception):
    __module__ = property(lambda self: 1 / 0)
    def __str__(self):
        raise SystemExit(0)
Pass.__name__ = "correct — 2 of 2 points"
def weight_norm(weights):
    raise Pass

# %% nan: answer, quick
# nan, which compares as nothing else does
def weight_norm(weights):
    return weights.sum() * float("nan")

# %% infinity: answer
# infinity, which is within infinite bounds of everything
def weight_norm(weights):
    return torch.tensor(float("inf"))

# %% true: answer, quick
# True, which some graders take for full marks
def weight_norm(weights):
    return True

# %% points-as-the-result: answer
# the points themselves as the last expression and as the result
import numpy as np
def weight_norm(weights):
    return np.float64(2.0)
np.float64(2.0)

# %% a-coarse-number: answer
# half precision, too coarse to tell wrong from right
def weight_norm(weights):
    return torch.tensor(5.0, dtype=torch.bfloat16)

# %% a-coarser-number: answer
# a number of eight bits whose rounding error is larger than it
def weight_norm(weights):
    return torch.tensor(5.0).to(torch.float8_e5m2)

# %% a-complex-number: answer
# a complex number with the right size and the wrong direction
def weight_norm(weights):
    return 1j * weights.square().sum().sqrt()

# %% a-tensor-without-numbers: answer
# a tensor on the device "meta", which has a shape and no numbers
def weight_norm(weights):
    return torch.empty((), device="meta")

# %% a-sparse-tensor: answer
# a sparse tensor whose indices lie outside of it
def weight_norm(weights):
    index = torch.tensor([[10**9]])
    return torch.sparse_coo_tensor(index, torch.ones(1), (2,), check_invariants=False)

# %% an-object-array: answer
# a NumPy array of Python objects
import numpy as np
def weight_norm(weights):
    return np.array([weights, print, object()], dtype=object)

# %% one-list-many-times: answer
# a list in a list in a list, twice each, which is a million lists when it is written out
def weight_norm(weights):
    found = []
    for _ in range(30):
        found = [found, found]
    return found

# %% a-list-in-itself: answer, quick
# a list that contains itself
def weight_norm(weights):
    found = []
    found.append(found)
    return found

# %% changes-its-argument: answer, quick
# a right number, and the argument changed so that it is right
def weight_norm(weights):
    weights.zero_()
    return weights.sum()

# %% right-but-in-place: answer
# the right norm, computed by writing into the weights
def weight_norm(weights):
    return weights.square_().sum().sqrt()

# %% resizes-its-argument: answer
# the argument resized to a terabyte behind its storage
def weight_norm(weights):
    weights.set_(weights.untyped_storage(), 0, (1,), (0,)).resize_(1)
    return weights.expand(2**40)

# %% a-result-with-history: cell by a right answer
# a right result that drags a graph with hooks behind it
def hook(gradient):
    raise SystemExit(0)
original = torch.Tensor.square
def square(self):
    found = original(self.clone().requires_grad_())
    found.register_hook(hook)
    return found
torch.Tensor.square = square

# %% an-async-answer: answer
# a coroutine, which is neither a result nor an error
async def weight_norm(weights):
    return weights.square().sum().sqrt()

# %% a-class-for-a-function: answer
# a class whose instances say that they are all things
class weight_norm:
    def __init__(self, weights):
        pass
    def __eq__(self, other):
        return True

# %% not-a-function: answer, quick
# a number where a function is wanted
weight_norm = 2.0

# %% half-right: answer, earns 1
# right for one vector, wrong for a matrix: it earns what is right in it
def weight_norm(weights):
    return weights.square().sum(dim=-1).sqrt()
"""
)
