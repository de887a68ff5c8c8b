"""A private Sigstore of the real servers on 127.0.0.1: Fulcio, CT log, Rekor v2 and v1, timestamp authority, issuer.

Only one can run at a time on a machine: the timestamp authority serves metrics on a fixed port and ends when that is
taken. A lock makes the others wait, so run it briefly: sign what the tests need, and stop it. Rekor v1 wants the same
port and lives without it, so it starts last.

Names in the trusted root are names only; nothing dials them. Rekor v2's checkpoint origin is the host of its URL there;
Rekor v1 is not told its name, as usual, and signs its checkpoints as the machine it runs on.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Self

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tests.support.chains import Chain, fulcio_chain, timestamping_chain
from tests.support.issuer import Issuer, fulcio_configuration
from tests.support.pki import new_key
from tests.support.processes import Process, free_port
from tests.support.registries import Cosign
from tests.support.tools import binary

ADDRESS = "127.0.0.1"
PASSWORD = "x"  # the servers insist on one
ORIGIN = "rekor.sigstore.test"
PRIVATE_FORMAT = serialization.PrivateFormat


class Keys:
    """The keys and certificates of one Sigstore, as files in `folder`; no server is needed for a trusted root."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.fulcio = self._chain(fulcio_chain("fulcio"), "fulcio")
        self.timestamps = self._chain(timestamping_chain("timestamps"), "timestamps")
        self.rekor = self._pair("rekor", ed25519.Ed25519PrivateKey.generate())
        self.rekor_v1 = self._pair("rekor-v1", new_key())
        # The CT log reads nothing but the old encrypted form.
        encrypted = serialization.BestAvailableEncryption(PASSWORD.encode())
        self.ct_log = self._pair("ct-log", new_key(), PRIVATE_FORMAT.TraditionalOpenSSL, encrypted)
        self.start = datetime.now(UTC) - timedelta(minutes=4)

    def trusted_root(self, cosign: Cosign) -> bytes:
        """trusted_root.json as the real cosign writes it."""
        start = f"start-time={self.start:%Y-%m-%dT%H:%M:%SZ}"
        path = self.folder / "trusted_root.json"
        cosign.run(
            "trusted-root",
            "create",
            f"--fulcio=url=https://fulcio.sigstore.test,certificate-chain={self.fulcio[0]},{start}",
            f"--tsa=url=https://timestamps.sigstore.test,certificate-chain={self.timestamps[0]},{start}",
            f"--rekor=url=https://{ORIGIN},public-key={self.rekor[1]},{start},origin={ORIGIN}",
            f"--rekor=url=https://rekor-v1.sigstore.test,public-key={self.rekor_v1[1]},{start}",
            f"--ctfe=url=https://ct.sigstore.test/log,public-key={self.ct_log[1]},{start}",
            "--out",
            path,
        )
        return path.read_bytes()

    def _chain(self, chain: Chain, name: str) -> tuple[Path, Path, Path]:
        return chain.write(self.folder, name)

    def _pair(
        self,
        name: str,
        key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
        form: serialization.PrivateFormat = PRIVATE_FORMAT.PKCS8,
        encryption: serialization.KeySerializationEncryption | None = None,
    ) -> tuple[Path, Path]:
        """Writes a key pair and returns the paths of the private and the public half."""
        private, public = self.folder / f"{name}.key", self.folder / f"{name}.pub"
        encryption = encryption or serialization.NoEncryption()
        private.touch(mode=0o600)
        private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, encryption))
        pem, spki = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        public.write_bytes(key.public_key().public_bytes(pem, spki))
        return private, public


@dataclass(frozen=True, kw_only=True)
class Services:
    """Where a signer finds the servers. `bare_fulcio` issues under the same authority, and knows no CT log."""

    fulcio: str
    bare_fulcio: str
    rekor: str
    rekor_v1: str
    timestamps: str


