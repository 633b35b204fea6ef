"""The packed file: container, tensor table, entropy coding, model."""
