import runpy
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[2] / "plugins" / "tieout_console.py"


@pytest.mark.parametrize(("argv", "apps"), [(["airflow", "api-server"], 1), (["airflow", "scheduler"], 0)])
def test_the_pages_are_built_where_they_are_served(
    argv: list[str], apps: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "argv", argv)
    plugin = runpy.run_path(str(PLUGIN))["TieoutConsole"]
    assert [app["url_prefix"] for app in plugin.fastapi_apps] == ["/tieout", "/tieout-hooks"] * apps


def test_the_page_stands_in_the_navigation_with_an_icon_for_light_and_dark():
    (view,) = runpy.run_path(str(PLUGIN))["TieoutConsole"].external_views
    assert (view["destination"], view["href"], view["url_route"]) == ("nav", "/tieout/", "tieout")
    assert view["icon"] != view["icon_dark_mode"]
