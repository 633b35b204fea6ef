"""Training of one network from a recipe.

The room has recipe, trainer, optimizers, tasks, teacher, run folder and checkpoint.
"""
