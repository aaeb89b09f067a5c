"""Where a person opens a document in Tryton's web client."""

from include.connectors.tryton.translate import READINGS


def record_url(address: str, entity: str, native_id: str) -> str:
    """The document's page; `address` ends with the database. Empty where no browser could open it (a twin)."""
    host, _, database = address.rstrip("/").rpartition("/")
    reading = READINGS.get(entity)
    if reading is None or not address.startswith("https://") or not native_id.isdecimal():
        return ""
    return f"{host}/#{database}/model/{reading.model}/{native_id}"
