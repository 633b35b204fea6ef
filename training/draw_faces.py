"""`tfslim draw-faces`: draw faces in CelebA's layout, to try without a download."""

from tfslim.cli.draw_faces import run

if __name__ == "__main__":
    run()
