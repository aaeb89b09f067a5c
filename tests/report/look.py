"""Pictures of the mails in headless Chromium, narrow and wide, light and dark.

`python -m tests.report.look docs/mail` writes those that are kept as documentation.
"""

import io
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageChops

from include.report.render import render_report
from include.report.render_period import render_period
from tests.report.samples import BROKEN, BUSY, MONTH, QUIET, WEEK

WIDTHS = (600, 1200)
TALL = 9000
SCHEMES = {"light": 1, "dark": 0}
PAGES = {
    "day": render_report(BUSY).html,
    "quiet": render_report(QUIET).html,
    "restated": render_report(BROKEN).html,
    "week": render_period(WEEK).html,
    "month": render_period(MONTH).html,
    "blocked": re.sub(r'src="data:[^"]+"', 'src="cid:blocked"', render_report(BUSY).html),
}


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


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
