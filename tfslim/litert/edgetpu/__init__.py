"""Edge TPU: linter, Keras linter, estimates, compiler."""
