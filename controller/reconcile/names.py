"""What the operator's objects are called, and where they are: everything follows from namespace and name."""

from dataclasses import dataclass
from urllib.parse import quote

from controller.kube.lease import LeaseName
from controller.kube.owner import Owner

_ADMISSION = "/apis/admissionregistration.k8s.io/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Navicert's own namespace, the name that its objects in the cluster start with, and whom those in it go with."""

    namespace: str
    name: str
    owner: Owner | None = None

    @property
    def lease(self) -> LeaseName:
        """The Lease that operators elect their leader by."""
        return LeaseName(namespace=self.namespace, name=self.name, owner=self.owner)

    @property
    def authority_secret(self) -> str:
        """The Secret with the key of the authority. No pod mounts it."""
        return f"{self.name}-authority"

    @property
    def serving_secret(self) -> str:
        """The Secret that webhook replicas mount."""
        return f"{self.name}-tls"

    @property
    def secrets(self) -> str:
        """The path of Secrets in this namespace."""
        return f"/api/v1/namespaces/{quote(self.namespace, safe='')}/secrets"

    @property
    def config_maps(self) -> str:
        """The path of ConfigMaps in this namespace."""
        return f"/api/v1/namespaces/{quote(self.namespace, safe='')}/configmaps"

    @property
    def endpoint_slices(self) -> str:
        """The path of EndpointSlices in this namespace."""
        return f"/apis/discovery.k8s.io/v1/namespaces/{quote(self.namespace, safe='')}/endpointslices"

    @property
    def validating(self) -> str:
        """The path of the ValidatingWebhookConfiguration."""
        return f"{_ADMISSION}/validatingwebhookconfigurations/{quote(self.name, safe='')}"

    @property
    def mutating(self) -> str:
        """The path of the MutatingWebhookConfiguration."""
        return f"{_ADMISSION}/mutatingwebhookconfigurations/{quote(self.name, safe='')}"

    @property
    def dns_names(self) -> tuple[str, ...]:
        """What the API server, and anybody in the cluster, calls the webhook's Service."""
        inside = f"{self.name}.{self.namespace}.svc"
        return (inside, f"{self.name}.{self.namespace}", f"{inside}.cluster.local")
