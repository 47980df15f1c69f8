"""Pictures of `bench speed ladder`, `reach` and `scaling`."""

from matplotlib import style

from bench.report.style import COLOURS, MARKERS, RC, figure, png
from bench.speed.figure import Figure

WIDTH = 8.0  # inches
ROW = 0.33
LEFT, RIGHT, TOP, BOTTOM = 3.5, 1.5, 0.4, 0.55


def ladder_plot(figures: list[Figure], libraries: dict[str, str]) -> bytes:
    """Milliseconds a step of every row that was timed, with quartiles; beside each its share of the peak.

    Args:
        figures: of the case `ladder`, in the order of the rows.
        libraries: by what a figure is of; each library has its colour and its marker.
    """
    timed = [one for one in figures if one.ours is not None]
    looks = dict(zip(dict.fromkeys(libraries.values()), zip(COLOURS, MARKERS, strict=False), strict=False))
    with style.context(["default", RC]):
        height = TOP + BOTTOM + ROW * len(timed)
        made = figure(WIDTH, height)
        axes = made.add_axes((LEFT / WIDTH, BOTTOM / height, 1 - (LEFT + RIGHT) / WIDTH, 1 - (TOP + BOTTOM) / height))
        for place, one in enumerate(timed):
            assert one.ours is not None
            colour, marker = looks[libraries[one.what]]
            axes.plot(one.ours, place, marker=marker, color=colour, ms=7, zorder=3)
            if one.ratio is not None and one.theirs is not None:
                ends = [one.ratio.low * one.theirs, one.ratio.high * one.theirs]
                axes.plot(ends, [place, place], color=colour, lw=1.6)
            share = "" if one.peak_fraction is None else f", {one.peak_fraction:.0%} of peak"
            beside = axes.get_yaxis_transform()
            axes.text(1.02, place, f"{one.ours:.3g} ms{share}", transform=beside, va="center", fontsize=9)
        axes.set_yticks(range(len(timed)), [one.what.removesuffix(": step") for one in timed], fontsize=9)
        axes.set_ylim(len(timed) - 0.4, -0.6)
        axes.set_xscale("log")
        axes.set_xlabel("milliseconds a training step")
        for name, (colour, marker) in looks.items():
            axes.plot([], [], ls="", marker=marker, color=colour, label=name)
        made.legend(loc="upper right", ncols=len(looks), bbox_to_anchor=(1.0, 1.0), handletextpad=0.2)
        return png(made)
