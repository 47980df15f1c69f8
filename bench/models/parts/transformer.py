"""A transformer over a sequence (Vaswani et al. 2017), causal or not: in a causal one a token sees none behind it.

Layers are pre-norm: h + attention(norm(h)), then h + perceptron(norm(h)). A whole sequence goes through in one call;
token by token, `step` of a causal one keeps the keys and values of those before.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.models.parts.networks import linear_layer
from bench.models.parts.precision import restored

HEAD_SIZE = 64
"""Numbers of a head, about: as many heads as come nearest."""
EXPANSION = 4
"""Hidden units of a layer's perceptron, for each of its features."""
RESIDUAL_GAIN = 0.1
"""Factor on a new layer's outputs: it starts near the identity, yet every weight gets a gradient."""

LEAST_FEATURES = 2
"""Of a transformer: a layer norm makes nothing of one."""

Hidden = Float[Tensor, "batch tokens features"]
Cache = tuple[Tensor, Tensor]
"""Keys and values of the tokens so far, `(batch, heads, tokens, head)` each."""


class Attention(nn.Module):
    """Scaled dot-product attention of several heads."""

    def __init__(self, features: int, causal: bool) -> None:
        super().__init__()
        self.causal = causal
        self.heads = max(1, round(features / HEAD_SIZE))
        inside = self.heads * math.ceil(features / self.heads)
        self.inputs = linear_layer(features, 3 * inside)
        self.outputs = linear_layer(inside, features, gain=RESIDUAL_GAIN)

    def forward(self, h: Hidden) -> Hidden:
        """What each token reads off all tokens, in a causal one off itself and those before."""
        query, key, value = self.split(h)
        return self.merged(nn.functional.scaled_dot_product_attention(query, key, value, is_causal=self.causal))

    def step(self, h: Hidden, cache: Cache | None) -> tuple[Hidden, Cache]:
        """The same for one token behind those of the cache, which it joins."""
        query, key, value = self.split(h)
        if cache is not None:
            key, value = torch.cat((cache[0], key), 2), torch.cat((cache[1], value), 2)
        return self.merged(nn.functional.scaled_dot_product_attention(query, key, value)), (key, value)

    def split(self, h: Hidden) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, `(batch, heads, tokens, head)` each."""
        query, key, value = self.inputs(h).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return query, key, value

    def merged(self, read: Float[Tensor, "batch heads tokens head"]) -> Hidden:
        """The heads side by side, mixed."""
        mixed: Tensor = self.outputs(read.transpose(1, 2).flatten(2))
        return mixed


class Layer(nn.Module):
    """Attention, then a perceptron, each added to what comes in."""

    def __init__(self, features: int, causal: bool) -> None:
        super().__init__()
        self.before_attention, self.before_perceptron = nn.LayerNorm(features), nn.LayerNorm(features)
        self.attention = Attention(features, causal)
        self.perceptron = nn.Sequential(
            linear_layer(features, EXPANSION * features),
            nn.GELU(),
            linear_layer(EXPANSION * features, features, gain=RESIDUAL_GAIN),
        )

    def forward(self, h: Hidden) -> Hidden:
        """The sequence, changed."""
        h = h + self.attention(self.before_attention(h))
        changed: Tensor = h + self.perceptron(self.before_perceptron(h))
        return changed

    def step(self, h: Hidden, cache: Cache | None) -> tuple[Hidden, Cache]:
        """One token more, changed."""
        read, cache = self.attention.step(self.before_attention(h), cache)
        h = h + read
        return h + self.perceptron(self.before_perceptron(h)), cache


class Transformer(nn.Module):
    """From a sequence of `inputs` numbers a token to one of `outputs`, each read off all tokens that its token sees."""

    def __init__(
        self,
        tokens: int,
        inputs: int,
        features: int,
        outputs: int,
        layers: int,
        final_gain: float,
        causal: bool = True,
    ) -> None:
        """`final_gain` is about the standard deviation of a new net's outputs."""
        super().__init__()
        self.embedding = linear_layer(inputs, features)
        self.positions = nn.Parameter(0.1 * torch.randn(tokens, features))
        self.layers = nn.ModuleList(Layer(features, causal) for _ in range(layers))
        self.norm = nn.LayerNorm(features)
        self.head = linear_layer(features, outputs, gain=final_gain)

    def forward(self, tokens: Float[Tensor, "batch tokens inputs"]) -> Float[Tensor, "batch tokens outputs"]:
        """The first tokens of a sequence, all at once."""
        h = self.embedding(tokens) + self.positions[: tokens.shape[1]]
        for layer in self.layers:
            h = layer(h)
        return restored(self.head(self.norm(h)))

    def step(
        self, token: Float[Tensor, "batch inputs"], number: int, caches: list[Cache | None]
    ) -> Float[Tensor, "batch outputs"]:
        """The token of that number, behind those whose keys and values each layer's cache has; it joins them."""
        h = (self.embedding(token) + self.positions[number]).unsqueeze(1)
        for place, layer in enumerate(self.layers):
            assert isinstance(layer, Layer)
            h, caches[place] = layer.step(h, caches[place])
        read: Tensor = self.head(self.norm(h)).squeeze(1)
        return read
