"""Charts as PNG pictures: on a ground of their own, so that they read the same on light and dark pages.

What a chart shows stands in words in its alternative text and in figures beside it: colour and picture are never alone.
"""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath
from matplotlib.ticker import FuncFormatter, MaxNLocator

WIDTH_IN, DPI = 6.4, 150
GROUND, INK, LINE = "#f7f9fa", "#18222d", "#c9d1d8"
SHADES = ("#2f6f56", "#8fb98b", "#e3c878", "#dd8f4a", "#a3271d")
HATCHES = ("", "//", "..", "xx", "--")
UP, DOWN, WHOLE = "#2f6f56", "#a3271d", "#4a5f73"
BARS_SHOWN = 12
SEEN_SHARE = 0.25
_PLAIN = {"Software": None}


@dataclass(frozen=True)
class Chart:
    """A picture with what it says in words."""

    png: bytes
    alt: str

    @property
    def uri(self) -> str:
        """The picture inside a page."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"


@dataclass(frozen=True)
class Bar:
    """One step of a bridge: `whole` bars stand on the ground, the others on what came before."""

    label: str
    value: float
    figure: str
    whole: bool = False


def shares(rows: Sequence[tuple[str, Sequence[float]]], names: Sequence[str], *, alt: str) -> Chart:
    """A bar of 100 % a row, cut into `names`: by shade and hatching, each row's values from the first name on.

    The first BARS_SHOWN rows are drawn; whoever says more in `alt` says that.
    """
    shown = rows[:BARS_SHOWN]
    figure, axes = _canvas(0.85 + 0.34 * len(shown))
    for place, (_, values) in enumerate(reversed(shown)):
        left, whole = 0.0, sum(values) or 1.0
        for value, shade, hatch in zip(values, SHADES, HATCHES, strict=True):
            width = 100 * value / whole
            axes.barh(
                place,
                width,
                left=left,
                color=shade,
                hatch=hatch,
                edgecolor=GROUND,
                linewidth=0.6,
                height=0.62,
            )
            left += width
    axes.set_yticks(range(len(shown)), [label for label, _ in reversed(shown)])
    axes.set_xlim(0, 100)
    axes.set_xticks([0, 25, 50, 75, 100], ["0", "25", "50", "75", "100 %"])
    keys = [
        axes.barh(0, 0, color=shade, hatch=hatch, edgecolor=GROUND)
        for shade, hatch in zip(SHADES, HATCHES, strict=True)
    ]
    axes.legend(
        keys, names, loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=len(names), frameon=False, fontsize=7.5,
        handlelength=1.2, columnspacing=1.2, labelcolor=INK,
    )  # fmt: skip
    return _drawn(figure, alt)


def waterfall(bars: Sequence[Bar], *, alt: str) -> Chart:
    """From an opening to a closing, a row a step, its figure in a column at the right: there the longest has room."""
    figure, axes = _canvas(0.45 + 0.27 * len(bars))
    levels = [0.0]
    for place, bar in enumerate(bars):
        base = 0.0 if bar.whole else levels[-1]
        colour, hatch = (WHOLE, "") if bar.whole else (UP, "//") if bar.value >= 0 else (DOWN, "\\\\")
        axes.barh(place, bar.value, left=base, color=colour, hatch=hatch, edgecolor=GROUND, height=0.66)
        levels.append(base + bar.value)
        if place:
            axes.plot([levels[place]] * 2, [place - 1, place], color=WHOLE, linewidth=0.6, zorder=0)
    rows = range(len(bars))
    axes.set_yticks(rows, [bar.label for bar in bars])
    figures = axes.secondary_yaxis("right")
    figures.set_yticks(rows, [bar.figure for bar in bars], ha="right")
    widest = max(TextPath((0, 0), bar.figure, size=8).get_extents().width for bar in bars)
    figures.tick_params(length=0, labelsize=8, colors=INK, pad=widest + 8)
    figures.spines["right"].set_visible(False)
    axes.invert_yaxis()
    axes.set_xticks([])
    low, high = _span(bars, levels)
    axes.set_xlim(low, high)
    if low > 0:
        axes.set_xlabel(
            "cut off at the left: the axis does not start at 0", fontsize=6.5, color=INK, loc="left"
        )
    return _drawn(figure, alt)


def _span(bars: Sequence[Bar], levels: Sequence[float]) -> tuple[float, float]:
    """What of the axis is drawn: all from 0 on, or only as much as the steps need where they could not be seen then."""
    wholes = [bar.value for bar in bars if bar.whole]
    moved = sum(abs(bar.value) for bar in bars if not bar.whole)
    low, high = min(levels), max(levels)
    if wholes and min(wholes) > 0 and 0 < moved < max(wholes) * SEEN_SHARE:
        low = max(wholes) - 3 * moved
    return low, high if high > low else low + 1.0


def trend(
    days: Sequence[str],
    lines: Sequence[tuple[str, Sequence[float]]],
    *,
    alt: str,
    say: Callable[[int], str],
) -> Chart:
    """Lines over days, each with its own dash and its name at its end; `say` writes the counts beside them."""
    figure, axes = _canvas(2.2)
    for (name, values), colour, dash in zip(lines, (WHOLE, DOWN, UP), ("-", "--", ":"), strict=False):
        axes.plot(
            range(len(days)), values, dash, color=colour, linewidth=1.8, marker="o", markersize=3, label=name
        )
    step = max(1, len(days) // 8)
    axes.set_xticks(range(0, len(days), step), days[::step], fontsize=7)
    axes.tick_params(axis="y", labelsize=7)
    axes.set_ylim(0, max(1.0, axes.get_ylim()[1]))  # of nothing but zeros, too, one is the least step
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda count, _: say(round(count))))
    axes.grid(axis="y", color=LINE, linewidth=0.6)
    axes.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=len(lines),
        frameon=False,
        fontsize=7.5,
        labelcolor=INK,
    )
    return _drawn(figure, alt)


def _canvas(height_in: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH_IN, height_in), dpi=DPI, facecolor=GROUND, layout="constrained")
    axes = figure.add_subplot()
    axes.set_facecolor(GROUND)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(LINE)
    axes.tick_params(length=0, labelsize=8, colors=INK)
    return figure, axes


def _drawn(figure: Figure, alt: str) -> Chart:
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", metadata=_PLAIN, facecolor=GROUND)
    return Chart(drawn.getvalue(), alt)
