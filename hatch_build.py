"""Put the built course into the wheel, as ``grokedu/_course``: no git is needed to learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CourseHook(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        course = Path(self.root) / "course"
        # An editable install reads course/ in place.
        if version == "standard" and course.is_dir():
            build_data["force_include"][str(course)] = "grokedu/_course"
