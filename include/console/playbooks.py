"""What to do, page by page: the playbooks of docs/playbooks, as they stand there."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse
from markdown_it import MarkdownIt
from markupsafe import Markup

from include.console.access import Person, Someone
from include.console.render import render

router = APIRouter()
_NAME = re.compile(r"\w{1,60}", re.ASCII)
_PAGE = re.compile(r"(\.\./playbooks/)?\w+\.md")


@dataclass(frozen=True)
class Pages:
    """A folder of Markdown files, one a page, read once."""

    folder: Path
    _read: dict[str, str] = field(default_factory=dict)

    def names(self) -> Sequence[str]:
        """Every playbook there is."""
        return sorted(path.stem for path in self.folder.glob("*.md") if _NAME.fullmatch(path.stem))

    def has(self, name: str) -> bool:
        """Whether there is one of this name."""
        return bool(_NAME.fullmatch(name)) and (self.folder / f"{name}.md").is_file()

    def text(self, name: str) -> str:
        """As it is written. Only for one there is."""
        if name not in self._read:
            self._read[name] = (self.folder / f"{name}.md").read_text(encoding="utf-8")
        return self._read[name]

    def title(self, name: str) -> str:
        """Its first line, without the mark."""
        return self.text(name).partition("\n")[0].lstrip("# ")


DOCS = Path(__file__).parents[2] / "docs"
PLAYBOOKS = Pages(DOCS / "playbooks")
TRAINING = Pages(DOCS / "training")


@router.get("/playbooks")
def playbooks(request: Request, who: Someone) -> HTMLResponse:
    found = [(name, PLAYBOOKS.title(name)) for name in PLAYBOOKS.names()]
    training = [(name, TRAINING.title(name)) for name in TRAINING.names()]
    return render(request, who, "playbooks.html", playbooks=found, training=training)


@router.get("/playbooks/{name}")
def playbook(request: Request, who: Someone, name: str) -> HTMLResponse:
    return page_of(request, who, PLAYBOOKS, name)


def page_of(request: Request, who: Person, pages: Pages, name: str) -> HTMLResponse:
    """One of these pages; 404 when there is none of this name."""
    if not pages.has(name):
        raise HTTPException(404, f"there is no {pages.folder.name.removesuffix('s')} {name}")
    view: dict[str, Any] = {"title": pages.title(name), "body": Markup(html_of(pages.text(name)))}  # noqa: S704
    return render(request, who, "playbook.html", **view)


def html_of(text: str) -> str:
    """Markdown as HTML: tags in it are text, and links among playbooks and to them lead to their pages."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(text)
    for token in (child for one in tokens for child in one.children or ()):
        link = str(token.attrGet("href") or "")
        if token.type == "link_open" and _PAGE.fullmatch(link):
            token.attrSet("href", link.removesuffix(".md"))
    html: str = reader.renderer.render(tokens, reader.options, {})
    return html
