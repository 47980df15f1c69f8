import pytest
import torch
from nflows.transforms import AffineCouplingTransform
from torch.utils.flop_counter import FlopCounterMode

from bench.models.parts.conv_net import GatedConvNet
from bench.models.realnvp_conv import RealNVPConv
from bench.spec import DataSpec
from bench.speed.cases.realnvp_conv_against_nflows import Conditioner, nflows_loss, same_layers, step_time
from bench.speed.interleave import Effort
from bench.speed.loops import endless

CPU = torch.device("cpu")


def ours(shape: tuple[int, int, int] = (1, 8, 8)) -> RealNVPConv:
    torch.manual_seed(0)
    return RealNVPConv(DataSpec(shape, image_shape=shape), width=48, couplings=3, blocks=1)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 4, 8)], ids=str)
def test_the_baseline_takes_the_same_operations_with_the_same_weights(shape: tuple[int, int, int]) -> None:
    entry = ours(shape)
    flow, x = same_layers(entry), torch.randn(6, *shape)
    counts = []
    for step in (lambda: entry.loss(x).mean().backward(), lambda: nflows_loss(flow, x).backward()):
        with FlopCounterMode(display=False) as counter:
            step()
        counts.append(counter.get_total_flops())
    assert counts[0] == counts[1] > 0
    nets = [
        [module for module in flow_or_entry.modules() if isinstance(module, GatedConvNet)]
        for flow_or_entry in (entry, flow)
    ]
    assert len(nets[0]) == len(nets[1]) == 6
    for mine, theirs in zip(*nets, strict=True):
        for one, other in zip(mine.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(one, other)
            assert other.is_contiguous()


def test_its_density_is_one_and_its_couplings_take_turns() -> None:
    flow, x = same_layers(ours()), torch.randn(3, 1, 8, 8)
    noise = flow.transform_to_noise(x)
    back, log_det = flow._transform.inverse(noise)
    torch.testing.assert_close(back, x, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(flow._transform(x)[1], -log_det, rtol=1e-4, atol=1e-3)
    couplings = [layer for layer in flow.modules() if isinstance(layer, AffineCouplingTransform)]
    assert [layer.transform_features.tolist() for layer in couplings[:3]] == [[2, 3], [0, 1], [2, 3]]
    assert all(isinstance(layer.transform_net, Conditioner) for layer in couplings)


def test_a_shrunk_comparison_gives_a_figure() -> None:
    small = ["model.width=24", "model.couplings=2", "model.blocks=1", "budget.parameters=null"]
    config = endless(["data=digits", "model=realnvp_conv", *small, "train.validate_every=2", "train.batch_size=8"])
    figure = step_time(config, CPU, Effort(seconds=0, rounds=2))
    assert figure.ours is not None
    assert figure.theirs is not None
    assert figure.ratio is not None
    assert figure.ratio.low > 0


def test_where_mnist_is_not_at_hand_pictures_are_random(tmp_path) -> None:
    small = ["model.width=24", "model.couplings=2", "model.blocks=1", "budget.parameters=null"]
    words = ["data=mnist", f"data.root={tmp_path}", "model=realnvp_conv", *small]
    config = endless([*words, "train.validate_every=1", "train.batch_size=4"])
    figure = step_time(config, CPU, Effort(seconds=0, rounds=2))
    assert figure.ratio is not None
    assert figure.note.startswith("random pixels (")
