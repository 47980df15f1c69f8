"""Timed comparisons, one a file; those of continuous flows stand in `bench.speed.ladder`."""
