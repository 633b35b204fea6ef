"""Verification metrics: the public name of `tfslim.metrics.verification`."""

from tfslim.metrics.verification import (
    VerificationTable,
    auc,
    chi_squared,
    cosine_similarity,
    eer,
    error_curve,
    fold_accuracy,
    tar_at_far,
    templates,
    verification_table,
)

__all__ = [
    "VerificationTable",
    "auc",
    "chi_squared",
    "cosine_similarity",
    "eer",
    "error_curve",
    "fold_accuracy",
    "tar_at_far",
    "templates",
    "verification_table",
]
