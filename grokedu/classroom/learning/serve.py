"""Run JupyterLab on a folder: wait until it answers, open a notebook, and stop it cleanly."""

from __future__ import annotations

import importlib.util
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path
from types import FrameType
from typing import NoReturn

FIRST_PORT = 8888
_START_SECONDS = 90.0
_TEXT_BROWSERS = {"www-browser", "links", "elinks", "lynx", "w3m"}
# Jupyter settings that are added to the user's own, so that the first start asks no question.
_SETTINGS = Path(__file__).parent / "jupyter"


def serve(folder: Path, notebook: str, *, port: int | None = None, browser: bool = True) -> int:
    """Serve a folder with JupyterLab until Ctrl-C, with one of its notebooks open.

    Args:
        folder: the folder that JupyterLab shows.
        notebook: the notebook to open, relative to the folder.
        port: the port to serve on; None for the first free one from 8888.
        browser: whether to open a browser, if there is a screen.

    Returns:
        An exit status: 0 after Ctrl-C, 1 if JupyterLab is missing or does not start.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        print(
            'JupyterLab is not installed here. To get it: pip install "grokedu[learn,lab]"\n'
            f"Any other notebook program can open {folder / notebook}",
            file=sys.stderr,
        )
        return 1
    port = first_free_port() if port is None else port
    token = secrets.token_hex(16)
    address = f"http://localhost:{port}"
    previous = {name: signal.signal(name, _stop) for name in _stop_signals()}
    # In a session of its own it does not receive Ctrl-C, and so does not ask for confirmation.
    server = subprocess.Popen(
        _command(folder, notebook, port),
        env=os.environ | {"JUPYTER_TOKEN": token, "JUPYTER_CONFIG_PATH": _settings_path()},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        print("Starting JupyterLab ...", flush=True)
        if not _is_up(server, f"{address}/api/status", token):
            print(
                f"JupyterLab did not start on port {port}; its messages are above.", file=sys.stderr
            )
            return 1
        page = f"{address}/lab/tree/{notebook}?token={token}"
        opened = browser and _open(page)
        print(f"\n{'Opened' if opened else 'Open in a browser:'}  {page}")
        print("Ctrl-C stops it; your work is kept.", flush=True)
        return server.wait()
    except KeyboardInterrupt:
        print("\nStopped.")
        return 0
    finally:
        _end(server)
        for name, handler in previous.items():
            signal.signal(name, handler)


def first_free_port(start: int = FIRST_PORT) -> int:
    """The first port from ``start`` on that is free.

    Raises:
        OSError: 200 ports are in use.
    """
    for port in range(start, start + 200):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
            try:
                candidate.bind(("localhost", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port between {start} and {start + 199}; name one with --port")


def _command(folder: Path, notebook: str, port: int) -> list[str]:
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--log-level=ERROR",
        "--LabApp.log_level=ERROR",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={folder}",
        f"--ServerApp.default_url=/lab/tree/{notebook}",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    return command


def _settings_path() -> str:
    given = os.environ.get("JUPYTER_CONFIG_PATH")
    return os.pathsep.join([str(_SETTINGS), *([given] if given else [])])


def _is_up(server: subprocess.Popen[bytes], url: str, token: str) -> bool:
    """Wait until the server answers; False if it ended or took too long."""
    request = urllib.request.Request(url, headers={"Authorization": f"token {token}"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with opener.open(request, timeout=5):
                return True
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    return False


def _open(page: str) -> bool:
    """Open a page if there is a screen, but not a text browser, which would fill the terminal."""
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return False
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    return getattr(browser, "name", "") not in _TEXT_BROWSERS and browser.open(page)


def _stop_signals() -> list[signal.Signals]:
    return [signal.SIGTERM] + ([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server, which ends its kernels."""
    if server.poll() is not None:
        return
    server.terminate()
    try:
        server.wait(timeout=15)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
