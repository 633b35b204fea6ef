"""Says what a .tflite file of tfslim sees in a photo; needs ai-edge-litert, numpy and Pillow, and no tfslim.

python label_photo.py face-int8.tflite photo.jpg
"""

import sys
import zipfile

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, ImageOps


def answers(model: str, photo: str) -> list[tuple[str, float]]:
    """Each label of the file and how likely it is, in 0..1, the likeliest first."""
    with zipfile.ZipFile(model) as files:  # a .tflite file with metadata is a zip as well
        labels = files.read("labels.txt").decode().splitlines()
    interpreter = Interpreter(model_path=model)
    interpreter.allocate_tensors()
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    height, width = taken["shape"][1:3]
    image = ImageOps.exif_transpose(Image.open(photo)).convert("RGB")
    pixels = np.asarray(ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR), "float32")[None]  # its middle
    scale, zero = taken["quantization"]
    if scale:  # int8 or uint8: what the file stores for a pixel of 0..255
        limits = np.iinfo(taken["dtype"])
        pixels = np.clip(np.round(pixels / scale) + zero, limits.min, limits.max)
    interpreter.set_tensor(taken["index"], pixels.astype(taken["dtype"]))
    interpreter.invoke()
    logits = interpreter.get_tensor(given["index"])[0].astype("float32")
    scale, zero = given["quantization"]
    logits = (logits - zero) * scale if scale else logits
    return sorted(zip(labels, 1 / (1 + np.exp(-logits)), strict=True), key=lambda answer: -answer[1])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    for label, likely in answers(*sys.argv[1:]):
        print(f"{likely:6.1%}  {label}")
