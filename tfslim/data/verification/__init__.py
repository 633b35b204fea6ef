"""Image pairs for verification: drawn, or read from LFW's files."""
