"""Writing a lesson: from its script and exercises to the two notebooks."""
