"""What Airflow gives a browser that logged in: for its path and host alone, out of reach of scripts and other sites.

The cookies are Airflow's and FAB's, as this release sets them; the one who logs in is played.
"""

import json
import os
import subprocess
import sys
from http.cookies import Morsel, SimpleCookie
from typing import Any

import pytest

from include.local.home import PROJECT

ASKED = """
import json, sys, warnings
warnings.simplefilter("ignore")
from types import SimpleNamespace
from fastapi import FastAPI
from starlette.testclient import TestClient
from flask import Flask, g
from airflow.api_fastapi import app as airflow_app
from airflow.api_fastapi.auth.middlewares import refresh_token
from airflow.providers.fab.www import views

scheme, path = sys.argv[1:]
manager = SimpleNamespace(generate_jwt=lambda *_args, **_named: "the-token")
views.get_auth_manager = refresh_token.get_auth_manager = lambda: manager

def logged_in():
    with Flask("played").test_request_context(f"{scheme}://tieout.example{path}/auth/login"):
        g.user = SimpleNamespace(is_authenticated=True)
        return views.redirect(f"{path}/").headers.getlist("Set-Cookie")

async def somebody(*_args):
    return SimpleNamespace(), SimpleNamespace()

def refreshed():
    refresh_token.JWTRefreshMiddleware._refresh_user = somebody
    app = FastAPI()
    app.add_middleware(refresh_token.JWTRefreshMiddleware)
    client = TestClient(app, base_url=f"{scheme}://tieout.example{path}", cookies={"_token": "older"})
    return client.get("/").headers.get_list("set-cookie")

print(json.dumps({"login": logged_in(), "refresh": refreshed(), "path": airflow_app.get_cookie_path()}))
"""


def cookies(scheme: str, path: str) -> dict[str, Any]:
    """What is set where Airflow's address is this, by a process of its own: it is read once."""
    given = os.environ | {"AIRFLOW__API__BASE_URL": f"{scheme}://tieout.example{path}"}
    done = subprocess.run(
        [sys.executable, "-c", ASKED, scheme, path],
        cwd=PROJECT, env=given, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def tokens(headers: list[str]) -> list[Morsel[str]]:
    found = [SimpleCookie(header)["_token"] for header in headers]
    return [one for one in found if one.value.strip('"')]


@pytest.mark.parametrize(("scheme", "path"), [("https", "/airflow"), ("http", "")])
def test_the_token_of_a_session_stays_on_its_path_and_host_and_no_script_or_other_site_gets_it(
    scheme: str, path: str
) -> None:
    told = cookies(scheme, path)
    for way in ("login", "refresh"):
        [token] = tokens(told[way])
        assert token["path"].rstrip("/") == path, way
        assert (token["httponly"], token["samesite"].lower(), token["domain"]) == (True, "lax", ""), way
        assert bool(token["secure"]) is (scheme == "https"), way


def test_a_token_that_an_older_release_gave_to_the_whole_host_is_taken_back() -> None:
    told = cookies("https", "/airflow")
    [gone] = [one for one in map(SimpleCookie, told["refresh"]) if one["_token"]["path"] == "/"]
    assert (gone["_token"].value.strip('"'), gone["_token"]["max-age"]) == ("", "0")
