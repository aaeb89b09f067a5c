"""Two people at work in a real browser: one finds the largest break and proposes a write-off, another approves.

Prints what they saw as JSON, with what axe finds on every page: each at both sizes and in both themes, in turns on a
light desk and a dark phone, and on a dark desk and a light phone; with `all` on all four: `journey.py ADDRESS [all]`.
"""

import json
import sys
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from chromium import browser
from playwright.sync_api import Browser, Page

PAGES = (
    "/",
    "/?stops=all",
    "/alerts",
    "/playbooks",
    "/playbooks/CA01",
    "/training/finance",
    "/training/operations",
    "/training/engineers",
    "/breaks",
    "/breaks?by=code",
    "/matches",
    "/payouts",
    "/ageing",
    "/arr",
    "/delivery",
    "/quality",
    "/audit",
    "/reports",
    "/parity",
    "/delivery?before=99999999999999999999",  # refused, with the reason
)
DETAILS = {
    "/": ".notice a[href*='/breaks/']",
    "/matches": "tbody th a, tbody a",
    "/payouts": "tbody a",
    "/delivery": "tbody th a",
    "/parity": "tbody a",
    "/reports": "nav a",
    "/quality": "nav a",
}
"""Lists -> what leads from their first line to a page of its own."""
SERIOUS = {"serious", "critical"}
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],  # what is well is not told node by node
}
DESK, PHONE = 1280, 390
TABS_MAX = 150
CUT_OFF = """() => [...document.querySelectorAll(".scroll")]
    .filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.getAttribute("aria-label"))"""
"""The tables that are wider than their place."""
PAIRS = ((("light", DESK), ("dark", PHONE)), (("dark", DESK), ("light", PHONE)))
"""Either pair has both sizes and both themes; pages take one of them in turns."""


def opened(chrome: Browser, address: str, me: str, *, scheme: str = "light", width: int = 1280) -> Page:
    """A page of a person; whoever serves the address takes the cookie for a login."""
    context = chrome.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.add_cookies([{"name": "me", "value": me, "url": address}])
    return context.new_page()


def walk_to(page: Page, place: str) -> None:
    """Press Tab until that place has the focus, from wherever it is; who never gets there is lost."""
    for _ in range(TABS_MAX):
        page.keyboard.press("Tab")
        if page.evaluate("place => document.activeElement.matches(place)", place):
            return
    raise LookupError(f"{TABS_MAX} times Tab do not lead to {place}")


def write_off(chrome: Browser, address: str) -> dict[str, Any]:
    ann = opened(chrome, address, "ann")
    ann.goto(f"{address}/breaks?sort=value")
    ann.locator("tbody a").first.click()
    broken = ann.url.rpartition("/")[2]
    seen: dict[str, Any] = {"break": broken, "why": ann.locator(".evidence").inner_text()}
    seen["decides"] = ann.locator(".why dd").first.inner_text()
    form = ann.locator("form[action$='/propose']")
    kind = form.locator("select[name=kind] option[value=write_off]")
    seen["told"] = kind.inner_text()
    form.locator("select[name=kind]").select_option("write_off")
    form.locator("input[name=reason]").fill("nobody will pay this")
    form.get_by_role("button", name="Propose").click()
    seen["proposed"] = ann.get_by_role("status").inner_text()
    seen["own"] = ann.locator("p:has(strong:text-is('Approve'))").inner_text()
    ben = opened(chrome, address, "ben")
    # By keyboard alone, as somebody without a mouse does.
    ben.goto(f"{address}/breaks?state=PROPOSED&q={broken}")
    walk_to(ben, "tbody a")
    ben.keyboard.press("Enter")
    ben.wait_for_url(f"**/breaks/{broken}")
    walk_to(ben, "form[action$='/approve'] input[name=reason]")
    ben.keyboard.type("seen, and too small to chase")
    walk_to(ben, "form[action$='/approve'] button")
    ben.keyboard.press("Enter")
    ben.get_by_role("status").wait_for()
    seen["approved"] = ben.get_by_role("status").inner_text()
    aud = opened(chrome, address, "aud")
    aud.goto(f"{address}/audit")
    told = [" ".join(row.split()) for row in aud.locator("tbody").first.locator("tr").all_inner_texts()]
    # After day, time and person: what was done to breaks, and not who looked at one.
    seen["audit"] = [row for row in told if row.split(maxsplit=3)[3].startswith("break ")][:2]
    return seen


def details(page: Page, address: str) -> list[str]:
    """A page of each kind that a list leads to, and a record as it was received."""
    found = []
    for path, first in DETAILS.items():
        page.goto(address + path)
        links = page.locator(f"main {first}").evaluate_all("all => all.map(one => one.pathname)")
        below = [link for link in links if f"{path.rstrip('/')}/" in link]
        found += [link.removeprefix("/tieout") for link in below[:1]]
        if path == "/matches" and below:
            page.goto(address + found[-1])
            received = page.locator("main a[href*='/records/']").first.get_attribute("href") or ""
            found.append(received[received.index("/records/") :])
    return found


