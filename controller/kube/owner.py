"""Who this process is to the cluster, so that what it makes goes when it goes.

Kubernetes, "Owners and dependents": the cluster deletes an object once all of its owners are gone.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

Owner = Mapping[str, str]


def token_owner(token: str) -> Owner | None:
    """The ServiceAccount that a bound token was issued to, as an owner reference; None where the token does not say.

    Nothing is verified: it is this process' own token, and names nobody who may do anything by it. A ServiceAccount
    that was made anew under the same name is another one, and tokens of the old one do not write any more.
    """
    try:
        payload = token.strip().split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        account = claims["kubernetes.io"]["serviceaccount"]
        return {"apiVersion": "v1", "kind": "ServiceAccount", "name": account["name"], "uid": account["uid"]}
    except (LookupError, TypeError, ValueError, RecursionError):
        return None


def owned(metadata: Mapping[str, Any], owner: Owner | None) -> dict[str, Any]:
    """This metadata, of an object that goes with the owner where there is one."""
    return {**metadata, **({"ownerReferences": [dict(owner)]} if owner else {})}
