import torch

from bench.data.dequantisation import dequantised


def test_noise_stays_within_a_level_is_uniform_and_follows_its_seed() -> None:
    raw = torch.arange(16, dtype=torch.uint8).repeat(4096, 1)
    y = dequantised(raw, torch.Generator().manual_seed(0))
    noise = y - raw
    assert torch.equal(y.floor(), raw.float())
    assert noise.min() >= 0
    assert noise.max() < 1
    assert abs(float(noise.mean()) - 0.5) < 4 * (1 / 12) ** 0.5 / noise.numel() ** 0.5
    assert torch.equal(y, dequantised(raw, torch.Generator().manual_seed(0)))
    assert not torch.equal(y, dequantised(raw, torch.Generator().manual_seed(1)))
