"""What lessons are made with: exercises, checks, building, progress. It imports no science."""
