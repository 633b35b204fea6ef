"""`tfslim draw-faces`: draw faces in CelebA's layout."""

from functools import partial
from pathlib import Path

from tfslim.cli import app

DESCRIPTION = """\
Draws faces in CelebA's own layout: images, attribute, identity and partition files. No real person, no download.

examples:
  tfslim draw-faces demo/faces --count 2400 --identities 60
  tfslim draw-faces small --count 400 --height 109 --width 89 --seed 1
"""


def main(
    folder: str, count: int = 1000, identities: int = 40, height: int = 218, width: int = 178, seed: int = 0
) -> None:
    """Draw faces.

    Args:
        folder: the folder to make
        count: number of images
        identities: number of people they show
        height: of the images, in pixels
        width: of the images, in pixels
        seed: another one gives other faces
    """
    from tfslim.data import draw_faces

    Path(folder).absolute().parent.mkdir(parents=True, exist_ok=True)
    draw_faces(folder, count=count, identities=identities, seed=seed, size=(height, width))
    print(f"{folder}: {count:,} faces of {identities} people")


run = partial(app.run, main, DESCRIPTION, positional={"folder": "the folder to make"})
