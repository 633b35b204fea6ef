"""The channel graph: which filters depend on which, and the rules of each layer."""
