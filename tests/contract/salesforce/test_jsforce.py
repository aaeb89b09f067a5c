"""jsforce, a client of another language and make, drives the twin's Salesforce."""

import json
from collections.abc import Callable

from tests.contract.salesforce.conftest import KEYS, LEADS


def test_jsforce_reads_writes_and_loads_in_bulk(jsforce: Callable[..., str], address: str):
    found = json.loads(
        jsforce("drive.mjs", address, KEYS.salesforce_client_id, KEYS.salesforce_client_secret)
    )
    assert found == {
        "user": "005000000000001AAA",
        "leads": LEADS,
        "paged": [2000, False, 2000],
        "related": ["Acme"],
        "children": [2],
        "byFind": 1,
        "globals": True,
        "unique": True,
        "upserted": [True, True, False, True],
        "many": ["ok", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"],
        "created": ["ok", "REQUIRED_FIELD_MISSING"],
        "strict": ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"],
        "retrieved": ["One"],
        "updated": [True],
        "covered": len("2026-01-05T04:00:00.000+0000"),
        "destroyed": [True],
        "deleted": 1,
        "bulkQuery": LEADS,
        "bulkIngest": [[["js/2", "false"], ["js/4", "true"]], ["JSON_PARSER_ERROR"], 0],
        "composite": [201, 201],
        "limits": True,
        "refused": "INVALID_FIELD",
    }
