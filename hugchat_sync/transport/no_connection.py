"""Why no connection came about: in words, with what to do about it."""

from __future__ import annotations

import re
import socket
import ssl
from typing import Iterator, NamedTuple

import requests
import urllib3.exceptions as low


class Obstacle(NamedTuple):
    """What stands in the way; *lasting* where a later try would meet it again."""

    sentence: str
    lasting: bool = True


_PROXY = "the proxy (HTTPS_PROXY and the like in the environment, or session.proxies)"
_TUNNEL = r"[Tt]unnel connection failed: (\d{3})\s*([^'\"]{0,80})"
_NETWORK = "check the network or proxy"


def find_obstacle(error: BaseException, host: str) -> Obstacle | None:
    """Return why nothing could be sent to *host*; ``None`` where *error* does not say it.

    :param host: a checked name, perhaps with a port: what cannot be parsed is another address.
    """
    chain = list(_chain(error))
    sentences = " ".join(str(one) for one in chain)
    socks = "SOCKS" in sentences or any(type(one).__module__ == "socks" for one in chain)
    if socks and _has(chain, requests.exceptions.InvalidSchema):
        return Obstacle("a SOCKS proxy needs one more package: pip install requests[socks]")
    proxies = (requests.exceptions.InvalidProxyURL, low.ProxySchemeUnknown)
    if _has(chain, *proxies) or "Failed to parse" in sentences:
        return Obstacle(f"the address of {_PROXY} is malformed: it looks like http://host:port")
    if "CA certificate bundle" in sentences:
        return Obstacle(
            "the CA bundle that REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or session.verify names is not "
            "there: correct the path, or unset it"
        )
    if _has(chain, requests.exceptions.ProxyError, low.ProxyError) or socks:
        return _of_proxy(chain, sentences, host)
    found = _of_certificate(chain, host)
    if found is not None:
        return found
    if "WRONG_VERSION_NUMBER" in sentences.upper() or "RECORD LAYER FAILURE" in sentences.upper():
        sentences = f"{host} speaks no TLS there: is the port right, or is it http:// there?"
        return Obstacle(sentences, lasting=False)
    name = host if host.endswith("]") else re.sub(r":\d+$", "", host)
    return _of_network(chain, host, f"the name {name}")


def _of_proxy(chain: list[BaseException], sentences: str, host: str) -> Obstacle:
    tunnel = re.search(_TUNNEL, sentences)
    if tunnel is None and "appears to only use HTTP" in sentences:
        return Obstacle(f"{_PROXY} speaks plain http: let its address begin with http://")
    if tunnel is None:
        found = _of_network(chain, "the proxy", "the name of the proxy")
        sentence = f"no connection to {host}: {_PROXY} cannot be reached"
        return (
            Obstacle(f"{sentence}: {found.sentence}", found.lasting)
            if found
            else Obstacle(sentence, lasting=False)
        )
    status, reason = int(tunnel[1]), tunnel[2].strip()
    if status == 407:
        return Obstacle(
            f"{_PROXY} wants a user name and a password (407): put them into its address, "
            "http://user:password@host:port"
        )
    what = f"{_PROXY} does not connect us to {host}: it answered {status} {reason}".rstrip()
    return Obstacle(what, lasting=status < 500)


def _of_certificate(chain: list[BaseException], host: str) -> Obstacle | None:
    for one in chain:
        if isinstance(one, ssl.SSLCertVerificationError):
            why = getattr(one, "verify_message", "") or "it is not trusted"
            return Obstacle(
                f"the certificate of {host} cannot be verified ({why}): if an authority of your "
                "own signs it, let REQUESTS_CA_BUNDLE or session.verify name the file of its "
                "certificate"
            )
    return None


def _of_network(chain: list[BaseException], host: str, name: str) -> Obstacle | None:
    for one in chain:
        if isinstance(one, socket.gaierror):
            passing = one.errno == socket.EAI_AGAIN
            return Obstacle(f"{name} cannot be resolved: {_NETWORK}", not passing)
        if isinstance(one, ConnectionRefusedError):
            why = "connections are refused there: is it running, and is the port right?"
            return Obstacle(f"no connection to {host}, {why}", lasting=False)
    for one in chain:
        ours = not isinstance(one, (ssl.SSLError, low.HTTPError, requests.RequestException))
        if isinstance(one, OSError) and ours and one.strerror:
            return Obstacle(f"no connection to {host} ({one.strerror}): {_NETWORK}", lasting=False)
    return None


def _has(chain: list[BaseException], *kinds: type[BaseException]) -> bool:
    return any(isinstance(one, kinds) for one in chain)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it holds: each layer below wraps that of the next in its way."""
    found, waiting = [error], [error]
    while waiting:
        one = waiting.pop(0)
        yield one
        below = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
        for other in below:
            if isinstance(other, BaseException) and not any(other is known for known in found):
                found.append(other)
                waiting.append(other)
