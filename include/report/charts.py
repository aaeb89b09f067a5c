"""Charts as PNG pictures: on a ground of their own, so that they read the same on light and dark pages.

What a chart shows stands in words in its alternative text and in figures beside it: colour and picture are never alone.
"""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
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
    """From an opening to a closing, step by step, each with its figure."""
    figure, axes = _canvas(2.5)
    levels: list[float] = []
    level, highest = 0.0, max([abs(bar.value) for bar in bars if bar.whole] or [1.0]) or 1.0
    for place, bar in enumerate(bars):
        base = 0.0 if bar.whole else level
        colour, hatch = (WHOLE, "") if bar.whole else (UP, "//") if bar.value >= 0 else (DOWN, "\\\\")
        axes.bar(place, bar.value, bottom=base, color=colour, hatch=hatch, edgecolor=GROUND, width=0.66)
        level = bar.value if bar.whole else level + bar.value
        levels.append(level)
        top = max(base, base + bar.value)
        axes.annotate(
            bar.figure, (place, top), (0, 2), textcoords="offset points", ha="center", fontsize=7, color=INK
        )
    axes.set_xticks(range(len(bars)), [bar.label for bar in bars], fontsize=7)
    axes.set_yticks([])
    moved = sum(abs(bar.value) for bar in bars if not bar.whole)
    cut = 0 < moved < highest * SEEN_SHARE
    bottom, top = (highest - 3 * moved if cut else min(0.0, *levels)), max(levels)
    axes.set_ylim(bottom, top + (top - bottom) * 0.14)
    if cut:
        axes.set_xlabel("cut off below: the axis does not start at 0", fontsize=6.5, color=INK, loc="left")
    return _drawn(figure, alt)


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
    axes.set_ylim(bottom=0)
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
