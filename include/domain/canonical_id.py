"""The id an object keeps in every run: made from where it was first seen."""

from uuid import UUID, uuid5

from include.domain.canonical_json import dumps

NAMESPACE = UUID("5b7f3c1e-9a0d-5d3b-8c55-0f6f2f5c9a41")


def canonical_id(*, tenant: str, system: str, entity: str, native_id: str) -> UUID:
    """UUIDv5 of the source's own key. Raises ValueError when a part is empty: it would name everything."""
    parts = (tenant, system, entity, native_id)
    if not all(parts):
        raise ValueError(f"an id is made from tenant, system, object and native id, not from {parts}")
    return uuid5(NAMESPACE, dumps(parts))  # as a list, so that no part can run into the next
