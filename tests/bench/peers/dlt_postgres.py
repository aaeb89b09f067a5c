"""dlt, as its documents show it: a resource that yields pages, merged into Postgres by its key."""

import json
import sys
import tempfile
from pathlib import Path
from time import monotonic

import dlt
from bare_pages import pages

system, port, url = sys.argv[1:]
key = {"salesforce": "Id", "payments": "id"}[system]
started = monotonic()


@dlt.resource(name="records", primary_key=key, write_disposition="merge")
def records():
    yield from pages(system, port)


with tempfile.TemporaryDirectory() as folder:
    destination = dlt.destinations.postgres(credentials=url)
    pipeline = dlt.pipeline("bench", pipelines_dir=folder, destination=destination, dataset_name="dlt_bench")
    pipeline.run(records())
    with pipeline.sql_client() as client:
        rows = client.execute_sql("SELECT count(*) FROM records")[0][0]
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(json.dumps({"rows": rows, "seconds": monotonic() - started, "peak_mib": int(peak.split()[1]) // 1024}))
