"""Where a person opens a Salesforce record in a browser."""

SHOWN = frozenset({"accounts", "opportunities"})


def record_url(address: str, entity: str, native_id: str) -> str:
    """The record's page; empty where the address is no org a browser can open (a twin), or the id no record's."""
    is_record = native_id.isalnum() and native_id.isascii() and len(native_id) in (15, 18)
    if entity not in SHOWN or not address.startswith("https://") or not is_record:
        return ""
    return f"{address.rstrip('/')}/{native_id}"
