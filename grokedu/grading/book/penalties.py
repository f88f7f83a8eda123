"""Penalties for being late, as nbgrader works them out, at any time and not only when it grades."""

from __future__ import annotations

from nbgrader.api import SubmittedNotebook
from nbgrader.preprocessors import AssignLatePenalties

from grokedu.grading.book.course import Course


def penalise(course: Course, lesson: str) -> list[str]:
    """Set all penalties for being late by the scores, due date and extensions as they now are.

    nbgrader sets them when it grades: rubric points and extensions given later need this.

    Returns:
        What went wrong with any, in a line each.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the gradebook could not be written for about a minute.
    """
    book = course.gradebook

    def set_all() -> list[str]:
        entries = book.notebook_submissions(lesson, lesson)
        return [note for each in entries for note in penalise_one(course, each)]

    return book.change(set_all)


def penalise_one(course: Course, notebook: SubmittedNotebook) -> list[str]:
    """Set the penalty for being late, as `AssignLatePenalties` does, by its configured plugin.

    Returns:
        What went wrong, in a line.
    """
    submission = notebook.assignment
    penalty, notes = None, []
    # An extension where nothing is due makes nbgrader's own count of seconds fail.
    if submission.assignment.duedate is not None and submission.total_seconds_late > 0:
        step = AssignLatePenalties(config=course.config)
        step.init_plugin()
        who, late = submission.student_id, submission.total_seconds_late
        try:
            penalty = step.plugin_inst.late_submission_penalty(who, notebook.score, late)
        except Exception as error:  # a plugin is the instructor's own
            notes = [f"no late penalty: {type(step.plugin_inst).__name__} raised {error!r}"]
        if penalty is not None:
            penalty = step._check_late_penalty(notebook, penalty)
    notebook.late_submission_penalty = penalty
    return notes
