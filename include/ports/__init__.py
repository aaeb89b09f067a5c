"""What the flows need from the outside: sources to read, a postman for reports, and errors named by what to do next.

Stop
├── Retryable   the outside system was unavailable or throttled us; try again later
├── Rejected    the outside system refused this one record; park it and go on
├── Uncertain   the call was sent and its answer lost; look before sending again
├── Fatal       credentials, schema or configuration are wrong; stop and page someone
│   └── SignInAgain  what we were let in with is void; a person signs in as the message says
└── NothingUsable  the input holds no row that can be used; give another
"""

from include.ports.sealed import KEY, HeldKeys, Keyed, Safe, SealedValue
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
    Full,
    NothingUsable,
    Partly,
    Rejected,
    Retryable,
    SignInAgain,
    Stop,
    Throttled,
    Uncertain,
)
from include.ports.stores import LockingStore, Names, PromptStore, QueueingStore, Row, Store, Transaction
from include.ports.targets import Budgeted, Herald, OldPath, Postman, Report, Shared, Target, ToldRow, Written
from include.ports.tokens import Granted, Login, Token, Tokens

__all__ = [
    "KEY",
    "Away",
    "Budgeted",
    "Cursor",
    "Described",
    "Fatal",
    "Full",
    "Glance",
    "Granted",
    "HeldInvoice",
    "HeldKeys",
    "Herald",
    "Keyed",
    "LockingStore",
    "Login",
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
    "PromptStore",
    "QueueingStore",
    "RawRecord",
    "Rejected",
    "Report",
    "Retryable",
    "Row",
    "Safe",
    "SealedValue",
    "Shared",
    "Sign",
    "SignInAgain",
    "Source",
    "SourceTotals",
    "Stop",
    "Store",
    "Swept",
    "Target",
    "Throttled",
    "Token",
    "Tokens",
    "ToldRow",
    "Transaction",
    "Translated",
    "Uncertain",
    "Watch",
    "Written",
]