class Sigstore:
    """Starts everything, and stops it all again. What it holds is the folder given; see the module for the lock."""

    def __init__(self, folder: Path) -> None:
        self.keys = Keys(folder)
        self._folder = folder
        self._running = ExitStack()
        try:
            self._lock()
            self.issuer = self._running.enter_context(Issuer(folder))
            self.services = self._start()
        except BaseException:
            self._running.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def _lock(self) -> None:
        path = Path(tempfile.gettempdir()) / f"navicert-sigstore-{os.getuid()}.lock"
        fcntl.flock(self._running.enter_context(path.open("w")), fcntl.LOCK_EX)

    def _start(self) -> Services:
        timestamps = self._start_timestamps()
        rekor = self._start_rekor()
        trillian, (ct_tree, rekor_tree) = self._start_trillian()
        ct_log = self._start_ct_log(trillian, ct_tree)
        with_log = [f"--ct-log-url={ct_log}", f"--ct-log-public-key-path={self.keys.ct_log[1]}"]
        return Services(
            timestamps=timestamps,
            rekor=rekor,
            rekor_v1=self._start_rekor_v1(trillian, rekor_tree),
            fulcio=self._start_fulcio("fulcio", with_log),
            bare_fulcio=self._start_fulcio("bare-fulcio", ["--ct-log-url="]),
        )

    def _run(
        self, name: str, *arguments: str | Path, ready: Callable[[Process], bool], log: str = "", **env: str
    ) -> Process:
        command = [binary(name), *arguments]
        # The servers read settings from the environment, so they get none of ours.
        settings = {"PATH": os.defpath, "HOME": str(self._folder), "NO_PROXY": ADDRESS, **env}
        path = self._folder / f"{log or name}.log"
        process = self._running.enter_context(Process(command, log=path, env=settings, cwd=self._folder))
        process.wait_ready(lambda: ready(process))
        return process

    def _start_timestamps(self) -> str:
        port = free_port()
        chain, _, key = self.keys.timestamps
        self._run(
            "timestamp-authority",
            "serve",
            *_flags(host=ADDRESS, port=port, timestamp_signer="file", file_signer_key_path=key),
            *_flags(file_signer_passwd=PASSWORD, certificate_chain_path=chain),
            "--disable-ntp-monitoring",
            ready=_answers(port, "/ping"),
        )
        return f"http://{ADDRESS}:{port}/api/v1/timestamp"

    def _start_rekor(self) -> str:
        """The defaults make each signature wait ten seconds for a checkpoint; these are the least it allows."""
        port = free_port()
        storage = self._folder / "rekor"
        storage.mkdir()
        self._run(
            "rekor-tiles",
            "serve",
            *_flags(http_address=ADDRESS, http_port=port, grpc_address=ADDRESS, grpc_port=free_port()),
            *_flags(http_metrics_port=free_port(), hostname=ORIGIN, storage_dir=storage),
            *_flags(signer_filepath=self.keys.rekor[0], checkpoint_interval="100ms", batch_max_age="20ms"),
            ready=_answers(port, "/healthz"),
        )
        return f"http://{ADDRESS}:{port}"

    def _start_trillian(self) -> tuple[str, list[str]]:
        process = self._run("trillmem", "--trees=2", ready=lambda process: "\n" in process.output())
        _, address, *trees = process.output().splitlines()[0].split()
        return address, trees

    def _start_ct_log(self, trillian: str, tree: str) -> str:
        port = free_port()
        key = (
            f'{{ [type.googleapis.com/keyspb.PEMKeyFile] {{ path: "{self.keys.ct_log[0]}" password: "{PASSWORD}" }} }}'
        )
        config = self._folder / "ct.cfg"
        config.write_text(
            f'config {{ log_id: {tree} prefix: "log" roots_pem_file: "{self.keys.fulcio[1]}" private_key: {key}'
            ' ext_key_usages: "CodeSigning" max_merge_delay_sec: 86400 expected_merge_delay_sec: 60 }'
        )
        http = f"{ADDRESS}:{port}"
        self._run(
            "ctfe",
            f"--log_config={config}",
            f"--log_rpc_server={trillian}",
            f"--http_endpoint={http}",
            "--logtostderr",
            ready=_answers(port, "/log/ct/v1/get-roots"),
        )
        return f"http://{http}/log"

    def _start_rekor_v1(self, trillian: str, tree: str) -> str:
        port = free_port()
        host, _, rpc_port = trillian.partition(":")
        endpoints = "getLogInfo,getPublicKey,getLogProof,createLogEntry,getLogEntryByIndex,getLogEntryByUUID"
        self._run(
            "rekor",
            "serve",
            *_flags(host=ADDRESS, port=port),
            f"--enabled_api_endpoints={endpoints},searchLogQuery",
            f"--trillian_log_server.address={host}",
            f"--trillian_log_server.port={rpc_port}",
            f"--trillian_log_server.tlog_id={tree}",
            f"--rekor_server.signer={self.keys.rekor_v1[0]}",
            ready=_answers(port, "/api/v1/log"),
        )
        return f"http://{ADDRESS}:{port}"

    def _start_fulcio(self, name: str, ct_log: list[str]) -> str:
        """Fulcio discovers its issuers as it starts, through the issuer's tunnel and trusting its authority alone."""
        port = free_port()
        config, authority = self._folder / "fulcio.yaml", self._folder / "issuer-authority.pem"
        config.write_text(yaml.safe_dump(fulcio_configuration()))
        authority.write_bytes(self.issuer.authority)
        chain, _, key = self.keys.fulcio
        self._run(
            "fulcio",
            "serve",
            *_flags(host=ADDRESS, port=port, grpc_host=ADDRESS, grpc_port=free_port(), metrics_port=free_port()),
            *_flags(legacy_unix_domain_socket=self._folder / f"{name}.sock", config_path=config, ca="fileca"),
            *_flags(fileca_cert=chain, fileca_key=key, fileca_key_passwd=PASSWORD, fileca_watch="false"),
            *ct_log,
            ready=_answers(port, "/healthz"),
            log=name,
            HTTPS_PROXY=self.issuer.proxy,
            SSL_CERT_FILE=str(authority),
        )
        return f"http://{ADDRESS}:{port}"


def _flags(**values: object) -> list[str]:
    return [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]


def _answers(port: int, path: str) -> Callable[[Process], bool]:
    return partial(_answered, f"http://{ADDRESS}:{port}{path}")


def _answered(url: str, _: Process) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
