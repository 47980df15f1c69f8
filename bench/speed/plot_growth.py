"""Curves of `bench speed many-records`: what commands take, and their memory, against the runs of a study."""

from collections.abc import Mapping, Sequence

from matplotlib import style
from matplotlib.ticker import NullLocator

from bench.report.style import COLOURS, LINES, MARKERS, WIDE_RC, figure, png

WIDTH, HEIGHT = 8.0, 3.4  # inches, of two panels side by side


def growth_plot(
    counts: Sequence[int], seconds: Mapping[str, Sequence[float]], mebibytes: Mapping[str, Sequence[float]]
) -> bytes:
    """Both panels with logarithmic axes, a curve a command, named at its end. As PNG.

    Args:
        counts: of runs.
        seconds, mebibytes: command -> its values, one a count.
    """
    with style.context(["default", WIDE_RC]):
        page = figure(WIDTH, HEIGHT)
        for number, (curves, label) in enumerate(((seconds, "seconds of a call"), (mebibytes, "peak memory, MiB"))):
            axes = page.add_axes((0.09 + 0.5 * number, 0.17, 0.31, 0.74))
            for place, (command, values) in enumerate(curves.items()):
                look = {"color": COLOURS[place], "marker": MARKERS[place], "ls": LINES[place]}
                axes.plot(counts, values, label=command, **look)
                axes.annotate(
                    command, (counts[-1], values[-1]), (6, 0), textcoords="offset points", va="center",
                    color=COLOURS[place], annotation_clip=False,
                )  # fmt: skip
            axes.set(xscale="log", yscale="log", xlabel="runs of the study", ylabel=label)
            axes.set_xticks(counts, [f"{count:,}" for count in counts])
            axes.xaxis.set_minor_locator(NullLocator())
        return png(page)
