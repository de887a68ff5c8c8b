"""How one requirement came out, as it is told beside a finding."""

from dataclasses import dataclass

from controller.core.reasons import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementVerdict:
    """How one requirement of a policy came out. `name` is its place in the API below `require`: `sources`,
    `signatures[0]`, `anyOf[1].buildLevel`.

    `outcome` is None where it was not looked at, because the same statement failed at something before it.
    """

    name: str
    outcome: Outcome | None
    detail: str = ""
