"""What the pages say to run in a cluster, run on a real API server with the real helm and kubectl, block by block.

No pod runs here, so helm is told to leave out its Job, and what needs pods is run in tests/e2e.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chart.foreignkinds import install_foreign_kinds
from tests.support import pki
from tests.support.chart import CHART, filled_in
from tests.support.controlplane import Client, ControlPlane
from tests.support.pages import Block, blocks, marked
from tests.support.plainyaml import read_yaml
from tests.support.reader import Reader
from tests.support.tools import Kubectl

pytestmark = pytest.mark.slow
HOME = "navicert-system"
VALIDATING = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/navicert"
KIND = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/slsaexceptions.navicert.dev"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{HOME}/deployments"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{HOME}/leases/navicert"
IMAGE = "registry.example/navicert:dev"
TROUBLE = Path(__file__).resolve().parents[2] / "docs" / "troubleshooting.md"
(INSTALL,) = marked("helm", "quick-start.md")
UPGRADES = [block for block in blocks() if block.mark == "helm" and block.text.startswith("helm upgrade navicert ")]
(ROLLBACK, KINDS) = marked("cluster", "operations.md")
RUNBOOKS = [block for block in blocks() if block.mark == "cluster" and block.page.parent.name == "runbooks"]


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Started with the configuration that the page shows."""
    (shown,) = marked("apiserver", "operations.md")
    folder = tmp_path_factory.mktemp("pages")
    kubeconfig, admission = folder / "webhooks.kubeconfig", folder / "admission.yaml"
    kubeconfig.write_text("{apiVersion: v1, kind: Config, users: [{name: '*', user: {}}]}")
    admission.write_text(shown.text.replace("/etc/kubernetes/webhooks.kubeconfig", str(kubeconfig)))
    with ControlPlane(folder / "plane", admission_control_config_file=admission) as running:
        install_foreign_kinds(running.client())
        yield running


@pytest.fixture(scope="module")
def client(plane: ControlPlane) -> Client:
    return plane.client()


@pytest.fixture(scope="module")
def kubectl(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    home = tmp_path_factory.mktemp("home")
    (home / ".kube").mkdir()
    (home / ".kube" / "config").symlink_to(plane.admin_kubeconfig)
    return Kubectl(home, plane.admin_kubeconfig)


@pytest.fixture(scope="module")
def reader(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    clone = tmp_path_factory.mktemp("clone")
    (clone / "webhook-clients.pem").write_bytes(pki.Authority("clients").certificate)
    return Reader(clone, kubectl, instead={"NAME": "starter"}, jobs=False)


def test_an_installation_without_its_image_fails_as_the_page_says(kubectl: Kubectl, tmp_path: Path) -> None:
    """Nothing pulls images here, so the Job waits for ever."""
    hurried = Reader(
        tmp_path, kubectl, instead={"upgrade --install": "install", " \\\n  --set": " --timeout 10s #"}, jobs=True
    )
    told = [words(hurried.paste(INSTALL.text).stderr) for _ in range(2)]
    assert shown_under("Job/navicert-kinds not ready") in told[0]
    assert shown_under("cannot reuse a name that is still in use") in told[1]
    listing, naming = marked("cluster", TROUBLE.name)[0].text.splitlines()
    assert hurried.paste(listing).returncode == 0
    assert hurried.paste(naming).stdout.startswith("ghcr.io/navicert/navicert:")


def test_the_block_of_the_quick_start_goes_on_from_there(client: Client, reader: Reader) -> None:
    reader.follow(INSTALL)
    assert image(client) == IMAGE


@pytest.mark.parametrize("block", UPGRADES, ids=lambda block: block.where)
def test_an_upgrade_keeps_what_was_said_before(block: Block, client: Client, reader: Reader) -> None:
    reader.follow(block)
    assert image(client) == IMAGE


def test_a_rollback_takes_the_last_of_them_back(client: Client, reader: Reader) -> None:
    assert "--pod-pull-secrets" in str(client.get(f"{DEPLOYMENTS}/navicert-webhook")[1]["spec"])
    reader.follow(ROLLBACK)
    assert "--pod-pull-secrets" not in str(client.get(f"{DEPLOYMENTS}/navicert-webhook")[1]["spec"])


def test_kinds_are_brought_up_to_date_where_applying_them_conflicts(client: Client, reader: Reader) -> None:
    document = read_yaml((CHART / "crds" / "navicert.dev_slsaexceptions.yaml").read_text())
    names = document["spec"]["names"]
    older = document | {"spec": document["spec"] | {"names": names | {"shortNames": ["older"]}}}
    assert client.apply(KIND, older, manager="navicert")[0] == 200
    assert "conflict" in reader.paste("kubectl apply --server-side -f charts/navicert/crds").stderr
    reader.follow(KINDS)
    assert client.get(KIND)[1]["spec"]["names"]["shortNames"] == names["shortNames"]


@pytest.mark.parametrize("block", RUNBOOKS, ids=lambda block: block.where)
def test_what_a_runbook_says_to_run_runs(block: Block, client: Client, reader: Reader) -> None:
    authority = pki.Authority("serving")
    served = {"tls.crt": authority.certificate.decode(), "tls.key": "", "ca.crt": ""}
    secret = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "stringData": served}
    client.apply(f"/api/v1/namespaces/{HOME}/secrets/navicert-tls", secret | {"metadata": {"name": "navicert-tls"}})
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "navicert"}}
    client.apply(LEASE, lease)
    assert client.patch(VALIDATING, {"webhooks": [filled_in()]})[0] == 200
    assert reader.follow(block) != ""


def test_the_gate_is_gone_when_its_runbook_took_it_away(client: Client) -> None:
    """That is the last of the runbooks' blocks, in the order of their names."""
    assert RUNBOOKS[-1].page.stem == "NavicertWebhookDown"
    assert "webhooks" not in client.get(VALIDATING)[1]
    assert client.get(f"{DEPLOYMENTS}/navicert-operator")[1]["spec"]["replicas"] == 0


def image(client: Client) -> str:
    found = client.get(f"{DEPLOYMENTS}/navicert-webhook")[1]["spec"]["template"]["spec"]["containers"]
    return str(found[0]["image"])


def words(text: str) -> str:
    return " ".join(text.split())


def shown_under(heading: str) -> str:
    """The message that stands below this heading."""
    below = TROUBLE.read_text().partition(f"### {heading}\n")[2]
    return words("\n".join(line for line in below.partition("\n###")[0].splitlines() if line.startswith("    ")))
