"""Logging in by simple-salesforce, and why it failed: never in its words, which may hold the whole answer."""

import re
from collections.abc import Callable
from typing import Any

import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed

from include.ports import Away, Fatal, Retryable

_OK, _SERVER_ERROR = 200, 500


def log_in(connect: Callable[[], Salesforce]) -> Salesforce:
    """What `connect` gives. Raises Retryable, Fatal."""
    try:
        return connect()
    except SalesforceAuthenticationFailed as refused:
        raise _login_stop(refused.code) from None
    except requests.RequestException as error:
        raise Away(f"Salesforce did not answer the login ({type(error).__name__})") from None
    except AttributeError:
        raise Away("Salesforce's answer to the login names no instance; trying again later") from None
    except TypeError:
        raise Fatal(
            "Salesforce: the connection lacks a login; give consumer_key, consumer_secret and domain"
        ) from None


def _login_stop(code: Any) -> Retryable | Fatal:
    if isinstance(code, int) and (code >= _SERVER_ERROR or code == _OK):
        return Away(f"Salesforce could not log us in ({code}); trying again later")
    word = code if re.fullmatch(r"[A-Za-z_ :.]{1,60}", str(code)) else "refused"
    return Fatal(f"Salesforce refused the login ({word}); check the salesforce_api connection")
