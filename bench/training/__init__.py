"""The training of an entry: batches, the loop, validation, checkpoints."""
