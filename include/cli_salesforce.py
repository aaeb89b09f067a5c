"""`tieout salesforce`: bring our objects and rights to an organisation."""

import os
from typing import Annotated

import typer

from include.ports import Fatal

salesforce_app = typer.Typer(no_args_is_help=True, help="Prepare a Salesforce organisation.")

VARIABLES = ("DOMAIN", "CONSUMER_KEY", "CONSUMER_SECRET")


@salesforce_app.callback()
def about() -> None:
    """Prepare a Salesforce organisation."""


@salesforce_app.command()
def deploy(
    *, check: Annotated[bool, typer.Option("--check", help="Only ask whether it would work.")] = False
) -> None:
    """Deploy include/salesforce_metadata: objects, unique keys and the permission set. All of it or nothing.

    The log-in of an administrator's app (client credentials) comes from TIEOUT_SALESFORCE_DOMAIN (acme.my),
    TIEOUT_SALESFORCE_CONSUMER_KEY and TIEOUT_SALESFORCE_CONSUMER_SECRET; TIEOUT_SALESFORCE_ADDRESS names a twin here.
    `sf project deploy start --metadata-dir include/salesforce_metadata` does the same with Salesforce's own tool.

    Example: tieout salesforce deploy --check
    """
    import requests
    from simple_salesforce.api import Salesforce
    from simple_salesforce.exceptions import SalesforceError

    from include.connectors.salesforce.metadata import deploy as deploy_metadata
    from include.connectors.salesforce.session import guarded_session

    given = {name: os.environ.get(f"TIEOUT_SALESFORCE_{name}", "") for name in VARIABLES}
    if missing := [f"TIEOUT_SALESFORCE_{name}" for name, value in given.items() if not value]:
        raise Fatal(f"set {', '.join(missing)} to deploy with")
    try:
        with guarded_session(os.environ.get("TIEOUT_SALESFORCE_ADDRESS", "")) as session:
            salesforce = Salesforce(
                domain=given["DOMAIN"],
                consumer_key=given["CONSUMER_KEY"],
                consumer_secret=given["CONSUMER_SECRET"],
                session=session,
                version="62.0",
            )
            deployed = deploy_metadata(salesforce, check_only=check)
    except (SalesforceError, requests.RequestException) as refused:
        # Their messages may hold the whole answer.
        raise Fatal(f"Salesforce did not take the deployment ({type(refused).__name__})") from None
    print(f"{deployed} components {'would be' if check else 'are'} deployed to {given['DOMAIN']}")
