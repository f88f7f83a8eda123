"""What a learner works with: copies of the lessons, JupyterLab to open them, and progress."""
