"""Draws docs/dashboard.svg: every panel of the dashboard, with what a real Prometheus answers after the demo's load.

    .venv/bin/python -m tests.monitoring.picture docs/dashboard.svg

It is no screenshot: Grafana draws the same numbers in the same places its own way.
"""

from __future__ import annotations

import asyncio
import math
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

from tests.monitoring.staging import PANELS, Programs, filled, programs, under_load
from tests.support.prometheus import Prometheus

ROUNDS = 15
COLUMN, ROW, GAP = 50, 30, 6  # pixels
COLOURS = ("#73bf69", "#f2cc0c", "#5794f2", "#ff780a", "#f2495c", "#b877d9", "#8ab8ff", "#fade2a", "#96d98d", "#ffa6b0")
LEGEND_LINES = 7
LINE = 14
BACK, PANEL, INK, FAINT = "#111217", "#181b1f", "#d8d9da", "#6e7077"
STYLE = "font-family: sans-serif; font-size: 12px"

Series = tuple[str, list[tuple[float, float]]]


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, programs(Path(folder)) as running:
        target.write_text(asyncio.run(picture(Path(folder), running)), encoding="utf-8")


async def picture(folder: Path, running: Programs) -> str:
    started = time.time()
    async with under_load(folder, running, ROUNDS) as prometheus:
        end = time.time()
        return await asyncio.to_thread(drawn, prometheus, started + 10, end)


def drawn(prometheus: Prometheus, start: float, end: float) -> str:
    width = COLUMN * 24 + GAP
    height = ROW * max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in PANELS) + GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" style="{STYLE}">'
    parts = [part for panel in PANELS for part in draw_panel(prometheus, panel, start, end)]
    return "\n".join([head, rectangle(0, 0, width, height, BACK), *parts, "</svg>", ""])


def draw_panel(prometheus: Prometheus, panel: dict[str, Any], start: float, end: float) -> Iterator[str]:
    place = panel["gridPos"]
    x, y = place["x"] * COLUMN + GAP, place["y"] * ROW + GAP
    width, height = place["w"] * COLUMN - GAP, place["h"] * ROW - GAP
    if panel["type"] == "row":
        yield text(x, y + 16, panel["title"], INK, size=14)
        return
    yield rectangle(x, y, width, height, PANEL)
    yield text(x + 8, y + 17, panel["title"], INK, size=13)
    series = [one for target in panel["targets"] for one in asked(prometheus, target, start, end)]
    unit = panel["fieldConfig"]["defaults"].get("unit", "none")
    if panel["type"] == "stat":
        yield from draw_numbers(series, unit, x, y, width, height)
    else:
        yield from draw_lines(series, unit, (x + 8, y + 28, width - 16, height - 36), (start, end))


def asked(prometheus: Prometheus, target: dict[str, Any], start: float, end: float) -> Iterator[Series]:
    for one in prometheus.ranges(filled(target["expr"]), start=start, end=end, step=1):
        name = target.get("legendFormat", "")
        for label in re.findall(r"{{(\w+)}}", name):
            name = name.replace(f"{{{{{label}}}}}", one["metric"].get(label, ""))
        # Ports differ from one drawing to the next.
        name = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1", name)
        values = [(float(when), float(value)) for when, value in one["values"]]
        yield name, [(when, value) for when, value in values if math.isfinite(value)]


def draw_numbers(series: Sequence[Series], unit: str, x: int, y: int, width: int, height: int) -> Iterator[str]:
    shown = [(name, values[-1][1]) for name, values in series if values]
    for index, (name, value) in enumerate(shown):
        middle = y + 28 + (height - 28) * (index + 0.5) / len(shown)
        yield text(x + width / 2, middle + 8, said(value, unit), COLOURS[0], size=24, anchor="middle")
        if name:
            yield text(x + width / 2, middle + 24, name, FAINT, anchor="middle")


def draw_lines(
    series: Sequence[Series], unit: str, box: tuple[int, int, int, int], span: tuple[float, float]
) -> Iterator[str]:
    x, y, width, height = box
    drawn_series = sorted((one for one in series if one[1]), key=lambda one: -one[1][-1][1])
    top = max((value for _, values in drawn_series for _, value in values), default=0) or 1
    lines = min(len(drawn_series), LEGEND_LINES)
    floor = y + height - (lines + 1) // 2 * LINE - 4
    yield f'<path d="M{x} {floor}H{x + width}M{x} {y}H{x + width}" stroke="{FAINT}" stroke-width="0.3"/>'
    yield text(x, y + 10, said(top, unit), FAINT, size=10)
    for index, (name, values) in enumerate(drawn_series):
        colour = COLOURS[index % len(COLOURS)]
        points = " ".join(
            f"{x + width * (when - span[0]) / (span[1] - span[0]):.0f},{floor - (floor - y) * value / top:.0f}"
            for when, value in values
        )
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        if index < LEGEND_LINES:
            label = f"{name}  {said(values[-1][1], unit)}"
            yield text(x + index % 2 * width / 2, floor + (index // 2 + 1) * LINE, label, colour, size=10)


def said(value: float, unit: str) -> str:
    """The number as people read it."""
    if unit == "bytes":
        return f"{value / 1e6:.3g} MB" if value >= 1e5 else f"{value / 1e3:.3g} kB"
    if unit == "percentunit":
        return f"{value:.0%}"
    if unit == "s":
        longer = ((2 * 86400, 86400, "days"), (2 * 3600, 3600, "h"))
        for least, scale, name in longer:
            if value >= least:
                return f"{value / scale:.0f} {name}"
        return f"{value:.3g} s" if value >= 1 else f"{value * 1000:.3g} ms"
    return f"{value:.3g}" + ("/s" if unit == "reqps" else "")


def rectangle(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{colour}" rx="2"/>'


def text(x: float, y: float, words: str, colour: str, *, size: int = 12, anchor: str = "start") -> str:
    place = f'x="{x:.0f}" y="{y:.0f}" fill="{colour}" font-size="{size}" text-anchor="{anchor}"'
    return f"<text {place}>{escape(words)}</text>"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
