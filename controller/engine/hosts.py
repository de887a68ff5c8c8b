"""Which registry hosts the cluster's own policies vouch for."""

from controller.core.policy import Policy
from controller.engine.policies import Snapshot


def named_hosts(snapshot: Snapshot | None) -> frozenset[str]:
    """The hosts that a sound ClusterSLSAPolicy names literally: those may be at private addresses.

    A tenant's SLSAPolicy opens no door, and neither does a wildcard.
    """
    if snapshot is None:
        return frozenset()
    sound = (policy for policy in snapshot.policies.policies if isinstance(policy, Policy))
    globs = (glob for policy in sound if policy.name.kind == "ClusterSLSAPolicy" for glob in policy.match.images)
    return frozenset(str(glob.host) for glob in globs if not glob.host.wildcards)
