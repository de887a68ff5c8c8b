"""CEL for the API server: which updates it need not tell, because they add and change no image.

Labels, finalizers, scaling and status never depend on Navicert. An expression that errs would refuse the request, so
these can't: everything optional is asked for as such, and a null is an empty list. They cost time in proportion to the
containers, not to their square, because the API server refuses what costs too much. They are true of a little more
than need be (two containers that change places), which costs a review and weakens nothing.
"""

POD = "spec"
TEMPLATE = "spec.template.spec"
CRON_JOB = "spec.jobTemplate.spec.template.spec"
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")

SPEC_CHANGED = "request.operation != 'UPDATE' || object.?spec != oldObject.?spec"


def changes_images(place: str) -> str:
    """True unless this is an update after which every slot of the pod spec at `place` names what it did before.

    A slot is an init, app or ephemeral container, or a volume of an image, by its name.
    """
    lists = [*(_slots(place, one) for one in _CONTAINERS), _volumes(place)]
    changed = " || ".join(f"{slots.format('object')} != {slots.format('oldObject')}" for slots in lists)
    return f"request.operation != 'UPDATE' || {changed}"


def _slots(place: str, name: str) -> str:
    return f"{_list(place, name)}.map(c, [c.?name, c.?image])"


def _volumes(place: str) -> str:
    return f"{_list(place, 'volumes')}.filter(v, has(v.image)).map(v, [v.?name, v.?image.?reference])"


def _list(place: str, name: str) -> str:
    """The list of this name, and an empty one where there is none or a null. `{}` is left for whose it is."""
    steps = "".join(f".?{step}" for step in place.split("."))
    return f"optional.ofNonZeroValue({{}}{steps}.?{name}.orValue([])).orValue([])"
