"""nbgrader's configuration for this course. Run its commands in this folder:

nbgrader generate_assignment 01_grokking     solutions/ -> course/
nbgrader autograde 01_grokking               gradebook/submitted/ -> gradebook/autograded/
nbgrader generate_feedback 01_grokking       -> gradebook/feedback/
nbgrader export                              -> gradebook/grades.csv
"""

from pathlib import Path

from grokedu.grading.judging.preprocessors import (
    autograde_preprocessors,
    sanitize_preprocessors,
)

root = Path(__file__).resolve().parent
gradebook = root / "gradebook"
gradebook.mkdir(exist_ok=True)  # SQLite makes the database, but not its folder

c = get_config()

c.CourseDirectory.course_id = "grokedu"
c.CourseDirectory.root = str(root)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "course"
c.CourseDirectory.submitted_directory = "gradebook/submitted"
c.CourseDirectory.autograded_directory = "gradebook/autograded"
c.CourseDirectory.feedback_directory = "gradebook/feedback"
c.CourseDirectory.db_url = f"sqlite:///{gradebook / 'gradebook.db'}"
c.ZipCollectApp.downloaded_directory = "gradebook/downloaded"
c.ExportPlugin.to = str(gradebook / "grades.csv")
c.ExportApp.plugin_class = "grokedu.grading.book.export.StatusCsvExportPlugin"

c.ClearSolutions.code_stub = {"python": "# write your code here\nraise NotImplementedError()"}

c.Autograde.sanitize_preprocessors = sanitize_preprocessors()
c.Autograde.autograde_preprocessors = autograde_preprocessors()
c.LessonStep.release = str(root / "course")
c.LessonStep.seed_file = str(gradebook / "seed")

c.GenerateFeedback.exporter_class = "grokedu.grading.page.feedback.FeedbackExporter"
c.GenerateFeedback.preprocessors = ["grokedu.grading.page.feedback.Grades"]
