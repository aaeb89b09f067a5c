"""The edge: a source behind which no personal data is in clear.

A record leaves it with stand-ins where personal data was, and with that data sealed beside it, to be kept in the same
transaction. What can be compared without it (`index`) goes along under `BESIDE`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any, Self

from include.domain.entities import COMPARED, ENTITIES, Field
from include.domain.stand_ins import BESIDE, TOKEN
from include.ports import (
    Cursor,
    HeldKeys,
    Lookup,
    Page,
    Personal,
    RawRecord,
    SealedValue,
    SourceTotals,
    Swept,
    Translated,
)
from include.vault.envelope import Secret, seal, unseal
from include.vault.index import Index, own
from include.vault.keys import Keyring
from include.vault.payloads import hide, refused_as_it_is
from include.vault.record_keys import RecordKey, RecordKeys, nobody_holds

SHA256_DIGITS = 64

AT_ONCE = 1_000
"""Rows of a listing whose keys are asked for together."""


@dataclass(repr=False)
class Vault:
    """The keys, and what is made with them. `keyring`: asked for when it is first needed."""

    keyring: Callable[[], Keyring]

    @cached_property
    def keys(self) -> Keyring:
        """Raises Fatal as reading them does."""
        return self.keyring()

    @cached_property
    def index(self) -> Index:
        """What compares; raises Fatal as `keys`."""
        return Index(self.keys.index)

    def seal(self, text: str, *, token: str, field: str, subject: str) -> SealedValue:
        """A value sealed, which opens only as what it was sealed as. Raises Fatal as `keys`."""
        return seal(self.keys, Secret(token, field, subject, text))

    def unseal(self, value: SealedValue) -> str:
        """A value in clear. Raises Rejected when it is not as it was sealed, or was destroyed; Fatal."""
        return unseal(self.keys, value)


@dataclass(repr=False)
class _Waiting:
    """Values to be sealed when they are asked for: not every record that was looked at is kept."""

    vault: Vault
    secrets: Sequence[Secret]
    made: SealedValue | None

    def __iter__(self) -> Iterator[SealedValue]:
        if self.made:
            yield self.made
        yield from (seal(self.vault.keys, secret) for secret in self.secrets)


@dataclass(frozen=True)
class _Where:
    """Whose record it is, in which version, and what stand-ins of its own are made with; None in a world of files."""

    subject: str
    version: str
    key: RecordKey | None


class Seal:
    """Seals the records of one source. `seen` keeps a page from sealing twice what is alike everywhere."""

    def __init__(self, source: Personal, vault: Vault, held: HeldKeys = nobody_holds) -> None:
        self._source, self._vault = source, vault
        self._record_keys = RecordKeys(held)
        self._plans: dict[str, tuple[frozenset[str], Mapping[str, str], Sequence[Field]]] = {}

    def concerns(self, entity: str) -> bool:
        """Whether the entity's payloads have personal data, or names that are compared with it."""
        return bool(self._plan(entity)[0]) or entity in COMPARED

    def record(self, entity: str, record: RawRecord) -> RawRecord:
        """The record with stand-ins."""
        return self.records(entity, [record])[0]

    def records(
        self, entity: str, records: Sequence[RawRecord], seen: set[str] | None = None
    ) -> list[RawRecord]:
        """The records with stand-ins."""
        if not self.concerns(entity):
            return list(records)
        subjects = [f"{entity}/{record.native_id}" for record in records]
        keys = self._keys(entity, subjects)
        places = [
            _Where(subject, record.version, keys.get(subject))
            for subject, record in zip(subjects, records, strict=True)
        ]
        return [
            self._record(entity, record, where, seen) for record, where in zip(records, places, strict=True)
        ]

    def _keys(self, entity: str, subjects: Sequence[str]) -> Mapping[str, RecordKey]:
        ring = self._vault.keys
        if ring.in_files or not self._plan(entity)[0]:
            return {}
        return self._record_keys.of(dict.fromkeys(subjects), ring=ring, index=self._vault.index)

    def _record(self, entity: str, record: RawRecord, where: _Where, seen: set[str] | None) -> RawRecord:
        names, columns, personal = self._plan(entity)
        row = self._source.translate(entity, record.payload)
        secrets: list[Secret] = []
        fields = {one.name: self._field(where, one, row.get(one.name), secrets) for one in personal}
        said: set[str] = set()

        def stand_in(name: str, text: str) -> str:
            field = columns.get(name)
            straight = field is not None and text == row.get(field)
            said.add(field if field and straight else name)
            if field and straight:
                return str(fields[field])
            # A source may say it in other words at every read, as Stripe a receipt's address: that is no other record.
            place = f"{len(where.version)}:{where.version}|{len(secrets)}"
            return self._own(where, name, text, secrets, made_of=place if where.key else text)

        payload = hide(record.payload, names, stand_in, self._source.shown, of=entity)
        payload.pop(BESIDE, None)  # whatever a system calls so is not ours
        beside = self._compared(entity, row)
        # Where the payload says it in other words, landing could not read it from there.
        if said != {name for name, stands in fields.items() if stands and stands.strip()}:
            beside |= fields
        wanted = [secret for secret in secrets if seen is None or secret.token not in seen]
        if seen is not None:
            seen.update(secret.token for secret in wanted if secret.subject == secret.token)
        alone = any(secret.subject == where.subject for secret in wanted)
        made = where.key.wrapped() if where.key and alone else None
        return RawRecord(
            native_id=record.native_id,
            version=self.version(entity, record.version),
            payload={**payload, BESIDE: beside} if beside else payload,
            place=record.place,
            damage=record.damage,
            gone=record.gone,
            sealed=_Waiting(self._vault, wanted, made) if wanted else (),
        )

    def version(self, entity: str, version: str) -> str:
        """A version that is a hash of the content is hashed with the key: what is personal could be guessed by it."""
        hashed = len(version) == SHA256_DIGITS and self.concerns(entity)
        return self._vault.index.version(version) if hashed else version

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Translated:
        """A payload that passed the edge in canonical names."""
        row, beside = self._source.translate(entity, payload), payload.get(BESIDE)
        return {**row, **beside} if isinstance(beside, Mapping) and self.concerns(entity) else row

    def _plan(self, entity: str) -> tuple[frozenset[str], Mapping[str, str], Sequence[Field]]:
        if entity not in self._plans:
            personal = ENTITIES[entity].personal
            columns = {self._source.column(entity, one.name): one.name for one in personal}
            self._plans[entity] = (frozenset(self._source.personal(entity)), columns, personal)
        return self._plans[entity]

    def _field(self, where: _Where, of: Field, text: str | None, secrets: list[Secret]) -> str | None:
        if text is None or not text.strip():
            return text
        if (mask := refused_as_it_is(text)) is not None:
            return mask
        if not of.alike:
            return self._own(where, of.name, text, secrets, made_of=text)
        stands = self._vault.index.alike(of.name, text)
        token = _token(stands)
        secrets.append(Secret(token, of.name, token, text))
        return stands

    def _own(self, where: _Where, name: str, text: str, secrets: list[Secret], *, made_of: str) -> str:
        # Of few digits, or a first name, a digest under a key that is kept could be guessed for ever: the record's own
        # is destroyed with it. A world of files has none, so that everybody comes to the same.
        index = self._vault.index
        token = own(where.key.key, name, made_of) if where.key else index.own(name, where.subject, made_of)
        secrets.append(Secret(token, name, where.subject, text))
        return token

    def _compared(self, entity: str, row: Translated) -> dict[str, str | None]:
        """What says how names compare, where the entity has one."""
        index = self._vault.index
        if entity == "customers":
            name, customer = row.get("name") or "", row.get("id") or ""
            return {"name_head": index.head(name), "name_likeness": index.likeness(customer, name)}
        payer = row.get("payer_text")
        if not payer or not payer.strip() or refused_as_it_is(payer) is not None:
            return {}
        compared = {"payer_head": index.head(payer), "payer_key": index.start(payer)}
        if customer_id := row.get("customer_id"):
            compared["payer_likeness"] = index.likeness(customer_id, payer)
        return compared


