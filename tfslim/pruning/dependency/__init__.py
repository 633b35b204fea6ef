"""Channel graph: filters that depend on each other.

It has the rules of each layer.
"""
