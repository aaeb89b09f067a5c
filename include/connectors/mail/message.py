"""A report as a message: the same report makes the same message, with the same Message-ID, each time it is sent."""

import base64
import hashlib
import re
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from html import escape
from textwrap import fill

from include.ports import Report

LINE_MAX = 80
"""Characters of a line of the text, as in its templates."""

_PICTURE = re.compile(r'src="data:image/png;base64,([A-Za-z0-9+/=]+)"')
"""Of our own making only: text from outside has its quotes escaped."""
_LAST_WORDS = (
    '<p class="soft" style="font:14px/21px Arial;color:#5a6874;text-align:center;margin:0 16px 24px;">{}</p>'
)
_TYPES = {
    ".xlsx": ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ".html": ("text", "html"),
    ".csv": ("text", "csv"),
}


def compose(report: Report, *, sender: str, to: Sequence[str], spared: bool = False) -> EmailMessage:
    """The report as text and HTML with its pictures and attachments. The same report makes the same Message-ID.

    Its last words are what is attached, or, where not all could be (`spared`), where it is instead.
    """
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    message["From"], message["To"] = sender, ", ".join(to)
    message["Subject"] = " ".join(report.subject.split())
    written = report.written_at.timestamp() if report.written_at else None
    message["Date"] = formatdate(written, usegmt=True)
    identity = hashlib.sha256(report.key.encode()).hexdigest()[:32]
    domain = sender.rpartition("@")[2].strip("<> ")
    message["Message-ID"] = f"<{identity}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    said = report.instead if spared else report.attached
    below = fill(said, LINE_MAX, break_long_words=False, break_on_hyphens=False)
    message.set_content(f"{report.text}\n{below}\n" if said else report.text)
    html, pictures = _with_parts(page_that_says(report.html, said), f"{identity}@{domain}")
    message.add_alternative(html, subtype="html")
    if page := message.get_body(("html",)):
        for name, picture in pictures.items():
            page.add_related(picture, "image", "png", cid=f"<{name}>", disposition="inline")
    for name, content in report.attachments.items():
        kind, subtype = _TYPES.get(f".{name.rpartition('.')[2]}", ("application", "octet-stream"))
        message.add_attachment(content, maintype=kind, subtype=subtype, filename=name)
    return message


def page_that_says(page: str, said: str) -> str:
    """A report's page with last words below it."""
    return page.replace("</body>", f"{_LAST_WORDS.format(escape(said))}</body>", 1) if said else page


def _with_parts(html: str, identity: str) -> tuple[str, dict[str, bytes]]:
    """The HTML with pictures named instead of held, because mail readers do not show those that are held."""
    pictures: dict[str, bytes] = {}

    def name(found: re.Match[str]) -> str:
        cid = f"{len(pictures) + 1}.{identity}"
        pictures[cid] = base64.b64decode(found[1])
        return f'src="cid:{cid}"'

    return _PICTURE.sub(name, html), pictures
