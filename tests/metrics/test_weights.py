import json

import pytest
import torch
from torch import nn

from bench.metrics.weights import LARGEST, weight_statistics


def test_a_matrix_has_the_statistics_of_its_closed_form() -> None:
    layer = nn.Linear(3, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, 0.0, 0.0], [0.0, 4.0, 0.0]]))
    content = json.loads(weight_statistics(layer))
    assert content["matrices"] == content["every"] == 1
    mean, sd, norm, spectral = content["mean_sd_norm_spectral"][0]
    assert mean == pytest.approx(7 / 6, rel=5e-3)
    assert sd == pytest.approx(((25 - 49 / 6) / 5) ** 0.5, rel=5e-3)
    assert (norm, spectral) == (5.0, 4.0)


def test_vectors_are_left_out_and_kernels_are_flattened() -> None:
    module = nn.Sequential(nn.Conv2d(2, 3, 3), nn.LayerNorm(5), nn.Conv2d(2, 4, 1))
    (first, second) = json.loads(weight_statistics(module))["mean_sd_norm_spectral"]
    kernel = module[0].weight.detach().double().flatten(1)
    assert first[3] == pytest.approx(float(torch.linalg.matrix_norm(kernel, 2)), rel=5e-3)
    assert second[2] == pytest.approx(float(module[2].weight.detach().norm()), rel=5e-3)


@pytest.mark.parametrize("layers", [1, 30, 60, 500])
def test_any_number_of_layers_fits(layers: int) -> None:
    text = weight_statistics(nn.Sequential(*(nn.Linear(5, 7) for _ in range(layers))))
    assert len(text.encode()) <= LARGEST
    content = json.loads(text)
    assert content["matrices"] == layers
    assert len(content["mean_sd_norm_spectral"]) == -(-layers // content["every"])


def test_a_weight_that_is_not_finite_has_no_statistics() -> None:
    layer = nn.Linear(3, 2)
    with torch.no_grad():
        layer.weight[0, 0] = torch.nan
    assert json.loads(weight_statistics(layer))["mean_sd_norm_spectral"] == [[None] * 4]
