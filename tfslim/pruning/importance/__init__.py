"""Scores of filters."""
