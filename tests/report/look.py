"""Pictures of the mails in headless Chromium, narrow and wide, light and dark.

`python -m tests.report.look docs/mail` writes those that are kept as documentation.
"""

import base64
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast

from PIL import Image, ImageChops

from include.connectors.mail.message import page_that_says
from include.flows.report_files import Files
from include.report.render import render_report
from include.report.render_period import render_period
from tests.report.samples import BROKEN, BUSY, MONTH, QUIET, WEEK

WIDTHS = (600, 1200)
TALL = 9000
SCHEMES = {"light": 1, "dark": 0}
PAGES = {
    name: page_that_says(report.html, Files(cast("Any", SimpleNamespace(as_of=report.as_of))).attached)
    for name, report in {
        "day": render_report(BUSY),
        "quiet": render_report(QUIET),
        "restated": render_report(BROKEN),
        "week": render_period(WEEK),
        "month": render_period(MONTH),
    }.items()
}
PAGES["blocked"] = re.sub(r'src="data:[^"]+"', 'src="cid:blocked"', PAGES["day"])


def main(out: Path) -> int:
    """Write <page>-<width>-<scheme>.png below `out`; `blocked` is the day in a reader that shows no pictures."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        print("look: no chromium on the PATH (Debian: apt-get install chromium)", file=sys.stderr)
        return 1
    out.mkdir(parents=True, exist_ok=True)
    for name, html in PAGES.items():
        for width in WIDTHS:
            for scheme, number in SCHEMES.items():
                picture(chromium, html, width, number).save(
                    out / f"{name}-{width}-{scheme}.png", optimize=True
                )
    return 0


def picture(chromium: str, html: str, width: int, scheme: int) -> Image.Image:
    """The whole page, without the empty rest of the window, in the colours it has."""
    with TemporaryDirectory() as folder:
        page, shot = Path(folder) / "page.html", Path(folder) / "shot.png"
        page.write_text(html, encoding="utf-8")
        command = [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--screenshot={shot}",
            f"--window-size={width},{TALL}", f"--blink-settings=preferredColorScheme={scheme}",
            f"--user-data-dir={folder}/profile", page.as_uri(),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        whole = Image.open(io.BytesIO(shot.read_bytes())).convert("RGB")
    ground = Image.new("RGB", whole.size, whole.getpixel((1, whole.height - 2)))
    _, _, _, bottom = ImageChops.difference(whole, ground).getbbox()
    return whole.crop((0, 0, whole.width, min(whole.height, bottom + 24)))


LAID_OUT = """
<script>
const lines = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode;
  if (!node.data.trim() || node.parentElement.closest("script")) continue;
  const range = document.createRange();
  range.selectNodeContents(node);
  for (const box of range.getClientRects()) if (box.width > 1 && box.height > 1) lines.push({node, box});
}
const said = ({node}) => node.data.trim().slice(0, 40), across = [], outside = [], left = [];
for (let a = 0; a < lines.length; a++) {
  const one = lines[a].box;
  if (one.left < 0 || one.right > innerWidth + 1) outside.push(said(lines[a]));
  for (let b = a + 1; b < lines.length; b++) {
    const other = lines[b].box;
    const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left);
    const high = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
    if (wide > 2 && high > 4) across.push(said(lines[a]) + " / " + said(lines[b]));
  }
}
let figures = 0;
for (const cell of document.querySelectorAll("td[align=right]")) {
  const inside = lines.filter(({node}) =>
    cell.contains(node) && !node.parentElement.closest(".label") && /[0-9]/.test(node.data));
  if (!inside.length) continue;
  const edge = cell.getBoundingClientRect().right - parseFloat(getComputedStyle(cell).paddingRight);
  figures += 1;
  if (Math.abs(Math.max(...inside.map(({box}) => box.right)) - edge) > 8) left.push(said(inside[0]));
}
document.body.innerHTML = "<pre>" + btoa(unescape(encodeURIComponent(JSON.stringify(
  {lines: lines.length, figures, across, outside, left})))) + "</pre>";
</script>
"""
"""Where a page's lines of text stand: which lie across each other, leave the page, or are figures not at the right."""


PALE = """
<script>
const seen = (colour) => {
  const [red, green, blue, share = 1] = colour.match(/[0-9.]+/g).map(Number);
  return {rgb: [red, green, blue], share};
};
const light = (rgb) => rgb.map((one) => one / 255)
  .map((one) => one <= .04045 ? one / 12.92 : ((one + .055) / 1.055) ** 2.4)
  .reduce((sum, one, place) => sum + one * [.2126, .7152, .0722][place], 0);
const pale = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
let asked = 0;
while (texts.nextNode()) {
  const node = texts.currentNode, range = document.createRange();
  range.selectNodeContents(node);
  if (!node.data.trim() || node.parentElement.closest("script") || !range.getClientRects().length) continue;
  const ink = seen(getComputedStyle(node.parentElement).color);
  let opacity = ink.share, ground = [255, 255, 255];
  for (let one = node.parentElement; one; one = one.parentElement) {
    const style = getComputedStyle(one), behind = seen(style.backgroundColor);
    opacity *= parseFloat(style.opacity);
    if (behind.share) { ground = behind.rgb; break; }
  }
  const shown = ink.rgb.map((one, place) => one * opacity + ground[place] * (1 - opacity));
  const [dim, bright] = [light(shown), light(ground)].sort((one, other) => one - other);
  asked += 1;
  if ((bright + .05) / (dim + .05) < 4.5) pale.push(node.data.trim().slice(0, 40));
}
document.body.innerHTML = "<pre>" + btoa(unescape(encodeURIComponent(JSON.stringify({asked, pale})))) + "</pre>";
</script>
"""
"""Which words stand out less from what is behind them than WCAG 2.2 asks (1.4.3: 4.5 to 1)."""


def laid_out(chromium: str, html: str, width: int) -> dict[str, Any]:
    """What LAID_OUT finds in a window of that width."""
    return _asked(chromium, html, LAID_OUT, width, SCHEMES["light"])


def pale(chromium: str, html: str, width: int, scheme: int) -> dict[str, Any]:
    """What PALE finds there, and in how many texts."""
    return _asked(chromium, html, PALE, width, scheme)


def _asked(chromium: str, html: str, script: str, width: int, scheme: int) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(html.replace("</body>", f"{script}</body>"), encoding="utf-8")
        command = [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", f"--window-size={width},{TALL}",
            f"--blink-settings=preferredColorScheme={scheme}", f"--user-data-dir={folder}/profile", page.as_uri(),
        ]  # fmt: skip
        dumped = subprocess.run(command, check=True, capture_output=True, timeout=120, text=True).stdout
    found: dict[str, Any] = json.loads(base64.b64decode(dumped.partition("<pre>")[2].partition("</pre>")[0]))
    return found


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
