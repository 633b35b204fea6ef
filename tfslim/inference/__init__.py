"""Attributes, embeddings and identities from a model file.

The file is a `.keras`, `.tflite` or `.tfslim` file. A `.tflite` file is run without loading Keras or TensorFlow.

Example:
    >>> predictor = tfslim.inference.load_predictor("runs/slimnet")
    >>> images = np.stack([predictor.fit(photo, predictor.size) for photo in photos])
    >>> predictor.logits(images).shape
    (8, 40)
"""

from typing import TYPE_CHECKING

from tfslim._support.lazy import lazy_names

if TYPE_CHECKING:  # for type checkers and editors, which do not run lazy_names
    from tfslim.inference.batches import ImageOutputs as ImageOutputs
    from tfslim.inference.embedder import (
        Embedder as Embedder,
        embed_files as embed_files,
        load_embedder as load_embedder,
    )
    from tfslim.inference.identifier import (
        Identifier as Identifier,
        identify as identify,
        load_identifier as load_identifier,
    )
    from tfslim.inference.pair_scoring import pair_scores as pair_scores
    from tfslim.inference.predictor import (
        PartPredictions as PartPredictions,
        Predictor as Predictor,
        load_predictor as load_predictor,
        predict_part as predict_part,
    )

_HOMES = {
    "embed_files": ".embedder",
    "Embedder": ".embedder",
    "identify": ".identifier",
    "Identifier": ".identifier",
    "ImageOutputs": ".batches",
    "load_embedder": ".embedder",
    "load_identifier": ".identifier",
    "load_predictor": ".predictor",
    "pair_scores": ".pair_scoring",
    "PartPredictions": ".predictor",
    "predict_part": ".predictor",
    "Predictor": ".predictor",
}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
