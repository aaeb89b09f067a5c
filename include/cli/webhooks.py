"""`tieout webhooks`: the door for webhooks in a process of its own."""

from typing import Annotated

import typer

from include.ports import Stop

SWITCH_S = 0.0005
"""For how long one thread may keep the other waiting: the one that commits needs a moment some five times a commit, and
the one that speaks HTTP is busy."""

webhooks_app = typer.Typer(no_args_is_help=True, help="Take the webhooks of payments platforms.")


@webhooks_app.callback()
def about() -> None:
    """Take the webhooks of payments platforms."""


@webhooks_app.command()
def serve(
    port: Annotated[int, typer.Option(envvar="TIEOUT_WEBHOOKS_PORT", help="Where to listen.")] = 8467,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
) -> None:
    """Serve /tieout-hooks beside the API server, which has it too: there, whoever uses the UI is waited for.

    Run it where Airflow runs: connections `payments_webhook` and `tieout_db` are Airflow's.

    Example: tieout webhooks serve --host 0.0.0.0 --port 8467
    """
    import os
    import sys

    # Airflow's word for a process that may read its database.
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Mount

    from include.console.hooks import PREFIX, build_hooks
    from include.wiring.hooks import Door

    try:
        open_door = Door.open().renewed
    except Stop as stop:  # whoever knocks is told, until it is mended
        typer.echo(f"tieout: {stop}", err=True)
        open_door = Door.open
    sys.setswitchinterval(SWITCH_S)
    outside = Starlette(routes=[Mount(PREFIX, build_hooks(open_door))])
    # Logs as Airflow's settings say, the server's own lines too.
    uvicorn.run(outside, host=host, port=port, log_level="warning", log_config=None, access_log=False)
