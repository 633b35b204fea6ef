"""Face verification metrics: public alias of `tfslim.metrics.verification`."""

from tfslim.metrics.error_rates import auc, eer, error_curve, tar_at_far
from tfslim.metrics.similarity import chi_squared, cosine_similarity, templates
from tfslim.metrics.verification import VerificationTable, kfold_accuracy, verification_table

__all__ = [
    "VerificationTable",
    "auc",
    "chi_squared",
    "cosine_similarity",
    "eer",
    "error_curve",
    "fold_accuracy",
    "kfold_accuracy",
    "tar_at_far",
    "templates",
    "verification_table",
]

fold_accuracy = kfold_accuracy  # its name until 0.1
