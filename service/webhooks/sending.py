"""Sends one signed message to one address, and to none inside our own network.

Signatures follow the Standard Webhooks specification: HMAC-SHA256 over id, time and body.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import secrets
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from matching.messages import Message
from service.errors import BadInput, Unavailable

if TYPE_CHECKING:
    from datetime import datetime

SECRET_PREFIX = "whsec_"  # noqa: S105 — the mark that the specification gives secrets
SECONDS = 10


def new_secret() -> str:
    """A secret for signatures, as the specification writes it."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(secret: str, uid: str, moment: datetime, body: bytes) -> str:
    """What `webhook-signature` says of a message."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    content = f"{uid}.{int(moment.timestamp())}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


def check_address(url: str, *, private: bool) -> None:
    """Raise BadInput for an address that nothing may be sent to. `private`: inner addresses are allowed."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host = None
    allowed = ("https", "http") if private else ("https",)
    if host is None or parts.scheme not in allowed or parts.username or not url.isascii() or " " in url:
        raise BadInput.one("url", Message("webhook-address", "Give an address that begins with https://."))
    if not private and _is_inner(host):
        raise _inner()


def post(url: str, body: bytes, headers: dict[str, str], *, private: bool) -> int:
    """Send the body; the status of the answer. Raises Unavailable where none comes, BadInput as above.

    The name is looked up once and the connection goes to the address that was checked, so that a name cannot
    mean another address a moment later. Redirections are not followed.
    """
    import httpx

    check_address(url, private=private)
    wanted = httpx.URL(url)
    try:
        port = wanted.port or (443 if wanted.scheme == "https" else 80)
        address = _address(wanted.host, port, private=private)
        with (
            httpx.Client(timeout=SECONDS, follow_redirects=False, trust_env=False) as client,
            client.stream(
                "POST",
                wanted.copy_with(host=address),
                content=body,
                headers={**headers, "Host": wanted.netloc.decode("ascii")},
                extensions={"sni_hostname": wanted.host},
            ) as response,
        ):
            return response.status_code
    except (httpx.HTTPError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise Unavailable(
            Message("webhook-silent", "The address does not answer: {reason}", reason=reason)
        ) from error


def _address(host: str, port: int, *, private: bool) -> str:
    """An address that the name stands for. Raises BadInput where any of them is inside."""
    found = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not private and any(_is_inner(address) for address in found):
        raise _inner()
    return found[0]


def _is_inner(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address.sixtofour or address
    return not address.is_global or address.is_multicast


def _inner() -> BadInput:
    return BadInput.one(
        "url", Message("webhook-inner", "Addresses inside this network are not allowed for webhooks.")
    )
