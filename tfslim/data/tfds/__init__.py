"""CelebA as a TFDS dataset."""
