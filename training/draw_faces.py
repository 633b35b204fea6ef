"""Draws faces in CelebA's layout, for trying things out without a download."""

from tfslim.cli.draw_faces import run

if __name__ == "__main__":
    run()
