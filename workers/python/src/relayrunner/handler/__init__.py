"""Runs ordinary Lambda handlers as AWS's own client for Python does."""
