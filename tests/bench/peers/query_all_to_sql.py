"""What many a script does: simple-salesforce's query_all, a data frame, to_sql."""

import json
import sys
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import requests
from bare_pages import KEY, SOQL
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from sqlalchemy import create_engine

_, port, url = sys.argv[1:]


class ToTwin(HTTPAdapter):
    """simple-salesforce speaks https to salesforce.com only."""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        request.url = urlsplit(request.url)._replace(scheme="http", netloc=f"127.0.0.1:{port}").geturl()
        return super().send(request, **options)


started = monotonic()
session = requests.Session()
session.mount("https://", ToTwin())
salesforce = Salesforce(consumer_key=KEY, consumer_secret=KEY, domain="twin.my", session=session)
frame = pd.DataFrame(salesforce.query_all(SOQL)["records"]).drop(columns="attributes")
engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
frame.to_sql("records", engine, index=False, chunksize=10_000)
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
took = {"rows": len(frame), "seconds": monotonic() - started, "peak_mib": int(peak.split()[1]) // 1024}
print(json.dumps(took))
