"""When each address shows what it is for, its largest part: in ms, the median of five loads, as JSON.

Largest contentful paint, which took the place of first meaningful paint; the first paint of anything is no later.
"""

import json
import sys

from chromium import browser

LOADS = 5
PAINT = """() => new Promise((tell) => new PerformanceObserver((list, observer) => {
    observer.disconnect();
    tell(list.getEntries().at(-1).startTime);
}).observe({ type: "largest-contentful-paint", buffered: true }))"""

with browser() as opened:
    page = opened.new_page(viewport={"width": 1280, "height": 900})
    figures = {}
    for address in sys.argv[1:]:
        found = []
        for _ in range(LOADS):
            page.goto(address, wait_until="load")
            found.append(page.evaluate(PAINT))
        figures[address] = sorted(found)[LOADS // 2]
print(json.dumps(figures))
