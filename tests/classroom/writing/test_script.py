"""A lesson's script: roles and ids, and what is refused with the file named."""

from __future__ import annotations

import pytest

from grokedu.classroom.writing.script import ScriptError, read_script

GOOD = """\
# %% [markdown]
# # Title
#
# Some *text*.

# %% setup="imports"
import torch
# a comment

x = 1
# %% answer="forward"

# %% test="forward"

# %% predict="norm"
check.predict("norm", ...)


# %% experiment="watch-it"
%matplotlib inline
print("# %% not a marker")

# %% explorer="look"
show()
# %% [markdown] reflect="why"
# YOUR ANSWER HERE
"""


def read(tmp_path, text):
    path = tmp_path / "07_topic.py"
    path.write_text(text, encoding="utf-8")
    return read_script(path)


def test_cells_come_with_their_role_and_id(tmp_path):
    cells = read(tmp_path, GOOD)
    assert [(cell.kind, cell.role, cell.id) for cell in cells] == [
        ("markdown", "", ""),
        ("code", "setup", "imports"),
        ("code", "answer", "forward"),
        ("code", "test", "forward"),
        ("code", "predict", "norm"),
        ("code", "experiment", "watch-it"),
        ("code", "explorer", "look"),
        ("markdown", "reflect", "why"),
    ]
    assert cells[0].source == "# Title\n\nSome *text*."
    assert cells[1].source == "import torch\n# a comment\n\nx = 1"
    assert cells[-1].source == "YOUR ANSWER HERE"


REFUSED = {
    "unknown marker \"experimnt='x'\"": '# %% experimnt="x"\n1\n',
    "unknown marker 'watch this'": "# %% watch this\n1\n",
    "unknown marker tags=['a']": '# %% tags=["a"]\n1\n',
    "unknown marker \"test='f' points=2\"": '# %% test="f" points=2\n',
    "unknown marker \"answer='f' test='f'\"": '# %% answer="f" test="f"\n',
    "answer=3 is not an id": "# %% answer=3\n",
    "answer='' is not an id": '# %% answer=""\n',
    "answer='a b' is not an id": '# %% answer="a b"\n',
    "experiment='../x' is not an id": '# %% experiment="../x"\n1\n',
    "the code cell 'x = 1' has no role for code": "# %%\nx = 1\n",
    "the code cell 'x = 1' has no role": "x = 1\n",
    "the code cell '1' has no role for code": '# %% reflect="why"\n1\n',
    "the text cell 'words' cannot be a 'setup' cell": '# %% [markdown] setup="x"\n# words\n',
    "the answer cell 'x = 1' is filled in by the build": '# %% answer="f"\nx = 1\n',
    "the test cell 'check.f(f)' is filled in by the build": '# %% test="f"\ncheck.f(f)\n',
    "two cells are marked answer='f'": '# %% answer="f"\n\n# %% answer="f"\n',
    "two cells are marked experiment='f'": '# %% experiment="f"\n1\n# %% experiment="f"\n2\n',
    "a raw cell; wanted code or markdown": "# %% [raw]\n# <b>x</b>\n",
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_cannot_be_built_is_refused_by_name(tmp_path, said):
    with pytest.raises(ScriptError) as raised:
        read(tmp_path, REFUSED[said])
    assert str(raised.value).startswith("07_topic.py: ")
    assert said.replace('"', "") in str(raised.value).replace('"', "")


def test_an_unknown_marker_is_told_what_is_wanted(tmp_path):
    with pytest.raises(ScriptError, match=r'setup, answer, .* as in # %% experiment="watch"'):
        read(tmp_path, '# %% step="x"\n1\n')
