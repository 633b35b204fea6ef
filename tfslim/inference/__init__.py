"""Model files run on images: attributes, embeddings, identities."""
