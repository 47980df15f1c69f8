"""Trials of tuning as cells: which there are, which are missing, and what they choose."""
