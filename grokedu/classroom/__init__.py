"""The course kit: exercises, checks, building, learning and grading, free of any lesson's facts."""
