"""CelebA's files: labels, identities, partitions, images."""
