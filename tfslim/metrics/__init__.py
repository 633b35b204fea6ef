"""Metrics of attributes, identification and verification."""

from tfslim._support.lazy import lazy_names

_HOMES = {
    "accuracy_thresholds": ".attributes",
    "attribute_table": ".attributes",
    "AttributeTable": ".attributes",
    "auc": ".error_rates",
    "balanced_thresholds": ".attributes",
    "checked_scores": ".error_rates",
    "chi_squared": ".similarity",
    "COLUMNS": ".attributes",
    "cosine_similarity": ".similarity",
    "eer": ".error_rates",
    "error_curve": ".error_rates",
    "ErrorCurve": ".error_rates",
    "FIGURES": ".identification",
    "fold_accuracy": ".verification",
    "identity_table": ".identification",
    "IdentityTable": ".identification",
    "print_table": ".attributes",
    "tar_at_far": ".error_rates",
    "TarAtFar": ".error_rates",
    "templates": ".similarity",
    "TITLES": ".attributes",
    "verification_table": ".verification",
    "VerificationTable": ".verification",
}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
