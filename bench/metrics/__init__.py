"""Metrics: plain functions of an entry or of two sets of samples."""
