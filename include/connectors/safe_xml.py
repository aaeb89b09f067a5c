"""XML from outside: no entity is expanded, nothing is fetched, libxml2's limits stay on."""

from typing import Any

from lxml import etree

_OPTIONS = {
    "resolve_entities": False,
    "load_dtd": False,
    "no_network": True,
    "huge_tree": False,  # libxml2's own limits on depth, text length and entity growth stay on
    "remove_comments": True,
    "remove_pis": True,
}


class RefusedXml(ValueError):
    """The bytes are no XML we open; the message says why, without their content."""


def read_xml(data: bytes) -> Any:
    """The root element. Raises RefusedXml."""
    try:
        root = etree.fromstring(data, etree.XMLParser(**_OPTIONS))
    except etree.XMLSyntaxError as error:
        raise RefusedXml(f"is not well-formed XML ({error.msg})") from None
    if root.getroottree().docinfo.doctype:
        raise RefusedXml(
            "declares a document type, which no such file does; entities are not expanded"
        ) from None
    return root


def local_name(tag: str) -> str:
    """A tag without its namespace."""
    return tag.rpartition("}")[2]
