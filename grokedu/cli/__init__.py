"""The command `grokedu`: what it is given, told to one of the `commands`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from grokedu import __version__
from grokedu.cli import commands


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns an exit status: 0 done, 1 failed, 2 called wrongly."""
    parser = _parser()
    given, rest = parser.parse_known_args(arguments)
    if len(rest) == 1 and not rest[0].startswith("-") and getattr(given, "source", rest) is None:
        given.source = Path(rest[0])  # argparse does not look for it behind an option
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if given.command is None:
        parser.print_help()
        return 2
    try:
        return int(given.command(given))
    except KeyboardInterrupt:
        return 130
    except (ValueError, OSError, RuntimeError) as error:
        print(f"grokedu: {error}", file=sys.stderr)
        return 1
    except Exception as error:
        if not type(error).__module__.startswith(("sqlalchemy", "nbgrader", "sqlite3")):
            raise
        print(f"grokedu: the gradebook: {error}", file=sys.stderr)
        return 1


def _cores() -> int:
    """The cores that this process may use, which in a container are fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _jobs(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text!r}; wanted a number from 1 to 256")
    return int(text)


def _add_root(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--root", type=Path, default=Path(), help="the course's folder (default: here)"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grokedu",
        description="Learn why networks grok: lessons that check themselves, and their library.",
    )
    parser.add_argument("--version", action="version", version=f"grokedu {__version__}")
    parser.set_defaults(command=None)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")

    learn = subparsers.add_parser(
        "learn",
        help="open a lesson in JupyterLab",
        description="Copy the lessons to a folder of yours, without overwriting, and open one.",
    )
    learn.add_argument(
        "lesson", nargs="?", default="00", help="any prefix of its name (default 00)"
    )
    learn.add_argument("--no-browser", action="store_true", help="print the address only")
    learn.add_argument("--port", type=int, help="port to serve on (default: a free one from 8888)")
    learn.add_argument(
        "--dir", type=Path, default=Path("work"), help="folder for your copies (default work)"
    )
    learn.add_argument(
        "--update", action="store_true", help="bring your answers into the newest lessons first"
    )
    learn.set_defaults(command=commands.learn)

    progress = subparsers.add_parser(
        "progress",
        help="show, save or restore your points",
        description="Show your points by lesson and exercise, or carry them to another machine.",
    )
    progress.add_argument("--save", metavar="FILE", type=Path, help="write them to a file")
    progress.add_argument("--restore", metavar="FILE", type=Path, help="read them from such a file")
    progress.set_defaults(command=commands.progress)

    build = subparsers.add_parser(
        "build",
        help="make the notebooks from solutions/*.py",
        description="Make and execute the answer keys in solutions/ and the lessons in course/.",
    )
    build.add_argument("lesson", nargs="?", help="any prefix of its name (default: all)")
    build.add_argument("--check", action="store_true", help="only say what is not up to date")
    build.add_argument("--no-execute", action="store_true", help="do not run the answer key")
    build.add_argument("--root", type=Path, default=Path(), help="the repository (default: here)")
    build.set_defaults(command=commands.build)

    grade = subparsers.add_parser(
        "grade",
        help="grade what was handed in",
        description="Grade a lesson's submissions in a sandbox, into nbgrader's gradebook. Exit "
        "status: 0 when all were graded, 3 when some need review, 1 when it could not be done.",
    )
    grade.add_argument("lesson", help="any prefix of its name")
    grade.add_argument(
        "source",
        nargs="?",
        type=Path,
        help="a zip from Canvas or Moodle, or a folder of notebooks, to take in first "
        "(default: what is in gradebook/submitted)",
    )
    grade.add_argument(
        "--jobs", type=_jobs, default=_cores(), help="how many at once (default: cores)"
    )
    grade.add_argument(
        "--no-sandbox", action="store_true", help="run learners' code unprotected; it is recorded"
    )
    grade.add_argument(
        "--executor", metavar="ADDRESS", help="a Dask scheduler, to grade on its workers"
    )
    grade.add_argument(
        "--student", action="append", default=[], help="only this one (may be given again)"
    )
    grade.add_argument(
        "--regrade", action="store_true", help="grade again, and show what would change"
    )
    grade.add_argument(
        "--exercise", action="append", default=[], help="with --regrade: only this one's points"
    )
    grade.add_argument("--apply", action="store_true", help="with --regrade: enter the changes")
    _add_root(grade)
    grade.set_defaults(command=commands.grade)

    export = subparsers.add_parser(
        "export",
        help="write grades for Canvas, Moodle or a spreadsheet",
        description="Write a lesson's grades. What needs review is left blank, never 0.",
    )
    export.add_argument("lesson", help="any prefix of its name")
    export.add_argument(
        "--for",
        dest="kind",
        choices=("csv", "canvas", "moodle"),
        default="csv",
        help="(default csv)",
    )
    export.add_argument(
        "--roster", type=Path, metavar="FILE", help="the CSV that the LMS exported, to fill in"
    )
    export.add_argument("--to", type=Path, metavar="FILE", help="(default: in gradebook/)")
    _add_root(export)
    export.set_defaults(command=commands.export)

    forget = subparsers.add_parser(
        "forget",
        help="delete students' data",
        description="List what is kept of students, and with --yes delete it, backups included.",
    )
    forget.add_argument("student", nargs="*", help="their ids")
    forget.add_argument(
        "--older-than", type=int, metavar="DAYS", help="all whose last submission is older"
    )
    forget.add_argument("--yes", action="store_true", help="delete it")
    _add_root(forget)
    forget.set_defaults(command=commands.forget)

    reproduce = subparsers.add_parser(
        "reproduce",
        help="run the experiment behind a claim",
        description="Train, measure, draw and write results/NAME.json. Without a name, list them.",
    )
    reproduce.add_argument("name", nargs="?", help="a claim's name")
    reproduce.add_argument(
        "--quick", action="store_true", help="fewer seeds and steps; write to results/quick"
    )
    reproduce.set_defaults(command=commands.reproduce)
    return parser
