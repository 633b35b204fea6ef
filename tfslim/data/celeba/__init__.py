"""CelebA in a local folder: labels, identities, partitions, images."""
