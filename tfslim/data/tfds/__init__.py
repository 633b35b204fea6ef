"""CelebA as a TensorFlow Datasets (TFDS) dataset."""
