"""Evaluation of model files on attributes, identities and verification pairs."""
