"""Train one network: recipe, trainer, optimizers, tasks, teacher, run folder, checkpoint."""
