"""The commands: each takes the parsed arguments and returns an exit status.

Each imports what it needs when it is called, so that `grokedu --help` is fast.
"""

from __future__ import annotations

import argparse
import time


def learn(given: argparse.Namespace) -> int:
    """Copy the lessons and open one in JupyterLab."""
    from grokedu.classroom.learning.learn import learn

    return learn(
        given.lesson,
        work=given.dir,
        port=given.port,
        browser=not given.no_browser,
        update=given.update,
    )


def progress(given: argparse.Namespace) -> int:
    """Show, save or restore the points."""
    from grokedu.classroom.learning import progress

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
    from grokedu.classroom.learning import progress

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


def build(given: argparse.Namespace) -> int:
    """Build the notebooks, or list what is not up to date."""
    from grokedu import lessons
    from grokedu.claims import results
    from grokedu.classroom.writing.build import Builder

    root = given.root.resolve()
    names = [name for name in lessons.available() if (root / "solutions" / f"{name}.py").is_file()]
    if given.lesson is not None:
        names = [lessons.name_of(given.lesson)]
    if not names:
        raise ValueError(
            f"there are no lessons in {root / 'solutions'}; run it in the repository, or name the "
            "repository with --root"
        )
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
            print("To bring them up to date: grokedu build")
    return 1 if drifted else 0


def grade(given: argparse.Namespace) -> int:
    """Grade a lesson's submissions, or grade them again."""
    from grokedu import lessons
    from grokedu.grading.book.course import open_course
    from grokedu.grading.judging.batch import dask
    from grokedu.grading.judging.plan import grading_seed, make_plan
    from grokedu.grading.judging.preprocessors import settings
    from grokedu.grading.regrade import regrade
    from grokedu.grading.run import Round, grade

    if not given.regrade and (given.apply or given.exercise):
        raise ValueError("--apply and --exercise were given without --regrade; they need it")
    name = lessons.name_of(given.lesson)
    with open_course(given.root) as course:
        release = course.folder("release", ".", name) / f"{name}.ipynb"
        options = settings(course.config)
        plan = make_plan(
            name,
            lessons.find,
            release,
            grading_seed(course.root / options["seed_file"]),
            confined=options["sandbox"] and not given.no_sandbox,
            cell_seconds=options["cell_seconds"],
            check_seconds=options["check_seconds"],
            student_seconds=options["student_seconds"],
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


def export(given: argparse.Namespace) -> int:
    """Write a lesson's grades to a file."""
    from grokedu import lessons
    from grokedu.grading.book.course import open_course
    from grokedu.grading.book.export import export
    from grokedu.grading.book.gradebook import penalise
    from grokedu.grading.result import printable

    name = lessons.name_of(given.lesson)
    to = given.to or given.root / "gradebook" / f"{name}-{given.kind}.csv"
    with open_course(given.root) as course:
        notes = penalise(course, name)
        title = lessons.find(name).title
        notes += export(course, name, given.kind, to, roster=given.roster, title=title)
    for note in notes:
        print(printable(note))
    print(f"Written: {to}")
    return 0


def forget(given: argparse.Namespace) -> int:
    """List the data that is kept about students, or delete it."""
    from grokedu.grading.book.course import open_course
    from grokedu.grading.book.forget import forget
    from grokedu.grading.result import printable

    with open_course(given.root) as course:
        removal = forget(course, given.student or None, given.older_than, apply=given.yes)
        for line in removal.lines(course.root):
            print(printable(line))
    if removal.entries and not given.yes:
        print("Nothing was deleted. To delete it: --yes")
    return 0


def reproduce(given: argparse.Namespace) -> int:
    """Run the experiment behind a claim."""
    from grokedu import claims

    return claims.main(given.name, quick=given.quick)
