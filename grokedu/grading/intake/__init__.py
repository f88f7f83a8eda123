"""Taking in what a class handed in."""
