"""Identity classifiers and embedding models: public alias of `tfslim.models.identity`."""

from tfslim.models.identity import embedding_model, normalized_classifier

__all__ = ["embedding_model", "normalised_classifier", "normalized_classifier"]

normalised_classifier = normalized_classifier  # its name until 0.1