def ask_for_sending(chrome: Browser, address: str) -> str:
    """Somebody holds a message back, and asks for another to send it; what the page says."""
    page = opened(chrome, address, "adm")
    for state, button in (("queued", "Hold queued ones back"), ("parked", "Ask somebody else to send them")):
        page.goto(f"{address}/delivery?state={state}")
        page.locator("tbody input[name=chosen]").first.check()
        page.locator("form[action$='/replay'] input[name=reason]").fill("the customer's board agreed")
        page.get_by_role("button", name=button).click()
        page.get_by_role("status").wait_for()
    return page.get_by_role("status").inner_text()


def refuse_sending(chrome: Browser, address: str) -> dict[str, Any]:
    """A controller refuses it, from Today on; what both see, and what is wrong with the page of who asked."""
    page = opened(chrome, address, "ben")
    page.goto(address)
    page.get_by_role("link", name="to send messages again").click()
    form = page.locator("form[action$='/approve']").first
    form.locator("input[name=reason]").fill("not before the customer answers")
    form.get_by_role("button", name="Refuse").click()
    seen = {"refused": page.get_by_role("status").inner_text(), "findings": []}
    for scheme, width in PAIRS[0]:
        page = opened(chrome, address, "adm", scheme=scheme, width=width)
        page.goto(f"{address}/delivery")
        seen["findings"] += [f"refused {width}: {one}" for one in wrong_with(page, width)]
    seen["answer"] = page.locator("section[aria-labelledby=asked] p:has(.mark)").first.inner_text()
    return seen


def acted(page: Page, address: str, width: int) -> list[str]:
    """What is wrong with what people are shown once they acted: many at once, done and refused, and one refused."""
    found = []
    for action, to in (("comment", ""), ("assign", "stranger")):
        page.goto(f"{address}/breaks")
        for one in page.locator("input[name=chosen]").all()[:2]:
            one.check()
        page.locator("fieldset select[name=action]").select_option(action)
        page.locator("fieldset input[name=to]").fill(to)
        page.locator("fieldset input[name=reason]").fill("looked at together")
        page.get_by_role("button", name="Do it").click()
        page.wait_for_url("**/breaks/bulk")
        found += [f"many, {action} {width}: {one}" for one in wrong_with(page, width)]
    page.goto(f"{address}/breaks")
    page.locator("tbody a").first.click()
    form = page.locator("form[action$='/assign']")
    form.locator("input[name=to]").fill("stranger")
    form.locator("button").click()
    page.get_by_role("alert").first.wait_for()
    return found + [f"one, refused {width}: {one}" for one in wrong_with(page, width)]


def found_by_axe(chrome: Browser, address: str, broken: str, *, on_all: bool) -> list[str]:
    """Every serious finding, and every page wider than its screen."""
    found: list[str] = []
    pages = [f"/breaks/{broken}", *PAGES, *details(opened(chrome, address, "ben"), address)]
    for turn, pair in enumerate(PAIRS):
        for scheme, width in pair:
            page = opened(chrome, address, "ben", scheme=scheme, width=width)
            for path in pages if on_all else pages[turn :: len(PAIRS)]:
                page.goto(address + path)
                found += [f"{path} {scheme} {width}: {one}" for one in wrong_with(page, width)]
    for scheme, width in PAIRS[0]:
        found += acted(opened(chrome, address, "ben", scheme=scheme, width=width), address, width)
    return found


def wrong_with(page: Page, width: int) -> list[str]:
    wide = page.evaluate("document.documentElement.scrollWidth")
    found = [f"{wide} wide"] if wide > width else []
    if width == DESK:  # a phone moves tables under a thumb; at a desk all of a table is seen
        found += [f"cut off: {one}" for one in page.evaluate(CUT_OFF)]
    for one in Axe().run(page, options=RULES).response["violations"]:
        if one["impact"] in SERIOUS:
            nodes = "; ".join(node["html"][:120] for node in one["nodes"][:3])
            found.append(f"{one['id']}: {nodes}")
    return found


with browser() as chrome:
    seen = write_off(chrome, sys.argv[1])
    seen["asked"] = ask_for_sending(chrome, sys.argv[1])
    seen["details"] = len(details(opened(chrome, sys.argv[1], "ben"), sys.argv[1]))
    seen["findings"] = found_by_axe(chrome, sys.argv[1], seen["break"], on_all=sys.argv[2:] == ["all"])
    refused = refuse_sending(chrome, sys.argv[1])
    seen["findings"] += refused.pop("findings")
    seen |= refused
print(json.dumps(seen))
