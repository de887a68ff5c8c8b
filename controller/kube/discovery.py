"""Which kinds an API server lists: kubectl, helm and kopf look for them there and nowhere else.

Kubernetes API, discovery: APIGroupList and APIResourceList of meta/v1.
"""

from controller.kube.client import ApiClient


async def listed(client: ApiClient, group: str, version: str) -> frozenset[str]:
    """The resources of this version by their names in paths, subresources included; none where the group is not listed.

    An API server lists a kind some time after it serves it. Raises ApiServerUnavailable.
    """
    groups = await client.get("/apis") or {}
    if group not in {one.get("name") for one in groups.get("groups") or ()}:
        return frozenset()
    found = await client.get(f"/apis/{group}/{version}") or {}
    return frozenset(str(one.get("name")) for one in found.get("resources") or ())
