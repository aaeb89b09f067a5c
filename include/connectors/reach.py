"""Connects to the addresses that were judged: a name is asked for once, and what it gave is what is connected to.

Whoever answers for a name may say another address at every question (DNS rebinding). So nothing is judged by its name
here, and nothing is asked twice. Behind a proxy the name is the proxy's to judge.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from include.ports import Fatal

METADATA = tuple(
    map(ip_network, ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::/32", "fd20:ce::254"))
)
"""Where clouds tell a machine its own credentials, beside 169.254.0.0/16, which is for neighbours alone."""

_IPV4_WITHIN = ip_network("64:ff9b::/96")
_IPV4_BITS = 2**32

Address = IPv4Address | IPv6Address


class Reaching(HTTPAdapter):
    """A way out that connects to judged addresses alone."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


def judged(host: str, port: int, *, secure: bool) -> list[str]:
    """The addresses of a host, in the order they came. Raises Fatal when one of them is nobody's to call, OSError.

    This machine is called by who names it: 127.0.0.1, ::1 or localhost, and by no other name. What is not `secure` (by
    TLS) goes no further than a network of one's own.
    """
    found = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for text in found:
        address = _plain(text)
        why = _forbidden(host, address) or _overheard(address, secure=secure)
        if why:
            raise Fatal(f"{host} is {text} here, {why}; nothing is sent there")
    return list(dict.fromkeys(found))


def _forbidden(host: str, address: Address) -> str:
    if address.is_loopback:
        return "" if _is_here(host) else "which is this machine"
    if address.is_link_local or any(address in one for one in METADATA):
        return "where a cloud keeps a machine's credentials"
    if address.is_multicast or address.is_unspecified or address.is_reserved:
        return "which is no machine's address"
    return ""


def _overheard(address: Address, *, secure: bool) -> str:
    return (
        "" if secure or not address.is_global else "across the internet, where plain http is read by anybody"
    )


def _is_here(host: str) -> bool:
    try:
        return _plain(host).is_loopback
    except ValueError:
        return host == "localhost"


def _plain(text: str) -> Address:
    """An address; of one that stands for an IPv4 address, that one. Raises ValueError."""
    address = ip_address(text.partition("%")[0].strip("[]"))
    if isinstance(address, IPv6Address):
        if address in _IPV4_WITHIN:
            return IPv4Address(int(address) % _IPV4_BITS)
        return address.ipv4_mapped or address.sixtofour or address
    return address


class _Judged(HTTPConnection):
    secure = False

    def _new_conn(self) -> socket.socket:
        name = self._dns_host
        try:
            *others, last = judged(name, self.port, secure=self.secure)
            for self._dns_host in others:
                try:
                    return super()._new_conn()
                except (ConnectTimeoutError, NewConnectionError):
                    continue
            self._dns_host = last
            return super()._new_conn()
        except socket.gaierror as error:
            raise NameResolutionError(name, self, error) from error
        finally:
            self._dns_host = name  # the certificate is held to it


class _SecureJudged(_Judged, HTTPSConnection):
    """The same over TLS."""

    secure = True


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Judged


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureJudged
