"""The entry under check: which data it models, and a testbed for each."""

from dataclasses import replace
from functools import cached_property

from bench.contract.known import ALPHA, LEVELS, Bits, Law, Levels, Pairs, Skewed, WideGaussian
from bench.contract.outcome import Broken, described
from bench.contract.testbed import Build, Testbed, with_labels
from bench.errors import NotApplicable
from bench.spec import DataSpec, Kind

SIDES = ((1, 8, 8), (1, 28, 28), (3, 32, 32))
"""Shapes of pictures; an entry that refuses the first gets the next."""

COLOURS = ((3, 4, 8), (3, 16, 32))
"""Shapes of further pictures for an entry that takes them in their own shape: in colour, and not square."""


class Subject:
    """The entry under check: the data it models, and its testbeds.

    Attributes:
        build: makes the entry.
        seed: of all testbeds.
    """

    def __init__(self, build: Build, seed: int = 0) -> None:
        self.build = build
        self.seed = seed

    @cached_property
    def kinds(self) -> frozenset[Kind]:
        """The kinds of data that the entry says it can model.

        Raises:
            Broken: the constructor refuses every spec.
        """
        errors: list[Exception] = []
        for _, spec, _ in self.offered:
            try:
                return self.build(spec, None).kinds
            except Exception as error:  # whatever stops the constructor is the finding
                errors.append(error)
        raise Broken(
            f"the constructor raises {described(errors[0])}", "construct the entry from any DataSpec of its kinds"
        ) from errors[0]

    @cached_property
    def offered(self) -> list[tuple[str, DataSpec, Law]]:
        """Every kind of data: its name, the spec and the law."""
        side = next((side for side in SIDES if any(self.builds(spec) for _, spec, _ in self.pictures(side))), SIDES[0])
        flat: list[tuple[str, DataSpec, Law]] = [
            ("plane", DataSpec((2,)), Skewed()),
            ("plane of levels", DataSpec((2,), "discrete", levels=LEVELS), Levels(2)),
            ("cube", DataSpec((4,), "binary"), Pairs()),
            ("wide Gaussian", DataSpec((8,)), WideGaussian(8)),
        ]
        colour = [
            (f"colour {name}", spec, law)
            for shape in COLOURS
            for name, spec, law in self.pictures(shape)
            if spec.kind == "discrete" and spec.event_shape == spec.image_shape
        ][:1]
        return [(name, self.labelled(spec), law) for name, spec, law in flat] + self.pictures(side) + colour

    def pictures(self, side: tuple[int, int, int]) -> list[tuple[str, DataSpec, Law]]:
        """Pictures of each kind, in their own shape where the entry asks for it."""
        channels, height, width = side
        dim = channels * height * width
        laws: list[tuple[str, Kind, int | None, Law]] = [
            ("", "continuous", None, WideGaussian(dim)),
            (" of levels", "discrete", LEVELS, Levels(dim)),
            (" of bits", "binary", None, Bits(dim)),
        ]
        named = [
            (f"{height}x{width} pictures{what}", self.presented(kind, levels, side), law)
            for what, kind, levels, law in laws
        ]
        return [(name, spec, Levels(dim, "none") if spec.alpha is not None else law) for name, spec, law in named]

    def presented(self, kind: Kind, levels: int | None, side: tuple[int, int, int]) -> DataSpec:
        """Pictures as the entry asks for them: in their own shape where its `own_shape` says so, else flat.

        Logits of levels are plain where its `standardise` is `none`.
        """
        channels, height, width = side
        flat = DataSpec((channels * height * width,), kind, levels, image_shape=side)
        shaped = replace(flat, event_shape=side)
        plain = [replace(shaped, alpha=ALPHA), replace(flat, alpha=ALPHA)] if kind == "discrete" else []
        for spec in map(self.labelled, [*plain, shaped]):
            try:
                entry = self.build(spec, None)
            except Exception:  # `models` says why it refuses the flat spec
                continue
            if entry.own_shape == (spec.event_shape == side) and (entry.standardise == "none") == (
                spec.alpha is not None
            ):
                return spec
        return self.labelled(flat)

    def labelled(self, spec: DataSpec) -> DataSpec:
        """`spec`, with labels where the entry needs them: it can be built with labels alone."""
        return with_labels(spec) if not self.builds(spec) and self.builds(with_labels(spec)) else spec

    def builds(self, spec: DataSpec) -> bool:
        """True if the constructor accepts `spec`, flat or in its own shape; `models` reports why it does not."""
        shapes = [spec] if spec.image_shape is None else [spec, replace(spec, event_shape=spec.image_shape)]
        for shaped in shapes:
            try:
                self.build(shaped, None)
            except Exception:
                continue
            return True
        return False

    def models(self, name: str, spec: DataSpec) -> bool:
        """True if `spec` is of the entry's kinds and its constructor does not call it not applicable.

        Raises:
            Broken: the constructor raises anything else.
        """
        if spec.kind not in self.kinds:
            return False
        try:
            self.build(spec, None)
        except NotApplicable:
            return False
        except Exception as error:  # whatever stops the constructor is the finding
            raise Broken(
                f"the constructor raises {described(error)} for the {name}, {spec}",
                "mend it, leave that kind out of `kinds`, or raise bench.errors.NotApplicable for such data",
            ) from error
        return True

    @cached_property
    def testbeds(self) -> list[Testbed]:
        """A testbed for each kind of data that the entry models.

        Pictures of real numbers and of bits are left out where it models those of levels, and the same kind in few
        coordinates.

        Raises:
            Broken: it models none of them.
        """
        testbeds = [
            Testbed(name, spec, self.build, law, self.seed)
            for name, spec, law in self.offered
            if self.models(name, spec)
        ]
        flat = {testbed.spec.kind for testbed in testbeds if testbed.spec.image_shape is None}
        levels = any(testbed.spec.image_shape and testbed.spec.kind == "discrete" for testbed in testbeds)
        testbeds = [
            testbed
            for testbed in testbeds
            if testbed.spec.image_shape is None
            or testbed.spec.kind == "discrete"
            or not (levels and testbed.spec.kind in flat)
        ]
        if not testbeds:
            offered = ", ".join(name for name, _, _ in self.offered)
            raise Broken(f"it models none of {offered}", "accept events of some size, and name their kind in `kinds`")
        return testbeds

    @cached_property
    def few(self) -> list[Testbed]:
        """A testbed of two or four coordinates and one of pictures: for what hangs on code and not on the data."""
        order: list[Kind] = ["discrete", "continuous", "binary"]
        real = [testbed for testbed in self.testbeds if testbed.spec.event_shape == (2,)]
        cube = [testbed for testbed in self.testbeds if testbed.spec.event_shape == (4,)]
        pictures = [testbed for testbed in self.testbeds if testbed.spec.image_shape is not None]
        pictures.sort(key=lambda testbed: order.index(testbed.spec.kind))
        return [*real[:1], *cube, *pictures[:1]]
