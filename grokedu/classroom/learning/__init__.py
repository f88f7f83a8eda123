"""What a learner works with: copies of the lessons, JupyterLab on them, and progress."""
