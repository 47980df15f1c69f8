"""CPU threads: one number for torch and for the libraries below numpy, scipy and scikit-learn."""

import torch
from threadpoolctl import threadpool_limits

OWN_THREADS = torch.get_num_threads()
"""Threads that torch takes by itself, read before any configuration sets them."""


def set_threads(threads: int | None) -> None:
    """Sets the threads of torch and of each loaded BLAS and OpenMP library; None is torch's own number.

    A library that `torch.set_num_threads` leaves alone, such as numpy's BLAS, takes all cores. Two runs side by side
    then wait for each other: a `gmm` on digits took five times as long.
    """
    threadpool_limits(threads or OWN_THREADS)
    torch.set_num_threads(threads or OWN_THREADS)
