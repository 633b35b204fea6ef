"""Evaluation of attributes, identities and verification pairs."""
