"""A headless Chromium that is already on this machine, driven by Playwright. Runs in an environment of its own."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


def path() -> str:
    """Where Chromium is; TIEOUT_CHROMIUM names another. Ends the program with a sentence where there is none."""
    found = os.environ.get("TIEOUT_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), "")
    if not found:
        raise SystemExit("there is no Chromium on this machine; TIEOUT_CHROMIUM can name one")
    return found


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # As root, Chromium starts only without its own sandbox; it opens nothing but our pages.
        opened = playwright.chromium.launch(executable_path=path(), args=["--no-sandbox"])
        try:
            yield opened
        finally:
            opened.close()
