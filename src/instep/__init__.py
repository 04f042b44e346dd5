"""instep keeps your folders in step, on git and git-annex."""

__version__ = "0.1.0"
