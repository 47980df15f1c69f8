"""The field of a flow of pictures: any net of pictures at a time, as a field over flat events.

Its divergence has no closed form. A probe e gives eᵀ (df/dx) e by one pass with derivatives along e; the exact trace
takes one such pass for each coordinate.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.models.parts.conv_sizes import conv_sizes
from bench.models.parts.unet import UNet
from bench.spec import DataSpec

FEW_EXAMPLES = 16
"""Examples of a float64 solve, whose field is a net of many pixels."""

Events = Float[Tensor, "batch dim"]
Time = Float[Tensor, ""]


class PictureField(nn.Module):
    """f(t, x) for x of shape `(batch, dim)` and t a scalar tensor."""

    def __init__(self, net: nn.Module, image_shape: tuple[int, int, int]) -> None:
        """`net` is called with pictures and a time for each."""
        super().__init__()
        self.net = net
        self.image_shape = image_shape

    def forward(self, t: Time, x: Events) -> Events:
        """f(t, x)."""
        return self.at_times(t.to(x.dtype).expand(len(x)), x)

    def at_times(self, times: Float[Tensor, " batch"], x: Events) -> Events:
        """f(t_i, x_i), a time for each example."""
        value: Tensor = self.net(x.reshape(-1, *self.image_shape), times)
        return value.flatten(1)

    def forward_and_jvp(self, t: Time, x: Events, along: Events) -> tuple[Events, Events]:
        """f(t, x) and df/dx times `along`, differentiable in the parameters."""
        if torch.is_inference_mode_enabled():  # there are no derivatives along a direction in that mode
            with torch.inference_mode(False), torch.no_grad():
                return self.forward_and_jvp(t.clone(), x.clone(), along.clone())
        outputs = torch.func.jvp(lambda point: self(t, point), (x,), (along,))
        return outputs[0], outputs[1]

    def forward_and_probe(self, t: Time, x: Events, probe: Events) -> tuple[Events, Float[Tensor, " batch"]]:
        """f(t, x) and eᵀ (df/dx) e for the probe e (Hutchinson 1989), unbiased for e ~ ±1; costs as much again as f."""
        value, pushed = self.forward_and_jvp(t, x, probe)
        return value, torch.linalg.vecdot(pushed, probe)

    def forward_and_divergence(self, t: Time, x: Events) -> tuple[Events, Float[Tensor, " batch"]]:
        """f(t, x) and the exact trace of df/dx; costs as much again as f for each coordinate."""
        value, trace = x, x.new_zeros(len(x))
        for place in range(x.shape[1]):
            along = torch.zeros_like(x)
            along[:, place] = 1
            value, pushed = self.forward_and_jvp(t, x, along)
            trace = trace + pushed[:, place]
        return value, trace

    def forward_and_vjp(self, t: Time, x: Events, probe: Events) -> tuple[Events, Events]:
        """f(t, x) and eᵀ df/dx for the probe e, one row an example."""
        create = torch.is_grad_enabled()
        with torch.enable_grad():
            x = x if x.requires_grad else x.detach().requires_grad_()
            value = self(t, x)
            (pulled,) = torch.autograd.grad(value, x, probe, create_graph=create)
        return value if create else value.detach(), pulled


def unet_field(data: DataSpec, width: int, shape: Sequence[int], blocks: int, name: str) -> PictureField:
    """A U-Net as a field.

    Args:
        data: what an example is, a picture in its own shape.
        width: channels of all levels together.
        shape: proportions of the levels on the way down; all but the lowest come again on the way back.
        blocks: gated residual blocks of each level.
        name: of the entry, in an error.

    Raises:
        BenchError: for a width, a proportion or a number of blocks below 1.
        NotApplicable: for data that are no pictures, or sides that cannot be halved so often.
    """
    image_shape, down, up, _ = conv_sizes(data, width, shape, blocks, name, up=shape[-2::-1])
    return PictureField(UNet(image_shape[0], down, up, blocks), image_shape)
