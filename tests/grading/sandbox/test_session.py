"""Sessions as the judge sees them: cells, calls, and what comes of a reply that is none."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from grokedu.classroom.checking.call import Request
from grokedu.grading.sandbox import session as sessions
from grokedu.grading.sandbox.bubblewrap import SandboxSettings
from grokedu.grading.sandbox.sandbox import Sandbox, why_not
from grokedu.grading.sandbox.session import Session
from grokedu.grading.sandbox.worker import PATIENCE

pytestmark = [
    pytest.mark.attacks,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "a sandbox can be made"),
]
LINE = """\
import gc, socket
session = next(
    each for each in gc.get_objects() if isinstance(each, socket.socket) and each.fileno() >= 0
)
def frame(body):
    return len(body).to_bytes(8, "little") + body
"""
CALL = Request("double", (torch.tensor([1.0, 2.0]),), seconds=1.0)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    references = {"double": "torch:square", "own": "def own(x):\n    return scale * x\n"}
    settings = SandboxSettings("90_workbench", ("import torch\nscale = 3\n",), references)
    with Sandbox(settings) as made:
        yield made


@pytest.fixture
def session(sandbox: Sandbox) -> Iterator[Session]:
    with Session(sandbox) as made:
        yield made


def test_a_cell_runs_where_the_setup_ran(session: Session) -> None:
    ran = session.run("print(scale)\nscale + 1", 5.0)
    assert (ran.status, ran.crash) == ("ran", None)
    assert ran.printed.split() == ["3", "4"]


def test_a_cell_that_raises_tells_its_own_line(session: Session) -> None:
    ran = session.run("x = 1\nx.no_such_thing", 5.0)
    assert ran.status == "raised"
    assert ran.crash is not None
    assert (ran.crash.type, ran.crash.line) == ("AttributeError", 2)
    assert session.run("1", 5.0).status == "ran"


def test_a_syntax_error_is_told(session: Session) -> None:
    ran = session.run("def double(:", 5.0)
    assert ran.status == "raised"
    assert ran.crash is not None
    assert ran.crash.type == "SyntaxError"


def test_a_loop_is_stopped_and_the_session_goes_on(session: Session) -> None:
    assert session.run("while True: pass", 0.3).status == "timed out"
    assert session.run("1", 5.0).status == "ran"


def test_waiting_is_no_work(session: Session) -> None:
    session.run("import time\ndef double(x):\n    time.sleep(1.5)\n    return 2 * x", 5.0)
    assert session.call(CALL).status == "returned"
    assert session.run("import time\ntime.sleep(0.8)", 0.5).status == "ran"


def test_waiting_without_end_is_stopped(session: Session) -> None:
    source = "import time\ndef double(x):\n    while True:\n        time.sleep(0.01)"
    session.run(source, 5.0)
    assert session.call(replace(CALL, seconds=0.2)).status == "timed out"
    assert session.alive


def test_work_without_end_is_stopped_by_its_own_time(session: Session) -> None:
    session.run("def double(x):\n    while True: pass", 5.0)
    before = session.used()
    assert session.call(replace(CALL, seconds=0.5)).status == "timed out"
    assert session.alive
    assert 0.4 < session.used() - before < 0.5 * PATIENCE


def test_the_kernel_ends_work_that_notices_nothing(session: Session) -> None:
    session.run("def double(x):\n    return sum(range(10**13))", 5.0)
    started = time.process_time()
    assert session.call(replace(CALL, seconds=0.2), most=60.0).status == "timed out"
    assert not session.alive
    assert time.process_time() - started < 1.0


@pytest.mark.grading
def test_a_right_answer_is_not_late_on_a_busy_machine(session: Session) -> None:
    work = "s = time.process_time()\n    while time.process_time() - s < 1.5: pass"
    session.run(f"import time\ndef double(x):\n    {work}\n    return 2 * x", 5.0)
    burner = [sys.executable, "-S", "-c", "while True: pass"]
    burners = [subprocess.Popen(burner) for _ in range(6)]
    try:
        reply = session.call(replace(CALL, seconds=3.0))
    finally:
        for each in burners:
            each.kill()
            each.wait()
    assert reply.status == "returned"


def test_a_hang_ends_the_session(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "GRACE_SECONDS", 0.3)
    assert session.run("sum(range(10**12))", 0.2, 0.3).status == "timed out"
    assert not session.alive
    assert session.call(CALL).status == "ended"


def test_an_exit_ends_the_session_and_is_told(session: Session) -> None:
    assert session.run("import os; os._exit(0)", 5.0).status == "ended"
    assert not session.alive
    assert session.run("1", 5.0).status == "ended"


def test_a_call_brings_back_its_result(session: Session) -> None:
    session.run("def double(x):\n    return 2 * x", 5.0)
    reply = session.call(CALL)
    assert reply.status == "returned"
    assert torch.equal(reply.result, torch.tensor([2.0, 4.0]))


def test_a_reference_that_was_taken_is_known(session: Session) -> None:
    session.run("from grokedu.lessons import l90_workbench as check", 5.0)
    session.run('double = check.reference("double")', 5.0)
    session.run('def own(x):\n    return check.reference("own")(x)', 5.0)
    assert session.took_reference("double")
    assert not session.took_reference("own")
    request = Request("own", (torch.tensor(2.0),), seconds=1.0)
    assert session.call(request).result == 6.0
    assert session.calls_reference(request, "own")


def test_an_own_answer_is_no_reference(session: Session) -> None:
    session.run("def own(x):\n    return 3 * x", 5.0)
    assert not session.took_reference("own")
    assert not session.calls_reference(Request("own", (1.0,), seconds=1.0), "own")


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param("frame(b'[1]')", id="a list for a cell"),
        pytest.param("frame(b'no JSON')", id="no JSON"),
        pytest.param("frame(b'[' * 10**5)", id="nested"),
        pytest.param("bytes(8)", id="nothing"),
        pytest.param("(2**60).to_bytes(8, 'little')", id="an exabyte"),
        pytest.param("b'half'\nimport os; os._exit(0)\nb''", id="half a length"),
    ],
)
def test_a_reply_that_is_none_ends_the_session(session: Session, reply: str) -> None:
    first, *more = reply.split("\n")
    source = "\n".join([LINE, f"session.sendall({first})", *more])
    assert session.run(source, 5.0).status == "ended"
    assert not session.alive


def test_parts_of_a_reply_are_only_believed_if_they_are_of_their_kind(session: Session) -> None:
    forged = b'{"status": ["ran"], "printed": [[1]], "crash": {"line": "x", "type": [2]}}'
    ran = session.run(f"{LINE}session.sendall(frame({forged!r}))", 5.0)
    assert (ran.status, ran.printed) == ("ended", "")
    assert ran.crash is not None
    assert ran.crash.line == 0


def test_a_reply_to_a_call_that_is_no_message_is_no_data(session: Session) -> None:
    source = f"{LINE}def double(x):\n    session.sendall(frame(b'x' * 100))"
    session.run(source, 5.0)
    assert session.call(CALL).status == "not data"


def test_halves_of_letters_are_replaced(session: Session) -> None:
    forged = b'{"status": "raised", "printed": "\\ud800", "crash": {"message": "a\\udfff"}}'
    ran = session.run(f"{LINE}session.sendall(frame({forged!r}))", 5.0)
    assert ran.printed == "?"
    assert ran.crash is not None
    assert ran.crash.message == "a?"


def test_halves_of_letters_are_replaced_in_what_a_call_prints(session: Session) -> None:
    session.run("def double(x):\n    print('\\ud800')\n    raise ValueError('\\udfff')", 5.0)
    reply = session.call(CALL)
    assert reply.printed.strip() == "?"
    assert reply.crash is not None
    assert reply.crash.message == "?"


def test_the_last_value_and_the_shell_are_at_hand_later(session: Session) -> None:
    session.run("20 + 1", 5.0)
    session.run(
        "kept = _\ndef double(x):\n    display(kept)\n    return get_ipython() and kept", 5.0
    )
    assert session.call(CALL).result == 21


@pytest.mark.parametrize(
    "source",
    [
        "%%bash\nexit 3",
        "%%script false\nx",
        "%matplotlib notebook",
        "!!ls",
        "x = get_ipython().getoutput('ls')\nassert x == [] == x.l",
        "quit()",
        "exit",
        "import google.colab\ngoogle.colab.files.upload()",
        "from google.colab.patches import cv2_imshow\ncv2_imshow(1)",
    ],
)
def test_what_needs_the_world_does_nothing(session: Session, source: str) -> None:
    assert session.run(source, 5.0).status == "ran"
    assert session.run("1", 5.0).status == "ran"
