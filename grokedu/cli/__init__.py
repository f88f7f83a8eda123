"""The command `grokedu`: reads its arguments and calls one of the functions in `commands`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from grokedu import __version__
from grokedu.cli import commands


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: the words after ``grokedu``; those of the command line by default.

    Returns:
        An exit status: 0 if it succeeded, 1 if it failed, 2 if it was called wrongly, 130 after
        Ctrl-C. A command may have others, which its help names.
    """
    parser = _parser()
    given, rest = parser.parse_known_args(arguments)
    if len(rest) == 1 and not rest[0].startswith("-") and getattr(given, "source", rest) is None:
        given.source = Path(rest[0])  # argparse does not look for SOURCE after an option
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
    """The number of cores that this process may use; a container may have fewer than its host."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _jobs(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} given; wanted a number from 1 to 256")
    return int(text)


def _add_root(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--root", type=Path, default=Path(), help="the course folder (default: this folder)"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grokedu",
        description="Learn why neural networks grok: lessons that check your answers, and the "
        "library behind them.",
    )
    parser.add_argument("--version", action="version", version=f"grokedu {__version__}")
    parser.set_defaults(command=None)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")

    learn = subparsers.add_parser(
        "learn",
        help="open a lesson in JupyterLab",
        description="Copy the lessons to a folder for your own copies, overwriting nothing, and "
        "open one in JupyterLab.",
    )
    learn.add_argument(
        "lesson", nargs="?", default="00", help="the beginning of its name (default: 00)"
    )
    learn.add_argument("--no-browser", action="store_true", help="only print the address")
    learn.add_argument(
        "--port", type=int, help="the port to serve on (default: the first free one from 8888)"
    )
    learn.add_argument(
        "--dir", type=Path, default=Path("work"), help="the folder for your copies (default: work)"
    )
    learn.add_argument(
        "--update",
        action="store_true",
        help="first bring your answers into the newest release of each lesson",
    )
    learn.set_defaults(command=commands.learn)

    progress = subparsers.add_parser(
        "progress",
        help="show, save or restore your points",
        description="Show your points by lesson and exercise, or save them to a file that you can "
        "restore on another machine.",
    )
    progress.add_argument("--save", metavar="FILE", type=Path, help="save your points to this file")
    progress.add_argument(
        "--restore", metavar="FILE", type=Path, help="restore your points from a saved file"
    )
    progress.set_defaults(command=commands.progress)

    build = subparsers.add_parser(
        "build",
        help="build the notebooks from solutions/*.py",
        description="Build the answer keys in solutions/, execute them, and build the notebooks "
        "for learners in course/.",
    )
    build.add_argument("lesson", nargs="?", help="the beginning of its name (default: all lessons)")
    build.add_argument("--check", action="store_true", help="only list what is not up to date")
    build.add_argument("--no-execute", action="store_true", help="do not execute the answer keys")
    build.add_argument(
        "--root", type=Path, default=Path(), help="the repository (default: this folder)"
    )
    build.set_defaults(command=commands.build)

    grade = subparsers.add_parser(
        "grade",
        help="grade submissions",
        description="Grade a lesson's submissions in a sandbox and enter the scores into "
        "nbgrader's gradebook. The exit status is 0 if all were graded, 3 if some need review, and "
        "1 if grading failed.",
    )
    grade.add_argument("lesson", help="the beginning of its name")
    grade.add_argument(
        "source",
        nargs="?",
        type=Path,
        help="a zip file from Canvas or Moodle, or a folder of notebooks, to collect first "
        "(default: grade what is in gradebook/submitted)",
    )
    grade.add_argument(
        "--jobs",
        type=_jobs,
        default=_cores(),
        help="how many submissions to grade at once (default: one a core)",
    )
    grade.add_argument(
        "--no-sandbox",
        action="store_true",
        help="run learners' code without protection; this is recorded",
    )
    grade.add_argument(
        "--executor",
        metavar="ADDRESS",
        help="the address of a Dask scheduler, to grade on its workers",
    )
    grade.add_argument(
        "--student", action="append", default=[], help="grade only this student (may be repeated)"
    )
    grade.add_argument(
        "--regrade", action="store_true", help="grade again, and show which scores would change"
    )
    grade.add_argument(
        "--exercise",
        action="append",
        default=[],
        help="with --regrade: change only this exercise (may be repeated)",
    )
    grade.add_argument("--apply", action="store_true", help="with --regrade: enter the new scores")
    _add_root(grade)
    grade.set_defaults(command=commands.grade)

    export = subparsers.add_parser(
        "export",
        help="write grades for Canvas, Moodle or a spreadsheet",
        description="Write a lesson's grades to a file. The grade of a submission that needs "
        "review is left blank; it is not 0.",
    )
    export.add_argument("lesson", help="the beginning of its name")
    export.add_argument(
        "--for",
        dest="kind",
        choices=("csv", "canvas", "moodle"),
        default="csv",
        help="the program that will read the file (default: csv)",
    )
    export.add_argument(
        "--roster",
        type=Path,
        metavar="FILE",
        help="the CSV file exported from Canvas or Moodle, to fill in",
    )
    export.add_argument(
        "--to", type=Path, metavar="FILE", help="the file to write (default: a file in gradebook/)"
    )
    _add_root(export)
    export.set_defaults(command=commands.export)

    forget = subparsers.add_parser(
        "forget",
        help="delete students' data",
        description="List the data that is kept about students. With --yes, delete it, in "
        "backups too.",
    )
    forget.add_argument("student", nargs="*", help="a student's id")
    forget.add_argument(
        "--older-than",
        type=int,
        metavar="DAYS",
        help="all students whose last submission is older than this",
    )
    forget.add_argument("--yes", action="store_true", help="delete what is listed")
    _add_root(forget)
    forget.set_defaults(command=commands.forget)

    reproduce = subparsers.add_parser(
        "reproduce",
        help="run the experiment behind a claim",
        description="Train, measure, and write results/NAME.json and a figure. Without NAME, list "
        "the claims.",
    )
    reproduce.add_argument("name", nargs="?", help="the claim's name, or all")
    reproduce.add_argument(
        "--quick",
        action="store_true",
        help="use fewer seeds and steps, and write to results/quick",
    )
    reproduce.set_defaults(command=commands.reproduce)
    return parser
