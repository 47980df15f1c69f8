"""One number of threads for torch and the libraries below numpy, scipy and scikit-learn."""

from collections.abc import Iterator

import numpy as np
import pytest
import sklearn.mixture
import torch
from threadpoolctl import threadpool_info

from bench.machine.threads import OWN_THREADS, set_threads


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    set_threads(before)


@pytest.mark.parametrize("threads", [1, 2, None])
def test_every_library_takes_the_threads_of_a_run(threads: int | None) -> None:
    set_threads(threads)
    asked = threads or OWN_THREADS
    assert torch.get_num_threads() == asked
    pools = {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}
    assert len(pools) > 1  # the BLAS of numpy or scipy is among them
    assert set(pools.values()) == {asked}


def test_they_stay_through_a_fit_of_scikit_learn() -> None:
    set_threads(1)
    rows = np.random.default_rng(0).standard_normal((500, 8))
    sklearn.mixture.GaussianMixture(3, random_state=0).fit(rows)
    assert {pool["num_threads"] for pool in threadpool_info()} == {1}
