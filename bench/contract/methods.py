"""The methods of an entry that evaluation calls, with arguments for each and one tensor for an answer."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from bench.models.entry import (
    Entry,
    HasClasses,
    HasClusters,
    HasDecoder,
    HasLatent,
    HasLogProb,
    HasLogWeights,
    HasPosterior,
    HasReference,
    HasRoughLogProb,
)

IMPORTANCE_SAMPLES = 32

TensorFunction = Callable[[Tensor], Tensor]


def can_sample(entry: Entry) -> bool:
    """True for an entry with a `sample` of its own."""
    return getattr(type(entry), "sample", None) not in (None, Entry.sample)


def bits(x: Float[Tensor, "n dim"]) -> Float[Tensor, "n dim"]:
    """Bits as they are, and where samples are probabilities of a 1 bits drawn from them."""
    return torch.bernoulli(x.clamp(0, 1))


def names(entry: Entry) -> list[str]:
    """The methods that the entry has."""
    has = {
        "loss": True,
        "sample": can_sample(entry),
        "log_prob": isinstance(entry, HasLogProb),
        "log_weights": isinstance(entry, HasLogWeights),
        "encode": isinstance(entry, HasLatent),
        "decode": isinstance(entry, HasLatent),
        "prior_sample": isinstance(entry, HasDecoder),
        "log_prior": isinstance(entry, HasDecoder),
        "log_likelihood": isinstance(entry, HasDecoder),
        "posterior": isinstance(entry, HasPosterior),
        "classify": isinstance(entry, HasClasses) and bool(entry.data.classes),
        "cluster": isinstance(entry, HasClusters),
        "rough_log_prob": isinstance(entry, HasRoughLogProb),
        "reference_log_prob": isinstance(entry, HasReference),
    }
    return [name for name, present in has.items() if present]


def arguments(entry: Entry, name: str, x: Float[Tensor, "batch *event"]) -> tuple[Any, ...]:
    """The arguments of a method, made from examples."""
    if name in {"sample", "prior_sample"}:
        return (len(x),)
    if name == "log_weights":
        return x, IMPORTANCE_SAMPLES
    if name == "decode":
        return (entry.encode(x),)  # type: ignore[operator]
    if name in {"log_prior", "log_likelihood"}:
        z = entry.prior_sample(len(x))  # type: ignore[operator]
        return (z,) if name == "log_prior" else (x, z[None])
    return (x,)


def answer(entry: Entry, name: str, given: tuple[Any, ...]) -> Tensor:
    """What the method answers: of a `LogProb` its value, of a posterior its mean."""
    got = getattr(entry, name)(*given)
    if name in {"log_prob", "rough_log_prob"}:
        return got.value  # type: ignore[no-any-return]
    return got.mean if name == "posterior" else got  # type: ignore[no-any-return]


def methods(entry: Entry) -> dict[str, TensorFunction]:
    """The entry's methods, each as a function of examples; a reference's tight solves take too long to be repeated."""
    quick = [name for name in names(entry) if name != "reference_log_prob"]
    return {name: lambda x, name=name: answer(entry, name, arguments(entry, name, x)) for name in quick}  # type: ignore[misc]


def seeded(method: TensorFunction, x: Tensor, seed: int) -> Tensor:
    """The method's answer when torch is seeded so."""
    torch.manual_seed(seed)
    with torch.no_grad():
        return method(x)
