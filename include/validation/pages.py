"""The pages Great Expectations writes of what it judged, made fit for us to serve: no scripts, nothing foreign."""

import tempfile
from pathlib import Path

from great_expectations.data_context import AbstractDataContext
from lxml import html

SITE = "day"
STYLE = "style.css"
_DROPPED = (
    "//script | //link | //iframe | //img | //style | //footer | //noscript | //form | //button"
    " | //*[contains(@class, 'navbar') or contains(@class, 'cta-footer') or contains(@class, 'modal')]"
    " | //*[starts-with(@id, 'gx-cloud')]"
)
_KEPT = ("class", "id", "href", "colspan", "rowspan", "title", "lang", "charset", "name", "content")


def pages(context: AbstractDataContext) -> dict[str, bytes]:
    """Path -> page, as it lies below the site's root; `index.html` is the first. Nothing is left on the disk."""
    with tempfile.TemporaryDirectory(prefix="tieout-quality-") as folder:
        for name in list(context.get_site_names()):
            context.delete_data_docs_site(name)
        context.add_data_docs_site(
            SITE,
            {
                "class_name": "SiteBuilder",
                "show_how_to_buttons": False,
                "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": folder},
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            },
        )
        context.build_data_docs(site_names=[SITE])
        root = Path(folder)
        return {
            path.relative_to(root).as_posix(): _clean(
                path.read_bytes(), depth=len(path.relative_to(root).parts) - 1
            )
            for path in sorted(root.rglob("*.html"))
        }


def _clean(page: bytes, *, depth: int) -> bytes:
    """The page without what runs or comes from elsewhere, under our own style sheet."""
    document = html.document_fromstring(page.decode("utf-8"))
    for element in document.xpath(_DROPPED):
        if element.getparent() is not None:
            element.drop_tree()
    for element in document.iter():
        for name in list(element.attrib):
            if name not in _KEPT:
                del element.attrib[name]
        if "://" in element.get("href", "") or element.get("href", "").startswith(("javascript:", "data:")):
            del element.attrib["href"]
    head = document.find("head")
    head.append(html.Element("link", rel="stylesheet", href=f"{'../' * depth}{STYLE}"))
    text: bytes = html.tostring(document, doctype="<!DOCTYPE html>", encoding="utf-8")
    return text
