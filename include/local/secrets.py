"""What must stay secret on this machine: generated once, kept in a file only its owner may read."""

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass, fields

from include.local.home import Home, SetUpFailed
from include.local.processes import exclusive
from include.vault.keys import new_keys


@dataclass(frozen=True, repr=False)
class Secrets:
    """Passwords and keys. It has no repr, so that no log can show them by accident."""

    database_password: str
    fernet_key: str
    jwt_secret: str
    api_secret_key: str
    admin_password: str
    operator_password: str
    finance_password: str
    controller_password: str
    salesforce_client_id: str
    salesforce_client_secret: str
    erp_key: str
    payments_key: str
    payments_webhook_secret: str
    vault_keys: str
    audit_seed: str


def load_secrets(home: Home) -> Secrets:
    """The secrets of this home; those it has not yet are generated and kept."""
    with exclusive(home.run / "secrets.lock"):
        known = _read(home)
        wanted = Secrets(
            **{field.name: known.get(field.name) or _generate(field.name) for field in fields(Secrets)}
        )
        if asdict(wanted) != known:
            _write(home, wanted)
    return wanted


def _generate(name: str) -> str:
    if name == "vault_keys":
        return new_keys()
    if name == "fernet_key":
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    if name == "audit_seed":
        return secrets.token_hex(32)
    # People type passwords (96 bits); a key that signs tokens must be as long as the hash, 64 bytes.
    return secrets.token_urlsafe(12 if name.endswith("_password") else 64)


def _read(home: Home) -> dict[str, str]:
    try:
        return dict(json.loads(home.secrets.read_text()))
    except FileNotFoundError:
        return {}
    except ValueError:
        raise SetUpFailed(f"{home.secrets} is damaged; remove it and new secrets are made") from None


def _write(home: Home, wanted: Secrets) -> None:
    draft = home.secrets.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(wanted), file, indent=2)
    draft.replace(home.secrets)
