"""Filter pruning that makes models smaller: the channel graph, importance, surgery, and pruning while training."""
