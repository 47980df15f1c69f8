"""normflows' RealNVP (Stimper et al. 2023, arXiv:2302.12014) with the layers and weights of ours."""

import torch
from nflows.transforms import RandomPermutation
from normflows import NormalizingFlow
from normflows.distributions import DiagGaussian
from normflows.flows import ActNorm, AffineCouplingBlock, Flow, Permute
from normflows.nets import ResidualNet
from torch import Tensor

from bench.models.realnvp import ActivationNorm, AffineCoupling, RealNVP


def same_layers(entry: RealNVP) -> NormalizingFlow:
    """normflows' flow with the layers of `entry`, every weight the same; for an even dimension mixed without LU layers.

    normflows goes from noise to data, so that its layers stand in reverse order and a coupling or activation norm
    scales the other way. It takes turns in the halves that it changes, where ours swaps them; a conditioner's output
    holds shifts and log-scales in turn, and the latter are not clamped.
    """
    dim = entry.data.dim
    layers: list[Flow] = []
    couplings = 0
    for ours in entry.transform._transforms:
        if isinstance(ours, AffineCoupling):
            layers.append(coupling(ours, couplings))
            couplings += 1
        elif isinstance(ours, ActivationNorm):
            layers.append(activation_norm(ours))
        else:
            assert isinstance(ours, RandomPermutation)
            layers.append(permutation(ours))
    base = DiagGaussian(dim, trainable=False)
    return NormalizingFlow(base, layers[::-1]).to(next(entry.parameters()).device)


def coupling(ours: AffineCoupling, number: int) -> AffineCouplingBlock:
    """normflows' coupling in place of our coupling `number`, counted from 0."""
    first = ours.transform_net.first
    changed = ours.features - ours.kept
    net = ResidualNet(ours.kept, 2 * changed, first.out_features, num_blocks=1)
    with torch.no_grad():
        for mine, theirs in zip(ours.transform_net.parameters(), net.parameters(), strict=True):
            theirs.copy_(mine)
    return AffineCouplingBlock(net, split_mode="channel" if number % 2 == 0 else "channel_inv")


def activation_norm(ours: ActivationNorm) -> ActNorm:
    """normflows' activation norm, told not to replace its weights by what it sees in the first batch."""
    theirs = ActNorm((len(ours.shift),))
    theirs.data_dep_init_done.fill_(1.0)
    with torch.no_grad():
        theirs.s.copy_(-ours.log_scale)
        theirs.t.copy_(-ours.shift * torch.exp(-ours.log_scale))
    return theirs


def permutation(ours: RandomPermutation) -> Permute:
    """normflows' permutation, its inverse the same as ours."""
    theirs = Permute(len(ours._permutation), mode="shuffle")
    theirs.inv_perm.copy_(ours._permutation)
    theirs.perm.copy_(torch.argsort(ours._permutation))
    return theirs


def loss(flow: NormalizingFlow, x: Tensor) -> Tensor:
    """Mean -log p(x) in nats."""
    mean: Tensor = flow.forward_kld(x)
    return mean
