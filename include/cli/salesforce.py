"""`tieout salesforce`: bring our objects and rights to an organisation, and sign in to it."""

import os
from dataclasses import replace
from typing import Annotated

import typer

from include.cli.keys import keyring_here
from include.cli.shared import As, named, store_here
from include.ports import Fatal, Granted

salesforce_app = typer.Typer(no_args_is_help=True, help="Prepare a Salesforce organisation.")

VARIABLES = ("DOMAIN", "CONSUMER_KEY", "CONSUMER_SECRET")
BROKER = "tieout_broker"
"""The role of the database that keeps tokens."""


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

    given = _given(*VARIABLES)
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


@salesforce_app.command()
def login(
    actor: As,
    landing: Annotated[
        str, typer.Option(help="Where the browser ends, as the app allows; by default Salesforce's own page.")
    ] = "",
) -> None:
    """Sign in for the refresh-token flow: open what is shown, agree, and paste the address the browser ends at.

    The app is TIEOUT_SALESFORCE_DOMAIN, TIEOUT_SALESFORCE_CONSUMER_KEY and, where it has one,
    TIEOUT_SALESFORCE_CONSUMER_SECRET; TIEOUT_SALESFORCE_REFRESH_TOKEN is taken instead of a browser. Database and keys
    are those of `tieout keys`. What comes is kept sealed for all workers and shown to nobody. JWT bearer needs none of
    this.

    Example: tieout salesforce login --as ann@firm.example
    """
    from include.connectors.salesforce.oauth import LANDING, App, RefreshToken, SignIn
    from include.flows.renew_token import TokenBroker
    from include.vault.edge import Vault

    given, by = _given("DOMAIN", "CONSUMER_KEY"), named(actor)
    app = App(
        client_id=given["CONSUMER_KEY"],
        client_secret=os.environ.get("TIEOUT_SALESFORCE_CONSUMER_SECRET", ""),
        domain=given["DOMAIN"],
        address=os.environ.get("TIEOUT_SALESFORCE_ADDRESS", ""),
    )
    flow = RefreshToken(app=app)

    def granted() -> Granted:
        if refresh_token := os.environ.get("TIEOUT_SALESFORCE_REFRESH_TOKEN", ""):
            came = flow.ask(refresh_token)
            return replace(came, refresh_token=came.refresh_token or refresh_token)
        signing = SignIn(app, landing=landing or LANDING)
        print(f"open this, sign in as the integration user and agree:\n{signing.url}")
        return signing.granted(typer.prompt("the address the browser ended at (not shown)", hide_input=True))

    with store_here(BROKER) as store:
        # Nothing is logged here, so that nobody needs to hide it.
        broker = TokenBroker(store, Vault(keyring_here), flow, by="cli", tell=lambda _secret: None)
        broker.check_kept()
        number = broker.sign_in(granted(), by=by)
    print(f"signed in; token number {number} of {flow.system} is kept for all workers")


def _given(*names: str) -> dict[str, str]:
    given = {name: os.environ.get(f"TIEOUT_SALESFORCE_{name}", "") for name in names}
    if missing := [f"TIEOUT_SALESFORCE_{name}" for name, value in given.items() if not value]:
        raise Fatal(f"set {', '.join(missing)}")
    return given
