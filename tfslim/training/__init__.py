"""One training run: recipe, trainer, optimizers, tasks, teacher, run folder, checkpoint."""
