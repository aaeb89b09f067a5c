"""Somebody who opens the console from the navigation of Airflow's own UI, light and dark.

Reads the login as JSON from its input (`{"username": …, "password": …}`), and prints what was seen as JSON:
`inside_airflow.py ADDRESS [folder for pictures]`.
"""

import json
import sys
from pathlib import Path
from typing import Any

from chromium import browser
from playwright.sync_api import Frame, Page

PATIENCE_MS = 60_000
"""A busy machine draws Airflow's UI in some seconds."""
BACKGROUND = """() => [document.body, document.documentElement]
    .map((one) => getComputedStyle(one).backgroundColor)
    .find((one) => one !== "rgba(0, 0, 0, 0)") || "rgb(255, 255, 255)"
"""
INK = "() => getComputedStyle(document.querySelector('h1')).color"


def log_in(page: Page, address: str, login: dict[str, str]) -> None:
    page.goto(address)
    page.locator("input[name=username]").fill(login["username"])
    page.locator("input[name=password]").fill(login["password"])
    page.locator("input[name=password]").press("Enter")
    page.wait_for_url(lambda url: "login" not in url)


def console_in(page: Page) -> Frame:
    """The console's frame, once its page is there."""
    element = page.locator("iframe").first
    element.wait_for()
    frame = element.element_handle().content_frame()
    assert frame
    frame.locator("h1").wait_for()
    return frame


def looked(page: Page, theme: str, pictures: str) -> dict[str, Any]:
    """What the page shows where Airflow wears a theme: by its own choice, kept where its switch keeps it."""
    page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
    page.reload()
    frame = console_in(page)
    page.wait_for_function("theme => document.documentElement.classList.contains(theme)", arg=theme)
    if pictures:
        page.screenshot(path=str(Path(pictures) / f"inside-airflow-{theme}.png"))
    return {
        "airflow": page.evaluate(BACKGROUND),
        "background": frame.evaluate(BACKGROUND),
        "ink": frame.evaluate(INK),
    }


def main(address: str, pictures: str = "") -> None:
    login, said = json.load(sys.stdin), []
    with browser() as chrome:
        page = chrome.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda one: said.append(one.text))
        log_in(page, address, login)
        page.get_by_role("link", name="Tie-out").first.click()
        frame = console_in(page)
        seen: dict[str, Any] = {
            "address": page.url,
            "sandbox": page.locator("iframe").first.get_attribute("sandbox"),
            "heading": frame.locator("h1").inner_text(),
        }
        frame.get_by_role("link", name="Breaks", exact=True).click()
        frame.wait_for_url("**/tieout/breaks")
        frame.locator("tbody a").first.click()
        frame.wait_for_url("**/tieout/breaks/*-*")
        seen["break"], seen["why"] = frame.url, frame.locator(".evidence").inner_text()
        form = frame.locator("form[action$='/comment']")
        form.locator("input[name=reason]").fill("seen inside Airflow")
        form.locator("button").click()
        seen["done"] = frame.get_by_role("status").inner_text()
        seen |= {theme: looked(page, theme, pictures) for theme in ("light", "dark")}
    seen["refused"] = [one for one in said if "Content Security Policy" in one or "Blocked" in one]
    print(json.dumps(seen))


main(*sys.argv[1:])
