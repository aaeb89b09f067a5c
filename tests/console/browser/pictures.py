"""Takes pictures of a running console: `pictures.py ADDRESS FOLDER SET`.

`console` are those of docs/console.md; `finance` and `operations` those of docs/training, for which two people work on
a break, and a third holds messages back and asks for one to be sent.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from chromium import browser
from playwright.sync_api import Browser, Page

PROPOSED = "/breaks?code=CA03&sort=value"
MARGIN, NARROW = 20, 960


def opened(chrome: Browser, me: str, *, scheme: str = "light", width: int = 1280, height: int = 900) -> Page:
    """A page of a person; whoever serves the address takes the cookie for a login."""
    context = chrome.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    context.add_cookies([{"name": "me", "value": me, "url": address}])
    return context.new_page()


def take(page: Page, name: str, path: str, *, first: bool = False, part: str = "") -> None:
    """Show a path, or the first of its rows, and keep all of the screen or one section of it."""
    page.goto(address + path)
    if first:
        page.locator("tbody a").first.click()
    keep(page, name, part)


def keep(page: Page, name: str, part: str = "") -> None:
    to = folder / f"{name}.png"
    box = page.locator(f"section[aria-labelledby={part}]").bounding_box() if part else None
    if box:
        clip = {"x": 0, "y": box["y"] - MARGIN, "width": NARROW, "height": box["height"] + 2 * MARGIN}
        page.screenshot(path=to, full_page=True, clip=clip)
    else:
        page.screenshot(path=to)


def console(chrome: Browser) -> None:
    take(opened(chrome, "controller"), "console-today", "/")
    take(opened(chrome, "controller", height=700), "console-breaks", "/breaks")
    take(
        opened(chrome, "controller", scheme="dark", height=1000),
        "console-break",
        "/breaks?code=CA16",
        first=True,
    )
    take(opened(chrome, "controller", height=700), "console-ageing", "/ageing")
    take(opened(chrome, "controller", scheme="dark", width=390, height=844), "console-phone", "/breaks")


def finance(chrome: Browser) -> None:
    take(opened(chrome, "finance", height=1100), "today", "/")
    take(opened(chrome, "finance"), "breaks", "/breaks")
    take(opened(chrome, "finance", height=820), "breaks-by-kind", "/breaks?by=code")
    take(opened(chrome, "finance", height=1350), "break", "/breaks?code=CA16", first=True)
    take(opened(chrome, "finance", height=640), "ageing", "/ageing")
    take(opened(chrome, "finance", scheme="dark", height=760), "arr", "/arr")
    proposed(chrome)
    take(opened(chrome, "controller", scheme="dark", height=480), "audit", "/audit")


def operations(chrome: Browser) -> None:
    take(opened(chrome, "admin", height=500), "alerts", "/alerts")
    take(opened(chrome, "admin", scheme="dark", height=860), "playbook", "/playbooks/messages_parked")
    held_back(chrome)


def proposed(chrome: Browser) -> None:
    """Finance proposes a write-off and sees why it cannot approve it; the controller approves."""
    maker = opened(chrome, "finance", scheme="dark", width=NARROW)
    maker.goto(address + PROPOSED)
    maker.locator("tbody a").first.click()
    where = maker.url
    maker.locator("form[action$='/assign'] button").click()
    form = maker.locator("form[action$='/propose']")
    form.locator("select[name=kind]").select_option("write_off")
    form.locator("input[name=reason]").fill("the customer disputes the freight; not worth a letter")
    form.locator("button").click()
    maker.get_by_role("status").wait_for()
    keep(maker, "proposed", "todo")
    controller = opened(chrome, "controller")
    controller.goto(where)
    form = controller.locator("form[action$='/approve']")
    form.locator("input[name=reason]").fill("agreed, booked with the month")
    form.locator("button").click()
    controller.get_by_role("status").wait_for()


def held_back(chrome: Browser) -> None:
    """The administrator holds two messages back, with a reason, and asks for somebody to send one of them."""
    admin = opened(chrome, "admin", height=720)
    for path, chosen, why, button in (
        ("/delivery", slice(1, 3), "the customer cancels, Sales Ops is asking", "Hold queued ones back"),
        ("/delivery?state=parked", slice(1), "the customer stays", "Ask somebody else to send them"),
    ):
        admin.goto(address + path)
        for one in admin.locator("tbody input[name=chosen]").all()[chosen]:
            one.check()
        admin.locator("form[action$='/replay'] input[name=reason]").fill(why)
        admin.get_by_role("button", name=button).click()
        admin.get_by_role("status").wait_for()
    take(admin, "delivery", "/delivery")


SETS: dict[str, Callable[[Browser], None]] = {
    "console": console,
    "finance": finance,
    "operations": operations,
}

address, folder = sys.argv[1], Path(sys.argv[2])
with browser() as chrome:
    SETS[sys.argv[3]](chrome)
