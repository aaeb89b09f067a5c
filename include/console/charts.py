"""Charts drawn by pygal on the server: SVG inside the page, coloured by its style sheet, so light and dark fit.

What a chart shows stands in its title, piece by piece where one points, and in figures beside it. Its own styles and
scripts are left out: the page's policy allows none but ours, and nothing here needs any.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import pygal
from lxml import etree
from markupsafe import Markup
from pygal.style import Style

# It hooks itself into every import, for maps of its own that come as plugins; nothing here has any.
sys.meta_path[:] = [one for one in sys.meta_path if type(one).__name__ != "PluginImportFixer"]

WIDTH, ROW, FOOT = 760, 30, 34
"""Of a drawing, in its own units; the page scales it."""
TREND_HEIGHT = 220
MONTHS_NAMED, SCALE_MARKS = 8, 5
LABEL_PX = 13

Say = Callable[[str, int], str]
"""A bar's name and a value of it -> the value in words; of a bar's label, its name and sum."""
Bars = Sequence[tuple[str, Sequence[int]]]

_NS = "{http://www.w3.org/2000/svg}"
_PLAIN: dict[str, Any] = {
    "js": (),
    "css": (),
    "no_prefix": True,
    "disable_xml_declaration": True,
    "show_legend": False,
    "print_values": False,
    "width": WIDTH,
    "margin": 6,
    "truncate_label": -1,
    "style": Style(label_font_size=LABEL_PX, major_label_font_size=LABEL_PX),
}
_LEFT_OUT = ("style", "script", "defs")


def stacks(bars: Bars, series: Sequence[str], *, title: str, say: Say) -> Markup:
    """Bars on one scale, each cut into `series`."""
    parts = [[float(value) for value in values] for _, values in bars]
    return _stacked(_labelled(bars, say), parts, series, title)


def shares(bars: Bars, series: Sequence[str], *, title: str, say: Say) -> Markup:
    """Bars that are each as long as the drawing: amounts in several currencies have no common scale."""
    parts = [[100 * value / (sum(values) or 1) for value in values] for _, values in bars]
    told = _labelled(bars, say)
    return _stacked(told, parts, series, title, range=(0, 100), value_formatter=lambda part: f"{part:g} %")


def bridge(opening: int, steps: Sequence[tuple[str, int]], *, title: str, say: Say) -> Markup:
    """From an opening over its steps to a closing. Each begins where the one before ended; none is of nothing.

    Where the steps are small beside what they lead from, bars begin at `floor`: from nothing on they would not be seen.
    """
    rows = _levels(opening, [(name, value) for name, value in steps if value])
    foot = floor(opening, steps)
    parts = [_placed(kind, start, end, foot) for _, kind, start, end in rows]
    told = [(f"{name}: {say(name, end - start)}", [""] * 4) for name, _, start, end in rows]
    return _stacked(
        told, parts, ("", "", "", ""), title, show_x_labels=False, classes=("pygal-chart", "bridge")
    )


def floor(opening: int, steps: Sequence[tuple[str, int]]) -> int:
    """Where the bars of a bridge begin: at nothing, or as far below its lowest level as its levels are apart."""
    levels = [end for _, _, _, end in _levels(opening, [(name, value) for name, value in steps if value])]
    return max(0, 2 * min(levels) - max(levels))


def trend(points: Sequence[tuple[str, int]], *, title: str, say: Say) -> Markup | None:
    """A line from the first to the last, zero at its foot; None with fewer than two points."""
    if len(points) <= 1:
        return None
    values = [value for _, value in points]
    every = max(1, len(points) // MONTHS_NAMED)
    chart = pygal.Line(
        **_PLAIN,
        height=TREND_HEIGHT,
        range=(min(0, *values), max(0, *values) or 1),
        value_formatter=lambda value: say("", int(value)),
        show_minor_x_labels=False,
        x_labels_major_every=every,
        y_labels_major_count=SCALE_MARKS,
        show_minor_y_labels=False,
        dots_size=2,
    )
    chart.x_labels = [name for name, _ in points]
    chart.add("", values)
    told = [f"{name}: {say('', value)}" for name, value in points]
    return _drawn(chart, title, iter(told), piece="dots")


def _labelled(bars: Bars, say: Say) -> Sequence[tuple[str, Sequence[str]]]:
    """Each bar's label with its sum, and each of its values in words."""
    return [(say(name, sum(values)), [say(name, value) for value in values]) for name, values in bars]


def _stacked(
    bars: Sequence[tuple[str, Sequence[str]]],
    parts: Sequence[Sequence[float]],
    series: Sequence[str],
    title: str,
    **config: Any,
) -> Markup:
    """Rows go in backwards: the first one is drawn lowest."""
    axis = {"x_labels_major_count": SCALE_MARKS, "show_minor_x_labels": False}
    chart = pygal.HorizontalStackedBar(**_PLAIN | axis | config, height=FOOT + ROW * len(bars))
    chart.x_labels = [name for name, _ in reversed(bars)]
    for number, name in enumerate(series):
        chart.add(name, [part[number] for part in reversed(parts)])
    told = (
        f"{piece}: {values[number]}" if piece else label
        for number, piece in enumerate(series)
        for label, values in reversed(bars)
    )
    return _drawn(chart, title, told, piece="bar")


def _levels(opening: int, moved: Sequence[tuple[str, int]]) -> list[tuple[str, str, int, int]]:
    """Name, kind, and from where to where."""
    level = opening
    rows = [("opening", "whole", 0, opening)]
    for name, value in moved:
        rows.append((name, "up" if value > 0 else "down", level, level + value))
        level += value
    return [*rows, ("closing", "whole", 0, level)]


def _placed(kind: str, start: int, end: int, foot: int) -> list[int]:
    """What nobody sees below a bar, and the bar in its series."""
    if kind == "whole":
        return [0, *_of(kind, max(0, end - foot))]
    return [min(start, end) - foot, *_of(kind, end - start)]


def _of(kind: str, value: int) -> list[int]:
    """The value in its series: whole, up, down."""
    return [abs(value) if kind == one else 0 for one in ("whole", "up", "down")]


def _drawn(chart: Any, title: str, told: Any, *, piece: str) -> Markup:
    """The drawing alone, named by its title, and each piece by what it says."""
    root = etree.fromstring(chart.render(is_unicode=True).encode(), etree.XMLParser(remove_comments=True))
    for name in ("id", "style"):
        for found in root.xpath(f"//*[@{name}]"):
            del found.attrib[name]
    for node in root.xpath("//*[contains(@class, 'tooltip-overlay') or contains(@class, 'text-overlay')]"):
        node.getparent().remove(node)
    for node in [one for tag in (*_LEFT_OUT, "desc", "title") for one in root.iter(f"{_NS}{tag}")]:
        node.getparent().remove(node)
    for node in root.xpath(f"//*[contains(concat(' ', @class, ' '), ' {piece} ')]"):
        etree.SubElement(node, f"{_NS}title").text = next(told, "")
    root.attrib.update({"role": "img", "aria-label": title})
    name = etree.Element(f"{_NS}title")
    name.text = title
    root.insert(0, name)
    etree.cleanup_namespaces(root)
    return Markup(etree.tostring(root, encoding="unicode"))  # noqa: S704 - made here, of escaped text
