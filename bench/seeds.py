"""Independent random streams from one seed: each part of a run draws from its own."""

import hashlib


def stream_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed that depends on `seed` and `names` alone."""
    digest = hashlib.sha256(repr((seed, *names)).encode()).digest()
    return int.from_bytes(digest[:8]) >> 1


FOLDS = 5
"""Test folds of a data set whose YAML lists `fold`: a run's is `data.fold`, by default its seed modulo so many."""
