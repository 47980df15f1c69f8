import numpy as np
import torch

from bench.metrics.picture_arrays import CLASS_ROWS, picture_samples
from bench.setup import build
from bench.setup.compose import compose


def test_an_entry_that_takes_labels_draws_some_of_each_class() -> None:
    """Of two nets that draw alike but for the class, each column of one is where its class is asked for."""
    config = compose(["data=digits", "data.labelled=20", "model=m2", "model.width=40", "budget.parameters=null"])
    dataset = build.dataset(config)
    entry = build.entry_of_width(config, dataset.spec, None)
    asked = []

    def sample(n: int, context=None):
        asked.append(context)
        return (torch.zeros(n, 10) if context is None else context).argmax(1)[:, None].expand(n, 64) / 2 - 2

    entry.sample = sample  # type: ignore[method-assign]
    with torch.no_grad():
        arrays = picture_samples(entry, dataset, dataset.fixed(dataset.test[:70], 0))
    assert asked[0] is None
    assert arrays["by_class"].shape == (CLASS_ROWS, 10, 64)
    levels = arrays["by_class"][:, :, 0]
    assert (np.diff(levels, axis=1) > 0).all()
    assert (levels == levels[0]).all()
    plain = build.entry_of_width(
        compose(["data=digits", "model=vae", "model.width=40"]), build.dataset(compose([])).spec, None
    )
    with torch.no_grad():
        assert "by_class" not in picture_samples(plain, dataset, dataset.fixed(dataset.test[:70], 0))
