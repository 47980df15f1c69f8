"""Autoregressive histograms by forests of randomised trees: the floor of what trees know of a table."""

import math

import numpy as np
import torch
from jaxtyping import Float, Int
from sklearn.ensemble import ExtraTreesClassifier
from torch import Tensor, nn

from bench.errors import BenchError, Diverged, NotApplicable
from bench.models.entry import Context, Entry, LogProb
from bench.spec import DataSpec

BINS = 32
"""Most bins a column."""
TREES = 20
LEAST_IN_LEAF = 10
SMOOTHING = 1e-3
"""Share of every leaf that is spread evenly over the bins, so that none has probability 0."""
NARROWEST = 1e-4
"""Least distance of two edges, in deviations of the column: it bounds the density where values repeat."""
NEVER = -1e4
"""Logarithm of the probability of a bin that a column does not have: exp makes it 0, and parameters must be finite."""
ROWS = 20_000
MOST_COLUMNS = 128


class ForestAR(Entry):
    """p(x) = Πⱼ p(xⱼ | x₁, ..., xⱼ₋₁), each factor a histogram whose probabilities a forest reads off x₁, ..., xⱼ₋₁.

    A column's inner edges are quantiles of the training rows; of n rows there are at most 32 bins and 2 n^(1/3) (Rice's
    rule). Within a bin the density is uniform; the two outermost have no end, and exponential tails. The forest is of
    20 extremely randomised trees (Geurts, Ernst & Wehenkel 2006, Machine Learning 63, by scikit-learn), grown on at
    most 20,000 rows drawn by the run's seed. What a leaf says is mixed with 1e-3 of even shares.

    There is nothing to train; what counts as parameters are the leaves' log-probabilities and the tails' scales, of
    full trees. The trees themselves are buffers, and so are the edges: nothing of scikit-learn is stored.
    """

    family = "reference"
    fitted = True
    edges: Tensor
    feature: Tensor
    threshold: Tensor
    branches: Tensor

    def __init__(self, data: DataSpec, *, width: int) -> None:
        """Builds trees of one leaf and two bins a column, with exponential tails either side of 0.

        Args:
            data: what an example is.
            width: most leaves of a tree.

        Raises:
            BenchError: for fewer leaves than 2, or more than 16-bit numbers can count the nodes of.
            NotApplicable: for data with a context or of more than 128 columns.
        """
        super().__init__(data, width=width)
        if not 2 <= width <= 2**14:
            raise BenchError(f"model.width={width} is not a number of leaves: give 2 to {2**14}")
        if data.dim > MOST_COLUMNS:
            raise NotApplicable(f"ForestAR grows a forest for each of {data.dim} columns; at most {MOST_COLUMNS} fit")
        nodes = 2 * width - 1
        self.register_buffer("edges", torch.full((data.dim, BINS - 1), math.inf))
        self.edges[:, 0] = 0.0
        # A leaf leads to itself, and its feature is the number of its row of `leaves`.
        self.register_buffer("feature", torch.zeros(data.dim, TREES, nodes, dtype=torch.int16))
        self.register_buffer("threshold", torch.zeros(data.dim, TREES, nodes))
        self.register_buffer("branches", torch.zeros(data.dim, TREES, nodes, 2, dtype=torch.int16))
        self.leaves = nn.Parameter(torch.full((data.dim, TREES, width, BINS), NEVER))
        self.log_scales = nn.Parameter(torch.zeros(data.dim, 2))
        with torch.no_grad():
            self.leaves[..., :2] = -math.log(2)

    def loss(self, x: Float[Tensor, "batch *event"], context: Context = None) -> Float[Tensor, " batch"]:
        """-log p(x) in nats."""
        return -self.log_prob(x).value

    def log_prob(self, x: Float[Tensor, "batch *event"], context: Context = None) -> LogProb:
        """The exact log-density in model space."""
        flat = x.flatten(1)
        bins = torch.searchsorted(self.edges, flat.T.contiguous(), right=True)
        total = flat.new_zeros(len(flat))
        for column, here in enumerate(bins):
            leaf, tree = self.leaf(column, flat), torch.arange(TREES, device=x.device)
            probabilities = self.leaves[column][tree, leaf, here[:, None]]
            total = total + torch.logsumexp(probabilities, 1) - math.log(TREES)
            total = total + self.within(column, here, flat[:, column])
        return LogProb(total, "exact", is_bound=False)

    def sample(self, n: int, context: Context = None) -> Float[Tensor, "n *event"]:
        """Column by column: a bin by the forest's probabilities, then a place in it."""
        with torch.no_grad():
            x = self.log_scales.new_zeros(n, self.data.dim)
            for column in range(self.data.dim):
                here = torch.multinomial(self.probabilities(column, x), 1)[:, 0]
                x[:, column] = self.placed(column, here)
            return x.reshape(n, *self.data.event_shape)

    def probabilities(self, column: int, x: Float[Tensor, "n dim"]) -> Float[Tensor, "n bins"]:
        """Of the bins of a column, given the columns before it; 0 of bins that it does not have."""
        tree = torch.arange(TREES, device=x.device)
        return self.leaves[column][tree, self.leaf(column, x)].exp().mean(1)

    def leaf(self, column: int, x: Float[Tensor, "n dim"]) -> Int[Tensor, "n trees"]:
        """The row of `leaves` that each example comes to in each tree of a column."""
        tree = torch.arange(TREES, device=x.device)
        feature, threshold, branches = (part[column] for part in (self.feature, self.threshold, self.branches))
        node = torch.zeros(len(x), TREES, dtype=torch.long, device=x.device)
        while True:
            # In a leaf the feature may be none of x: either way leads to it again.
            value = x.gather(1, feature[tree, node].long().clamp(max=x.shape[1] - 1))
            after = branches[tree, node, (value > threshold[tree, node]).long()].long()
            if torch.equal(after, node):
                return feature[tree, node].long()
            node = after

    def within(self, column: int, here: Int[Tensor, " n"], x: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """log p(xⱼ | its bin): uniform between two edges, exponential beyond the outermost."""
        lower, upper, first, last = self.ends(column, here)
        distance = torch.where(first, upper - x, torch.where(last, x - lower, 0.0))
        log_scale = torch.where(first, self.log_scales[column, 0], self.log_scales[column, 1])
        width = torch.where(first | last, 1.0, upper - lower)
        return torch.where(first | last, -log_scale - distance * torch.exp(-log_scale), -torch.log(width))

    def placed(self, column: int, here: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
        """A draw within each bin."""
        lower, upper, first, last = self.ends(column, here)
        even = torch.rand_like(lower)
        scale = torch.exp(self.log_scales[column])
        tail = -torch.log1p(-even)
        inside = lower + even * torch.where(first | last, 0.0, upper - lower)
        return torch.where(first, upper - scale[0] * tail, torch.where(last, lower + scale[1] * tail, inside))

    def ends(self, column: int, here: Int[Tensor, " n"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Lower and upper edge of each bin, the other one twice where it has no end, and which have none."""
        edges = self.edges[column]
        last = here == edges.isfinite().sum()
        first = here == 0
        lower, upper = edges[(here - 1).clamp(min=0)], edges[here.clamp(max=len(edges) - 1)]
        return lower, torch.where(last, lower, upper), first, last

    @torch.no_grad()
    def finish(self, x: Float[Tensor, "batch *event"]) -> None:
        """Takes quantiles and grows forests on rows drawn by torch's generator, which also seeds scikit-learn.

        Raises:
            Diverged: an example is not finite.
        """
        if not bool(x.isfinite().all()):
            raise Diverged("the forest's examples are not all finite")
        rows = x.flatten(1)[torch.randperm(len(x))[:ROWS].to(x.device)].float().cpu().numpy()
        for buffer in (self.feature, self.threshold, self.branches):
            buffer.zero_()
        for column in range(self.data.dim):
            values = rows[:, column]
            edges = edges_of(values)
            self.edges[column] = math.inf
            self.edges[column, : len(edges)] = torch.from_numpy(edges)
            self.log_scales[column] = torch.log(torch.from_numpy(tails(values, edges)))
            # The first column has none before it: trees on a constant are one leaf.
            before = rows[:, :column] if column else np.zeros_like(rows[:, :1])
            self.take(column, grown(before, np.searchsorted(edges, values, side="right"), self.width), len(edges) + 1)

    @property
    def width(self) -> int:
        """Most leaves of a tree."""
        return self.leaves.shape[2]

    def take(self, column: int, forest: ExtraTreesClassifier, bins: int) -> None:
        """Writes a forest's trees into the buffers, by scikit-learn's public arrays of them."""
        shares = np.full((self.width, BINS), 0.0)
        for number, estimator in enumerate(forest.estimators_):
            tree = estimator.tree_
            ends = tree.children_left < 0
            own = np.arange(tree.node_count)
            branches = np.stack([np.where(ends, own, side) for side in (tree.children_left, tree.children_right)], 1)
            feature = np.where(ends, np.cumsum(ends) - 1, tree.feature)
            shares[:] = 0.0
            shares[: ends.sum(), forest.classes_] = tree.value[ends, 0]
            shares[:, :bins] = (1 - SMOOTHING) * shares[:, :bins] + SMOOTHING / bins
            logs = np.full_like(shares, NEVER)
            self.leaves[column, number] = torch.from_numpy(np.log(shares, out=logs, where=shares > 0))
            for buffer, content in (
                (self.feature, feature),
                (self.threshold, rounded_down(tree.threshold)),
                (self.branches, branches),
            ):
                buffer[column, number, : tree.node_count] = torch.from_numpy(content).to(buffer)


def edges_of(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " edges"]:
    """The inner edges of a column's bins: quantiles, those left out that are too near to the one before."""
    bins = int(np.clip(2 * len(values) ** (1 / 3), 2, BINS))
    least = NARROWEST * values.std()
    kept: list[float] = []
    for edge in np.quantile(values, np.arange(1, bins) / bins):
        if not kept or edge - kept[-1] > least:
            kept.append(float(edge))
    return np.unique(np.asarray(kept, np.float32))


def tails(values: Float[np.ndarray, " n"], edges: Float[np.ndarray, " edges"]) -> Float[np.ndarray, " 2"]:
    """The scales of the exponential tails: the mean distances from the outermost edges, at least `NARROWEST`.

    One deviation is averaged in, as of a row more: a tail without rows has that scale.
    """
    deviation = float(values.std()) or 1.0
    beyond = (edges[0] - values[values < edges[0]], values[values >= edges[-1]] - edges[-1])
    means = [(float(each.sum()) + deviation) / (len(each) + 1) for each in beyond]
    return np.asarray([max(mean, NARROWEST * deviation) for mean in means], np.float32)


def grown(before: Float[np.ndarray, "n columns"], bins: Int[np.ndarray, " n"], leaves: int) -> ExtraTreesClassifier:
    """The forest that tells a column's bin from the columns before it."""
    seed = int(torch.randint(2**31, ()))
    forest = ExtraTreesClassifier(
        TREES, min_samples_leaf=LEAST_IN_LEAF, max_leaf_nodes=leaves, max_features=None, random_state=seed
    )
    return forest.fit(before, bins)


def rounded_down(threshold: Float[np.ndarray, " nodes"]) -> Float[np.ndarray, " nodes"]:
    """Thresholds in float32, none above its own: no 32-bit value goes another way."""
    near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)
