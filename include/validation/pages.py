"""The pages Great Expectations writes of what it judged, made fit for us to serve: no scripts, nothing foreign."""

import tempfile
from pathlib import Path
from typing import Any

from great_expectations.data_context import AbstractDataContext
from lxml import html

SITE = "day"
STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
_DROPPED = (
    # What runs, loads or leads elsewhere, and what needs a script to do anything.
    "//script | //link | //style | //meta[@http-equiv] | //iframe | //object | //embed | //img | //form | //button"
    " | //noscript | //footer | //*[contains(@class, 'navbar')] | //*[contains(@class, 'col-lg-2')]"
    " | //*[contains(@class, 'cta-footer')] | //*[contains(@class, 'modal')]"
    # Where the data lies and when it was read is not what finance asks.
    " | //div[contains(@id, '-content-block-3') and contains(@id, 'section-1') and contains(@class, 'col-12')]"
    " | //thead[not(normalize-space())]"
)
_KEPT = {"class", "id", "href", "colspan", "rowspan", "lang", "charset", "name", "content"}


def pages(context: AbstractDataContext) -> dict[str, bytes]:
    """`<relation>.html` -> the page of what was expected of a relation and what came of it. Leaves no file behind."""
    with tempfile.TemporaryDirectory(prefix="tieout-quality-") as folder:
        context.add_data_docs_site(SITE, _site(folder))
        context.build_data_docs(site_names=[SITE])
        found = sorted((Path(folder) / "validations").rglob("*.html"))
        return {f"{path.relative_to(folder).parts[1]}.html": _clean(path.read_bytes()) for path in found}


def _site(folder: str) -> Any:
    """Of all that Great Expectations can render, the results: they state the expectations as well."""
    return {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": folder},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "site_section_builders": {"expectations": "None", "profiling": "None"},
    }


def _clean(page: bytes) -> bytes:
    """The page without what runs or comes from elsewhere, in our style."""
    document = html.document_fromstring(page.decode("utf-8"))
    for element in document.xpath(_DROPPED):
        if element.getparent() is not None:
            element.drop_tree()
    for element in document.iter(html.etree.Element):
        for name in set(element.attrib) - _KEPT:
            del element.attrib[name]
        if not element.get("href", "#").startswith("#"):
            del element.attrib["href"]
    style = html.Element("style")
    style.text = STYLE
    document.find("head").append(style)
    text: bytes = html.tostring(document, doctype="<!DOCTYPE html>", encoding="utf-8")
    return text
