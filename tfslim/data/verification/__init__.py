"""Pairs of images for verification: drawn, from LFW's files, from folders of people."""
