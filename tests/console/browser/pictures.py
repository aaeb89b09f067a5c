"""Takes the pictures of the documentation from a running console: `pictures.py ADDRESS FOLDER`."""

import sys
from pathlib import Path

from chromium import browser

PICTURES = (
    ("console-today", "/", "light", 1280, 900),
    ("console-breaks", "/breaks", "light", 1280, 700),
    ("console-break", "", "dark", 1280, 1000),  # the first held payment
    ("console-ageing", "/ageing", "light", 1280, 700),
    ("console-phone", "/breaks", "dark", 390, 844),
)

address, folder = sys.argv[1], Path(sys.argv[2])
with browser() as chrome:
    for name, path, scheme, width, height in PICTURES:
        page = chrome.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        page.goto(address + (path or "/breaks?code=CA16"))
        if not path:
            page.locator("tbody a").first.click()
        page.screenshot(path=folder / f"{name}.png")
        page.close()
