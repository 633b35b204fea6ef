"""What a program does beyond one fit: pruning, few bits, int8, export, evaluation, experiments."""
