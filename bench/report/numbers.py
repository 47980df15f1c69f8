"""Numbers as people read them: as many digits as the interval supports."""

import math

from bench.report.intervals import Interval

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SMALLEST = -300  # powers of ten below are no normal float
DIGITS = 4  # significant digits of a number without an interval


def quantity(interval: Interval, scale: float = 1.0, digits: int = DIGITS) -> str:
    """`1.234 ± 0.056`: two significant digits of the half-width; `(1.2 ± 0.5)·10⁻⁷` when very small or large.

    Args:
        interval: the mean and its half-width, if any.
        scale: factor from the column's unit to the unit shown.
        digits: significant digits where there is no half-width.
    """
    mean = interval.mean * scale
    half_width = (interval.half_width or 0.0) * scale
    size = max(abs(mean), half_width)
    if size == 0:
        return "0"
    exponent = math.floor(math.log10(size))
    shift = max(exponent, SMALLEST) if exponent < -3 or exponent > 8 else 0
    mean, half_width = mean / 10**shift, half_width / 10**shift
    if half_width == 0:
        number = plain(mean, digits)
        return f"{number}·10{str(shift).translate(SUPERSCRIPTS)}" if shift else number
    decimals = min(max(0, 1 - math.floor(math.log10(half_width))), DIGITS + 1)
    width = f"{half_width:,.{decimals}f}"
    if not width.strip("0."):  # it is there, and smaller than what is shown of the mean
        power = math.floor(math.log10(half_width))
        width = f"{half_width / 10**power:.1f}·10{str(power).translate(SUPERSCRIPTS)}"
    text = f"{mean:,.{decimals}f} ± {width}"
    return f"({text})·10{str(shift).translate(SUPERSCRIPTS)}" if shift else text


def plain(value: float, digits: int = DIGITS) -> str:
    """A number with so many significant digits; whole numbers whole."""
    if value == 0 or (float(value).is_integer() and abs(value) < 1e9):
        return f"{int(value):,}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"
