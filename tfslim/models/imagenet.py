"""ImageNet weights for ResNet18, from keras-hub's preset."""

import keras

PRESET = "resnet_18_imagenet"


def load_imagenet_resnet18(model: keras.Model) -> keras.Model:
    """Copies the backbone of keras-hub's ImageNet ResNet18 into `model`, layer by layer, and returns it.

    Args:
        model: a model made by `tfslim.models.ResNet18`; its head stays as it is.

    Raises:
        ImportError: if keras-hub is not installed.
        RuntimeError: if the preset can't be fetched (it comes from Kaggle, and is cached after the first time).
    """
    try:
        import keras_hub
    except ImportError as error:
        raise ImportError(
            'ResNet18(weights="imagenet") takes the weights of keras-hub\'s preset, and keras-hub is not installed: '
            'pip install "tfslim-edge[imagenet]", or give weights=None'
        ) from error
    try:
        backbone = keras_hub.models.Backbone.from_preset(PRESET, dtype="float32")
    except Exception as error:  # keras-hub and kagglehub raise whatever their HTTP client does
        raise RuntimeError(
            f"ResNet18: keras-hub could not fetch the preset {PRESET!r} ({type(error).__name__}: {error}); "
            "check the network, or fetch it once where there is one, or give weights=None"
        ) from error
    for ours, theirs in backbone_layers():
        model.get_layer(ours).set_weights(backbone.get_layer(theirs).get_weights())
    return model


def backbone_layers() -> list[tuple[str, str]]:
    """Returns the names of the layers with weights, ours and keras-hub's, in pairs."""
    units = [("stem", "conv1")]
    for stage in range(4):
        for block in range(2):
            ours, theirs = f"stage{stage + 1}_block{block + 1}", f"stack{stage}_block{block}"
            if stage > 0 and block == 0:
                units.append((f"{ours}_skip", f"{theirs}_0"))
            units += [(f"{ours}_first", f"{theirs}_1"), (f"{ours}_second", f"{theirs}_2")]
    return [(f"{ours}_{kind}", f"{theirs}_{kind}") for ours, theirs in units for kind in ("conv", "bn")]
