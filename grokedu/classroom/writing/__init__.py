"""Make a lesson's two notebooks from its script and its exercises."""
