"""What the rooms share: files, text, terminal output, lazy imports, child processes."""
