"""Identity heads: the public name of `tfslim.models.identity`."""

from tfslim.models.identity import embedding_model, normalised_classifier

__all__ = ["embedding_model", "normalised_classifier"]
