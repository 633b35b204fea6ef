"""Shared helpers: files, text, terminal output, lazy imports, child processes."""
