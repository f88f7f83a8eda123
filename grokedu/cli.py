"""The command `grokedu`. Thin: each command imports what it needs when it runs."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from grokedu import __version__


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


def _learn(given: argparse.Namespace) -> int:
    from grokedu.classroom.learn import learn

    return learn(
        given.lesson,
        work=given.dir,
        port=given.port,
        browser=not given.no_browser,
        update=given.update,
    )


def _progress(given: argparse.Namespace) -> int:
    from grokedu.classroom import progress

    if given.restore:
        taken = progress.restore_from(given.restore)
        print(f"Restored {taken} entries from {given.restore}")
    if given.save:
        print(f"Saved to {progress.save_to(given.save)}")
    if not (given.save or given.restore):
        for line in _progress_lines():
            print(line)
    return 0


def _progress_lines() -> list[str]:
    from grokedu import lessons
    from grokedu.classroom import progress

    kept = progress.everything()
    lines = []
    for name in lessons.available():
        lesson = lessons.find(name)
        entries = kept.get(name, {})
        earned = {
            id: min(entries.get(id, {}).get("points", 0.0), exercise.max_points)
            for id, exercise in lesson.exercises.items()
        }
        points = sum(earned.values())
        lines.append(f"{name:24} {points:5.4g} of {lesson.max_points:g}  {lesson.title}")
        for id, exercise in lesson.exercises.items():
            entry = entries.get(id, {})
            outcome = entry.get("outcome", "not attempted")
            lines.append(f"    {id:20} {earned[id]:5.4g} of {exercise.max_points:g}  {outcome}")
    lines.append(f"Kept in {progress.home()}")
    return lines


def _build(given: argparse.Namespace) -> int:
    from grokedu import lessons, results
    from grokedu.classroom.build import Builder

    root = given.root.resolve()
    names = [name for name in lessons.available() if (root / "solutions" / f"{name}.py").is_file()]
    if given.lesson is not None:
        names = [lessons.name_of(given.lesson)]
    if not names:
        raise ValueError(f"no lessons in {root / 'solutions'}; run it in the repository, or --root")
    builder = Builder(root, lambda text: results.fill(text, root / "results"))
    drifted = []
    for name in names:
        lesson = lessons.find(name)
        if given.check:
            drifted += builder.drift(lesson)
            continue
        started = time.monotonic()
        builder.build(lesson, run=not given.no_execute)
        print(f"Built {name} in {time.monotonic() - started:.1f} s")
    if given.check:
        print("\n".join(drifted) or f"Up to date: {', '.join(names)}")
        if drifted:
            print("To mend it: grokedu build")
    return 1 if drifted else 0


def _grade(given: argparse.Namespace) -> int:
    from grokedu import lessons
    from grokedu.classroom.grading.cluster import dask
    from grokedu.classroom.grading.grade import Round, grade
    from grokedu.classroom.grading.gradebook import open_course
    from grokedu.classroom.grading.plan import grading_seed, make_plan, settings
    from grokedu.classroom.grading.regrade import regrade

    if not given.regrade and (given.apply or given.exercise):
        raise ValueError("--apply and --exercise go with --regrade")
    name = lessons.name_of(given.lesson)
    with open_course(given.root) as course:
        release = course.folder("release", ".", name) / f"{name}.ipynb"
        said = settings(course.config)
        plan = make_plan(
            name,
            lessons.find,
            release,
            grading_seed(course.root / said["seed_file"]),
            confined=said["sandbox"] and not given.no_sandbox,
            cell_seconds=said["cell_seconds"],
            check_seconds=said["check_seconds"],
            student_seconds=said["student_seconds"],
            course=course.root,
        )
        make, jobs = dask(given.executor) if given.executor else (None, given.jobs)
        round = Round(
            course,
            plan,
            lessons.find(name).title,
            given.source,
            jobs,
            frozenset(given.student),
            make,
        )
        if given.regrade:
            return regrade(round, frozenset(given.exercise), given.apply)
        return grade(round)


def _export(given: argparse.Namespace) -> int:
    from grokedu import lessons
    from grokedu.classroom.grading.export import export
    from grokedu.classroom.grading.gradebook import open_course, penalise

    name = lessons.name_of(given.lesson)
    to = given.to or given.root / "gradebook" / f"{name}-{given.kind}.csv"
    with open_course(given.root) as course:
        notes = penalise(course, name)
        title = lessons.find(name).title
        notes += export(course, name, given.kind, to, roster=given.roster, title=title)
    print("\n".join([*notes, f"Written: {to}"]))
    return 0


def _forget(given: argparse.Namespace) -> int:
    from grokedu.classroom.grading.forget import forget
    from grokedu.classroom.grading.gradebook import open_course

    with open_course(given.root) as course:
        removal = forget(course, given.student or None, given.older_than, apply=given.yes)
        print("\n".join(removal.lines(course.root)))
    if not given.yes:
        print("Nothing was deleted. To delete it: --yes")
    return 0


def _reproduce(given: argparse.Namespace) -> int:
    from grokedu import reproduce

    return reproduce.main(given.name, quick=given.quick)


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
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    learn = commands.add_parser(
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
    learn.set_defaults(command=_learn)

    progress = commands.add_parser(
        "progress",
        help="show, save or restore your points",
        description="Show your points by lesson and exercise, or carry them to another machine.",
    )
    progress.add_argument("--save", metavar="FILE", type=Path, help="write them to a file")
    progress.add_argument("--restore", metavar="FILE", type=Path, help="read them from such a file")
    progress.set_defaults(command=_progress)

    build = commands.add_parser(
        "build",
        help="make the notebooks from solutions/*.py",
        description="Make and execute the answer keys in solutions/ and the lessons in course/.",
    )
    build.add_argument("lesson", nargs="?", help="any prefix of its name (default: all)")
    build.add_argument("--check", action="store_true", help="only say what is not up to date")
    build.add_argument("--no-execute", action="store_true", help="do not run the answer key")
    build.add_argument("--root", type=Path, default=Path(), help="the repository (default: here)")
    build.set_defaults(command=_build)

    grade = commands.add_parser(
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
    grade.set_defaults(command=_grade)

    export = commands.add_parser(
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
    export.set_defaults(command=_export)

    forget = commands.add_parser(
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
    forget.set_defaults(command=_forget)

    reproduce = commands.add_parser(
        "reproduce",
        help="run the experiment behind a claim",
        description="Train, measure, draw and write results/NAME.json. Without a name, list them.",
    )
    reproduce.add_argument("name", nargs="?", help="a claim's name")
    reproduce.add_argument(
        "--quick", action="store_true", help="fewer seeds and steps; write to build/results"
    )
    reproduce.set_defaults(command=_reproduce)
    return parser


if __name__ == "__main__":
    sys.exit(main())
