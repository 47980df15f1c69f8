"""Data sets: tensors, their splits, and the spaces in which a likelihood is modelled and reported."""
