"""Metrics for attributes, identification and verification."""

from typing import TYPE_CHECKING

from tfslim._support.lazy import lazy_names

if TYPE_CHECKING:  # for type checkers and editors, which do not run lazy_names
    from tfslim.metrics.attributes import (
        AttributeTable as AttributeTable,
        accuracy_thresholds as accuracy_thresholds,
        attribute_table as attribute_table,
        balanced_thresholds as balanced_thresholds,
    )
    from tfslim.metrics.error_rates import (
        ErrorCurve as ErrorCurve,
        TarAtFar as TarAtFar,
        auc as auc,
        eer as eer,
        error_curve as error_curve,
        tar_at_far as tar_at_far,
    )
    from tfslim.metrics.identification import (
        IdentityTable as IdentityTable,
        identity_table as identity_table,
    )
    from tfslim.metrics.similarity import (
        chi_squared as chi_squared,
        cosine_similarity as cosine_similarity,
        templates as templates,
    )
    from tfslim.metrics.verification import (
        VerificationTable as VerificationTable,
        kfold_accuracy as kfold_accuracy,
        verification_table as verification_table,
    )

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
