"""Synthetic drawn faces in CelebA's layout, without a download."""
