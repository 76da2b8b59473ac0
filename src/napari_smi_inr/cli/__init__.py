"""The command line: a thin skin on the Python front door."""

from .app import app, main

__all__ = ["app", "main"]
