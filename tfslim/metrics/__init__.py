"""Metrics for attributes, identification and verification."""

from tfslim._support.lazy import lazy_names

_HOMES = {
    "accuracy_thresholds": ".attributes",
    "attribute_table": ".attributes",
    "AttributeTable": ".attributes",
    "auc": ".error_rates",
    "balanced_thresholds": ".attributes",
    "chi_squared": ".similarity",
    "cosine_similarity": ".similarity",
    "eer": ".error_rates",
    "error_curve": ".error_rates",
    "ErrorCurve": ".error_rates",
    "identity_table": ".identification",
    "IdentityTable": ".identification",
    "kfold_accuracy": ".verification",
    "tar_at_far": ".error_rates",
    "TarAtFar": ".error_rates",
    "templates": ".similarity",
    "verification_table": ".verification",
    "VerificationTable": ".verification",
}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