class SealedSource:
    """A source whose records are sealed. All else of it is as it is."""

    def __init__(self, source: Personal, vault: Vault, held: HeldKeys = nobody_holds) -> None:
        self._source, self._vault, self._seal = source, vault, Seal(source, vault, held)
        self.system: str = source.system
        self.entities: Sequence[str] = source.entities
        self.states_once: bool = source.states_once

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def keyed(self, held: HeldKeys) -> Self:
        """The same, for who holds some records' keys already: what is read again has the stand-ins it had."""
        return type(self)(self._source, self._vault, held)

    def fetch_page(self, entity: str, cursor: Cursor | None) -> Page:
        """As the source's, sealed."""
        page = self._source.fetch_page(entity, cursor)
        return replace(page, records=self._seal.records(entity, page.records, seen=set()))

    def totals(self, entity: str, *, after: Cursor | None, until: Cursor) -> SourceTotals:
        """As the source's; the amounts are its own, and the versions those of sealed records."""
        totals = self._source.totals(entity, after=after, until=until)
        if not self._seal.concerns(entity):
            return totals
        version = self._seal.version
        keys = ((native_id, version(entity, stated)) for native_id, stated in totals.keys)
        return SourceTotals(keys=keys, amounts=totals.amounts)

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Translated:
        """A payload that passed the edge in canonical names."""
        return self._seal.translate(entity, payload)

    def column(self, entity: str, field: str) -> str:
        """As the source's."""
        return self._source.column(entity, field)

    def complete_until(self, cursor: Cursor) -> Any:
        """As the source's."""
        return self._source.complete_until(cursor)


class SealedSwept(SealedSource):
    """The same of a source that can be listed row by row."""

    def __init__(self, source: Any, vault: Vault, held: HeldKeys = nobody_holds) -> None:
        super().__init__(source, vault, held)
        self._swept: Swept = source

    def listing(self, entity: str, *, until: Cursor) -> Iterator[RawRecord]:
        """As the source's, sealed."""
        listed = iter(self._swept.listing(entity, until=until))
        while some := list(islice(listed, AT_ONCE)):
            yield from self._seal.records(entity, some)

    def rows(self, entity: str, native_ids: Sequence[str]) -> Sequence[RawRecord]:
        """As the source's, sealed."""
        return self._seal.records(entity, self._swept.rows(entity, native_ids))


class SealedLookup:
    """One object at a time, sealed as `source` is. Only stand-ins are kept of it; the next read keeps the values."""

    def __init__(self, lookup: Lookup, source: Personal, vault: Vault) -> None:
        self._lookup, self._seal = lookup, Seal(source, vault)
        self.system: str = lookup.system

    def look_at(self, entity: str, native_id: str) -> RawRecord | None:
        """As the lookup's, sealed."""
        found = self._lookup.look_at(entity, native_id)
        return found and self._seal.record(entity, found)

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Translated:
        """A payload that passed the edge in canonical names."""
        return self._seal.translate(entity, payload)


def sealed(source: Personal, vault: Vault) -> SealedSource:
    """The source behind the edge."""
    return SealedSwept(source, vault) if isinstance(source, Swept) else SealedSource(source, vault)


def _token(stands: str) -> str:
    matched = TOKEN.match(stands)
    return matched[0] if matched else stands
