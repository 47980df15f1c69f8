"""Glow: couplings of pictures between invertible 1 x 1 convolutions (Kingma & Dhariwal 2018, arXiv:1807.03039)."""

from bench.models.parts.conv_flow import ChannelMixing, ChannelNorm, PictureMap
from bench.models.realnvp_conv import RealNVPConv


class Glow(RealNVPConv):
    """The flow of `realnvp_conv` with a norm and a learned mixing of the channels before every coupling."""

    def before(self, level: int, number: int, channels: int) -> list[PictureMap]:
        """What stands before a coupling."""
        return [ChannelNorm(channels), ChannelMixing(channels)]
