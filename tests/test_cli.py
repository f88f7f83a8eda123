from __future__ import annotations

import subprocess
import sys

import pytest

from grokedu.cli import main

COMMANDS = ("learn", "progress", "build", "grade", "export", "forget", "reproduce")


def test_without_a_command_the_help_is_shown(capsys):
    assert main([]) == 2
    said = capsys.readouterr().out
    assert all(name in said for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert f"grokedu {command}" in capsys.readouterr().out


def test_an_unknown_lesson_is_named(capsys):
    assert main(["learn", "no-such-lesson"]) == 1
    assert "no lesson starts with 'no-such-lesson'; there are: 00_" in capsys.readouterr().err


def test_progress_is_shown_saved_and_restored(tmp_path, home, capsys):
    from grokedu.classroom.learning import progress

    file = tmp_path / "points.json"
    progress.write("01_grokking", "forward", {"points": 2.0})
    assert main(["progress", "--save", str(file)]) == 0
    progress.forget("01_grokking", "forward")
    assert main(["progress", "--restore", str(file)]) == 0
    assert progress.read("01_grokking", "forward") == {"points": 2.0}
    assert main(["progress"]) == 0
    said = capsys.readouterr().out
    assert "00_start_here" in said
    assert str(home) in said


def test_a_file_that_is_no_progress_is_refused(tmp_path, capsys):
    file = tmp_path / "points.json"
    file.write_text("{}")
    assert main(["progress", "--restore", str(file)]) == 1
    assert str(file) in capsys.readouterr().err


def test_build_outside_a_repository_says_so(tmp_path, capsys):
    assert main(["build", "--check", "--root", str(tmp_path)]) == 1
    assert "run it in the repository" in capsys.readouterr().err


def test_the_package_needs_neither_jupyter_nor_nbgrader_nor_pyplot():
    code = (
        "import sys, grokedu, grokedu.cli; "
        "print(sorted({'IPython', 'jupyterlab', 'nbgrader', 'nbformat', 'matplotlib', 'ipywidgets'}"
        " & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


@pytest.mark.parametrize("command", [["grade", "00"], ["export", "00"], ["forget", "ada"]])
def test_what_needs_a_course_says_where_to_run_it(command, tmp_path, capsys):
    assert main([*command, "--root", str(tmp_path)]) == 1
    assert "holds no nbgrader_config.py; wanted a course's folder" in capsys.readouterr().err


@pytest.mark.parametrize("jobs", ["0", "-1", "many", "1000"])
def test_a_number_of_jobs_that_is_none_is_refused(jobs, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["grade", "00", f"--jobs={jobs}"])
    assert "wanted a number from 1 to 256" in capsys.readouterr().err


def test_a_source_may_stand_behind_an_option(tmp_path, capsys):
    assert main(["grade", "00", "--root", str(tmp_path), "in.zip"]) == 1
    assert "holds no nbgrader_config.py" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["grade", "00", "one.zip", "--root", str(tmp_path), "two.zip"])
    assert "unrecognized arguments: two.zip" in capsys.readouterr().err
