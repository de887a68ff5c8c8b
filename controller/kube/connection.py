"""How to reach the API server: the files every pod gets, or a kubeconfig."""

import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from controller.core.errors import ApiServerUnavailable, MalformedDocument
from controller.core.text import printable

if TYPE_CHECKING:
    from kubernetes.client import Configuration

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def _anonymous() -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Address, trust and credentials of an API server.

    `authorization` gives the value of the header of that name as it is now, or None; it raises ApiServerUnavailable
    when the credentials can't be read. A client certificate is part of `tls`.
    """

    server: str
    tls: ssl.SSLContext
    authorization: Callable[[], str | None] = _anonymous
    tls_server_name: str | None = None


def in_cluster(environment: Mapping[str, str] = os.environ, folder: Path = SERVICE_ACCOUNT) -> Connection:
    """The connection of a pod by its ServiceAccount. The token is read again for each request: the kubelet rotates it.

    Raises MalformedDocument where the environment or the files are not those of a pod.
    """
    host, port = environment.get("KUBERNETES_SERVICE_HOST"), environment.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise MalformedDocument("this is no pod of a cluster: KUBERNETES_SERVICE_HOST is not set")
    bracketed = f"[{host}]" if ":" in host else host
    try:
        tls = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    except (OSError, ValueError) as error:
        raise MalformedDocument(f"{folder / 'ca.crt'} holds no certificate") from error
    token = folder / "token"
    return Connection(server=f"https://{bracketed}:{port}", tls=tls, authorization=lambda: _bearer(token))


def from_kubeconfig(path: Path) -> Connection:
    """The connection of the kubeconfig's current context; tokens that expire are fetched anew as the file says.

    Raises MalformedDocument. Imports the kubernetes library, which costs 200 ms and 40 MB: that is why only here.
    """
    from kubernetes.client import Configuration  # noqa: PLC0415
    from kubernetes.config import load_kube_config  # noqa: PLC0415

    configuration = Configuration()
    try:
        load_kube_config(str(path), client_configuration=configuration, persist_config=False)  # type: ignore[no-untyped-call]
        tls = _tls(configuration)
    except _library_errors() as error:
        raise MalformedDocument(f"{path}: {printable(str(error))}") from error
    return Connection(
        server=str(configuration.host).rstrip("/"),
        tls=tls,
        authorization=lambda: _api_key(configuration),
        tls_server_name=configuration.tls_server_name,
    )


def _bearer(token: Path) -> str:
    try:
        return f"Bearer {token.read_text().strip()}"
    except (OSError, ValueError) as error:
        raise ApiServerUnavailable(f"the ServiceAccount token {token} can't be read") from error


def _api_key(configuration: "Configuration") -> str | None:
    try:
        key: str | None = configuration.get_api_key_with_prefix("BearerToken")
    except _library_errors() as error:
        raise ApiServerUnavailable("the kubeconfig gives no token") from error
    return key


def _library_errors() -> tuple[type[Exception], ...]:
    """What the kubernetes library is known to raise for a kubeconfig or a credential plugin that is not as it hopes."""
    from kubernetes.client.exceptions import OpenApiException  # noqa: PLC0415
    from kubernetes.config import ConfigException  # noqa: PLC0415
    from yaml import YAMLError  # noqa: PLC0415

    own = (ConfigException, OpenApiException, YAMLError)
    return (*own, OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


def _tls(configuration: "Configuration") -> ssl.SSLContext:
    if not configuration.verify_ssl:
        raise ValueError("insecure-skip-tls-verify would let anybody hand out policies: give the certificate authority")
    tls = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    if configuration.cert_file:
        tls.load_cert_chain(configuration.cert_file, configuration.key_file)
    return tls


def own_namespace() -> str:
    """The namespace of the pod that this runs in; raises MalformedDocument where it is none."""
    try:
        return (SERVICE_ACCOUNT / "namespace").read_text(encoding="utf-8").strip()
    except OSError as error:
        raise MalformedDocument("this is no pod of a cluster: say --namespace") from error
