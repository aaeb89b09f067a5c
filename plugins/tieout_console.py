"""Puts the Tie-out pages into Airflow: registration only; the pages are include/console."""

import sys
from importlib import import_module
from typing import Any, ClassVar
from urllib.parse import quote

from airflow.plugins_manager import AirflowPlugin

_SCALES = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' stroke-linecap='round' "
    "stroke-linejoin='round'><defs><path id='s' d='M12 4v16M8 20h8M5 7h14M5 7l-3 7h6zM19 7l-3 7h6z'/></defs>"
    "<use href='#s' stroke='{rim}' stroke-width='4'/><use href='#s' stroke='{ink}' stroke-width='1.8'/></svg>"
)
"""With a rim, because where the page is open its icon stands on the opposite: dark in light, lighter in dark."""

_HEAVY = (
    "airflow.providers.salesforce.hooks.salesforce",
    "include.flows.drain_inbox",
    "include.flows.land_records",
    "stripe",
)


def _icon(*, ink: str, rim: str) -> str:
    return f"data:image/svg+xml,{quote(_SCALES.format(ink=ink, rim=rim))}"


def _apps() -> list[dict[str, Any]]:
    # Plugins load in every process of Airflow; only this one serves pages and has the API's permissions at hand.
    if "api-server" not in sys.argv:
        return []
    from include.console.app import build_app  # noqa: PLC0415
    from include.console.hooks import PREFIX, build_hooks  # noqa: PLC0415

    return [
        {"app": build_app(), "url_prefix": "/tieout", "name": "Tie-out"},
        {"app": build_hooks(), "url_prefix": PREFIX, "name": "Tie-out webhooks"},
    ]


def _preload() -> None:
    """What tasks import, once in the scheduler, whose children they are: a task begins seconds sooner."""
    if "scheduler" in sys.argv:
        for name in _HEAVY:
            import_module(name)


_preload()


class TieoutConsole(AirflowPlugin):
    """The page "Tie-out" in Airflow's navigation."""

    name = "tieout_console"
    fastapi_apps: ClassVar[list[dict[str, Any]]] = _apps()
    external_views: ClassVar[list[dict[str, Any]]] = [
        {
            "name": "Tie-out",
            "href": "/tieout/",
            "destination": "nav",
            "url_route": "tieout",
            "nav_top_level": True,
            "icon": _icon(ink="#2b3a47", rim="#ffffff"),
            "icon_dark_mode": _icon(ink="#e3e8ec", rim="#22364f"),
        }
    ]
