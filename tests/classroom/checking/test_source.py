"""The learner's cell and its answer, lifted from a reference; names that cells bind and need."""

from __future__ import annotations

import ast
import functools

import pytest
import torch
from torch import Tensor

from grokedu.classroom.checking.source import mark, names_bound, names_needed, solution, stub


def documented(x: Tensor, power: float = 2.0) -> Tensor:
    """The sum of powers.

    >>> documented(torch.ones(2)).item()
    2.0
    """
    # First the powers,
    # then their sum.
    powers = x**power

    def total(values):
        return values.sum()

    return total(powers)  # it ends here


def undocumented(x):
    return x


def decorated_inside(x):
    """It has a decorated function inside."""

    @functools.cache
    def inner(y):
        return y + 1

    return inner(x)


@functools.cache
def decorated(x):
    """A decorator of the lesson's own is not the learner's."""
    return x


class Layer(torch.nn.Module):
    """A layer."""

    scale = 2.0

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(width, width)

    @property
    def width(self) -> int:
        """How wide it is."""
        return self.inner.in_features

    def forward(self, x: Tensor) -> Tensor:
        """Scaled, of the same shape."""
        return self.scale * self.inner(x)


def test_a_function_keeps_its_signature_and_docstring():
    assert stub(documented).split("\n") == [
        "def documented(x: Tensor, power: float = 2.0) -> Tensor:",
        '    """The sum of powers.',
        "",
        "    >>> documented(torch.ones(2)).item()",
        "    2.0",
        '    """',
        "    # write your code here",
        "    raise NotImplementedError()",
    ]
    whole = solution(documented).split("\n")
    begin, end = whole.index("    ### BEGIN SOLUTION"), whole.index("    ### END SOLUTION")
    assert whole[begin + 1] == "    # First the powers,"
    assert whole[end - 1] == "    return total(powers)  # it ends here"
    assert end == len(whole) - 1


def test_a_class_keeps_everything_but_the_bodies_of_its_methods():
    said = stub(Layer)
    assert said.count("raise NotImplementedError()") == 3
    for kept in ('"""A layer."""', "scale = 2.0", "@property", '"""How wide it is."""'):
        assert kept in said
    for secret in ("super()", "self.inner", "self.scale"):
        assert secret not in said


@pytest.mark.parametrize("reference", [documented, undocumented, decorated_inside, Layer])
def test_the_stub_is_code_that_raises_and_the_solution_is_the_reference(reference):
    names = {"Tensor": Tensor, "torch": torch, "functools": functools}
    exec(stub(reference), names)
    with pytest.raises(NotImplementedError):
        names[reference.__name__](1)
    text = solution(reference)
    plain = "\n".join(line for line in text.split("\n") if "SOLUTION" not in line)
    exec(plain, names)
    assert "SOLUTION" not in stub(reference)
    if reference is not Layer:
        x = torch.ones(2) if reference is documented else 3
        assert names[reference.__name__](x) == reference(x)


def test_decorators_of_the_whole_stay_with_the_lesson():
    assert solution(decorated).startswith("def decorated(x):")


def test_several_functions_are_each_marked():
    marked = mark("def f():\n    return 1\n\n\ndef g():\n    return 2")
    assert marked.count("### BEGIN SOLUTION") == marked.count("### END SOLUTION") == 2
    ast.parse(marked)


def test_a_body_on_the_line_of_its_head_cannot_be_marked():
    with pytest.raises(ValueError, match="'f' has its body on the line of its head"):
        mark("def f(x): return x")


BOUND = {
    "import torch\nimport numpy as np\nimport os.path\nfrom a import b as c, d": "torch np os c d",
    "x = y = 1\na, (b, *c) = z\nd: int = 3\ne += 1": "x y a b c d e",
    "def f(inner):\n    local = 1\nclass C:\n    attribute = 2": "f C",
    "for i in range(3):\n    pass\nwith open(p) as file:\n    pass": "i file",
    "try:\n    pass\nexcept ValueError as error:\n    pass": "error",
    "squares = [hidden**2 for hidden in range(3)]\n(seen := 3)": "squares seen",
    "if check.ready('f'):\n    late = 1\nlambda other: other": "late",
    "match p:\n    case [first, *rest]:\n        pass": "first rest",
}


@pytest.mark.parametrize("code", BOUND)
def test_names_that_code_binds(code):
    assert names_bound(code) == set(BOUND[code].split())


NEEDED = {
    "x = y + len(z)": "y z",
    "def f(a: Tensor, b=start) -> Tensor:\n    c = a + outer\n    return c": "Tensor start outer",
    "def f():\n    def g():\n        return deep\n    return g": "deep",
    "def f(n):\n    return f(n - 1)": "",
    "class C(Base):\n    scale = factor\n    def g(self):\n        return self.scale * other": (
        "Base factor other"
    ),
    "[v for v in rows if v > limit]": "rows limit",
    "import torch\ntorch.ones(n)": "n",
    "def f():\n    import math\n    return math.pi * print(__name__)": "",
}


@pytest.mark.parametrize("code", NEEDED)
def test_names_that_code_needs(code):
    assert names_needed(code) == set(NEEDED[code].split())
