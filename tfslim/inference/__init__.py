"""Run a model file (`.keras`, `.tflite` or `.tfslim`) on images: attributes, embeddings, identities.

A `.tflite` file is run without loading Keras or TensorFlow.

Example:
    >>> predictor = tfslim.inference.load_predictor("runs/slimnet")
    >>> images = np.stack([predictor.fit(photo, predictor.size) for photo in photos])
    >>> predictor.logits(images).shape
    (8, 40)
"""

from tfslim._support.lazy import lazy_names

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
