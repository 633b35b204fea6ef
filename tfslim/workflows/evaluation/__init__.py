"""Evaluate model files on attributes, identities and verification pairs."""
