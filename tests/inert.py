"""What a browser, or a reader of mail, would find in a page, and that none of it was put there by a text."""

from html.parser import HTMLParser
from urllib.parse import urlsplit

from tests.naughty import TAG, flat

CONSOLE = {"script", "link", "meta", "svg", "iframe", "style"}
"""What the console's own pages have of what could run or fetch."""


class Page(HTMLParser):
    """What a browser would see of a page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.pieces: list[str] = []
        self.scripts: list[str] = []
        self._raw = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._raw = tag if tag in self.CDATA_CONTENT_ELEMENTS else ""

    def handle_endtag(self, tag: str) -> None:
        if tag == self._raw:
            self._raw = ""

    def handle_data(self, data: str) -> None:
        if self._raw == "script":
            self.scripts.append(data)
        elif self._raw == "style":
            assert TAG not in data, "a text is in a style"
        else:
            self.pieces.append(data)

    @property
    def text(self) -> str:
        return flat("".join(self.pieces))

    def values(self, name: str) -> list[str]:
        return [flat(attributes.get(name) or "") for _, attributes in self.tags]


LINKS = ("href", "src", "action", "formaction", "data", "srcset", "poster", "background", "xlink:href")
INERT = {
    "script",
    "iframe",
    "object",
    "embed",
    "base",
    "meta",
    "link",
    "style",
    "svg",
    "math",
    "template",
    "frame",
}


def assert_inert(html: str, *, ours: set[str]) -> Page:
    """No element, attribute or link of the page comes from a text. `ours`: those of its own among what could run."""
    page = Page(html)
    assert {tag for tag, _ in page.tags} & INERT <= ours
    assert not "".join(page.scripts).strip(), "a script has a body"
    for tag, attributes in page.tags:
        assert TAG not in tag
        assert not any(name.startswith("on") or TAG in name for name in attributes), (tag, attributes)
        for name in LINKS:
            address = urlsplit((attributes.get(name) or "").strip())
            assert address.scheme in {"", "https", "http", "cid"} or (name, address.scheme) == (
                "src",
                "data",
            ), attributes
            assert address.netloc in {"", "airflow.example"}, attributes
            if address.scheme == "data":
                assert address.path.startswith("image/png;base64,")
    return page
