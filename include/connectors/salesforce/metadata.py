"""Brings our objects, fields and rights to an organisation: include/salesforce_metadata through the Metadata API."""

import io
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from simple_salesforce.api import Salesforce

from include.ports import Fatal, Retryable

FOLDER = Path(__file__).parents[2] / "salesforce_metadata"
POLLS_MAX = 120
POLL_S = 5.0
_STAMP = (1980, 1, 1, 0, 0, 0)


def package(folder: Path = FOLDER) -> bytes:
    """The folder as the Metadata API takes it; the same files give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                name = path.relative_to(folder).as_posix()
                archive.writestr(zipfile.ZipInfo(name, _STAMP), path.read_bytes())
    return out.getvalue()


def deploy(
    salesforce: Salesforce, *, check_only: bool = False, pause: Callable[[float], None] = time.sleep
) -> int:
    """Deploys everything or nothing; how many components. Raises Fatal naming what was refused, Retryable."""
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        file.write(package())
        file.flush()
        job, _ = salesforce.mdapi.deploy(file.name, sandbox=False, checkOnly=check_only)
    for _ in range(POLLS_MAX):
        state, _, details, _ = salesforce.mdapi.check_deploy_status(str(job))
        if state in {"Succeeded", "Failed", "Canceled", "SucceededPartial"}:
            break
        pause(POLL_S)
    else:
        raise Retryable(f"the deployment {job} is not done yet; see Setup, Deployment Status")
    failed = [f"{one['file']}: {one['message']}" for one in (details or {}).get("errors", [])]
    if state != "Succeeded":
        raise Fatal(f"Salesforce deployed nothing ({state}): {'; '.join(failed) or 'see Setup'}")
    return int((details or {}).get("deployed_count") or 0)
