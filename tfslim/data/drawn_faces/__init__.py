"""Drawn faces in CelebA's layout, without a download."""
