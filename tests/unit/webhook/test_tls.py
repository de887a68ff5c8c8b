"""Certificates on disk, and which of them a handshake meets: in memory, without a socket."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.core.errors import MalformedDocument
from controller.webhook.tls import CertificateFiles, ServingCertificate, load_certificate
from tests.support.pki import Authority, Identity

HOST = "navicert.svc"
AUTHORITY = Authority("handshakes")


class Served:
    """Files on disk, the certificate that is served from them, and all that was told of it."""

    def __init__(self, folder: Path, *, client_ca: Path | None = None) -> None:
        self.folder = folder
        self.write(AUTHORITY.server(HOST))
        self.files = CertificateFiles(certificate=folder / "tls.crt", key=folder / "tls.key", client_ca=client_ca)
        self.results: list[str] = []
        self.expiries: list[datetime] = []
        self.now = datetime.now(UTC)
        self.serving = ServingCertificate(
            self.files, now=lambda: self.now, shown=self.expiries.append, counted=self.results.append
        )

    def write(self, identity: Identity) -> None:
        identity.write(self.folder, "tls")

    def serial(self, *, name: str | None = HOST, client: ssl.SSLContext | None = None) -> str:
        """The serial number of the certificate that a new connection meets."""
        trusting = client or ssl.create_default_context(cadata=AUTHORITY.certificate.decode())
        trusting.check_hostname = name is not None
        peer = shake_hands(self.serving.context, trusting, name)
        certificate = peer.getpeercert()
        assert certificate is not None
        return str(certificate["serialNumber"])


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str | None) -> ssl.SSLObject:
    """Both ends of a handshake; raises SSLError when one refuses."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(down, up, server_hostname=name)
    answering = server.wrap_bio(up, down, server_side=True)
    for _ in range(4):
        for end in (asking, answering):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    answering.do_handshake()
    return asking


@pytest.fixture
def served(tmp_path: Path) -> Served:
    return Served(tmp_path)


@pytest.mark.case("SVC-004")
@pytest.mark.parametrize("name", [HOST, None], ids=["SNI", "no SNI"])
async def test_new_connections_meet_a_new_certificate_and_the_first_did_not(served: Served, name: str | None) -> None:
    before = served.serial(name=name)
    served.write(AUTHORITY.server(HOST))
    assert served.serial(name=name) == before
    await served.serving.refresh()
    after = served.serial(name=name)
    assert after != before
    assert served.results == ["live"]
    assert len(served.expiries) == 2


@pytest.mark.case("SVC-005")
@pytest.mark.parametrize("defect", ["mismatched", "expired", "future", "cut", "empty", "gone"])
async def test_a_pair_that_does_not_hold_is_never_taken_live(
    served: Served, defect: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = served.serial()
    other = AUTHORITY.server(HOST)
    defects: dict[str, Callable[[], object]] = {
        "mismatched": lambda: served.files.key.write_bytes(other.key),
        "expired": lambda: served.write(AUTHORITY.server(HOST, lifetime=timedelta(seconds=-1))),
        "future": lambda: served.write(other),
        "cut": lambda: served.files.certificate.write_bytes(other.certificate[:-80]),
        "empty": lambda: served.files.certificate.write_bytes(b""),
        "gone": served.files.certificate.unlink,
    }
    defects[defect]()
    if defect == "future":
        served.now -= timedelta(days=1)
    await served.serving.refresh()
    await served.serving.refresh()
    assert served.serial() == before
    assert served.results == ["refused", "refused"]
    assert [record.message for record in caplog.records] == ["certificate on disk not taken live"]
    served.now = datetime.now(UTC)
    served.write(AUTHORITY.server(HOST))
    await served.serving.refresh()
    assert served.serial() != before
    assert served.results[-1] == "live"


async def test_files_that_did_not_change_are_not_loaded_again(served: Served) -> None:
    await served.serving.refresh()
    assert served.results == []


def test_a_pair_that_does_not_hold_stops_the_start(tmp_path: Path) -> None:
    AUTHORITY.server(HOST, lifetime=timedelta(seconds=-1)).write(tmp_path, "tls")
    files = CertificateFiles(certificate=tmp_path / "tls.crt", key=tmp_path / "tls.key")
    with pytest.raises(MalformedDocument, match="not now"):
        load_certificate(files, now=datetime.now(UTC))


class Clients:
    """Authorities of clients, one after the other in one file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "clients.crt"
        self.folder = folder

    def trust(self, authority: Authority) -> None:
        self.file.write_bytes(authority.certificate)

    def context(self, authority: Authority) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=AUTHORITY.certificate.decode())
        context.load_cert_chain(*authority.client("apiserver").write(self.folder, "client"))
        return context


async def test_a_client_must_show_a_certificate_of_the_authority_that_is_on_disk_now(tmp_path: Path) -> None:
    first, second, clients = Authority("first"), Authority("second"), Clients(tmp_path)
    clients.trust(first)
    served = Served(tmp_path, client_ca=clients.file)
    assert served.serial(client=clients.context(first))
    for refused in (None, clients.context(second)):
        with pytest.raises(ssl.SSLError):
            served.serial(client=refused)
    clients.trust(second)
    await served.serving.refresh()
    assert served.serial(client=clients.context(second))
    with pytest.raises(ssl.SSLError):
        served.serial(client=clients.context(first))
