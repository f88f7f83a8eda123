"""The feedback page, and making a learner's content harmless in it."""
