"""What the flows need from the outside: sources to read, a postman for reports, and errors named by what to do next.

Stop
├── Retryable   the outside system was unavailable or throttled us; try again later
├── Rejected    the outside system refused this one record; park it and go on
├── Uncertain   the call was sent and its answer lost; look before sending again
├── Fatal       credentials, schema or configuration are wrong; stop and page someone
└── NothingUsable  the input holds no row that can be used; give another
"""

from include.ports.sealed import SealedValue
from include.ports.sources import (
    Cursor,
    Described,
    Glance,
    HeldInvoice,
    Lookup,
    Mirror,
    Page,
    PartsLookup,
    Personal,
    RawRecord,
    Sign,
    Source,
    SourceTotals,
    Swept,
    Translated,
    Watch,
)
from include.ports.stops import (
    Away,
    Fatal,
    NothingUsable,
    Partly,
    Rejected,
    Retryable,
    Stop,
    Throttled,
    Uncertain,
)
from include.ports.stores import LockingStore, Names, Row, Store, Transaction
from include.ports.targets import Herald, OldPath, Postman, Report, Shared, Target, ToldRow, Written

__all__ = [
    "Away",
    "Cursor",
    "Described",
    "Fatal",
    "Glance",
    "HeldInvoice",
    "Herald",
    "LockingStore",
    "Lookup",
    "Mirror",
    "Names",
    "NothingUsable",
    "OldPath",
    "Page",
    "Partly",
    "PartsLookup",
    "Personal",
    "Postman",
    "RawRecord",
    "Rejected",
    "Report",
    "Retryable",
    "Row",
    "SealedValue",
    "Shared",
    "Sign",
    "Source",
    "SourceTotals",
    "Stop",
    "Store",
    "Swept",
    "Target",
    "Throttled",
    "ToldRow",
    "Transaction",
    "Translated",
    "Uncertain",
    "Watch",
    "Written",
]
