import numpy as np
import torch

from bench.metrics.picture_arrays import CLASS_ROWS, LATENT_IMAGES, picture_latents, picture_samples
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


def test_images_after_their_latents_and_decoder_means_beside_draws() -> None:
    config = compose(["data=digits", "model=vae", "model.width=40", "budget.parameters=null"])
    dataset = build.dataset(config)
    x = dataset.fixed(dataset.test[:70], 0)
    with torch.no_grad():
        arrays = picture_latents(build.entry_of_width(config, dataset.spec, None), dataset, x)
        flow = compose(["data=digits", "model=realnvp", "model.width=40", "budget.parameters=null"])
        exact = picture_latents(build.entry_of_width(flow, dataset.spec, None), dataset, x)
        gan = compose(["data=digits", "model=gan", "model.width=40", "budget.parameters=null"])
        assert picture_latents(build.entry_of_width(gan, dataset.spec, None), dataset, x).keys() <= {"means", "draws"}
    kinds = ("reconstructed", "reconstructed_noisy", "means", "draws")
    assert {name: array.shape for name, array in arrays.items()} == dict.fromkeys(kinds, (LATENT_IMAGES, 64))
    original = dataset.space.to_data(x[:LATENT_IMAGES]).numpy()
    assert exact.keys() == {"reconstructed", "reconstructed_noisy"}
    np.testing.assert_allclose(exact["reconstructed"], original, atol=1e-3)
    assert np.abs(exact["reconstructed_noisy"] - original).max() > 0.01
    assert np.abs(arrays["draws"] - arrays["means"]).max() > 0.01
