"""What a typed refusal is: vSphere's name, fields for programs, one sentence for people. `domain.faults` has them all.

A fault's `template` is an English %-format over its fields, marked for translation; pages translate the template and
then fill in the fields. `sentence` is the filled English text.
"""

from __future__ import annotations

from typing import Any, ClassVar

from domain.text import _

REGISTRY: dict[str, type[MethodFault]] = {}


class MethodFault(Exception):
    """Base of all faults; keyword arguments are the fields of the vSphere type of the same name."""

    template: ClassVar[str] = _("The operation failed.")

    def __init__(self, **fields: Any) -> None:
        super().__init__()
        self.fields = fields

    def __init_subclass__(cls) -> None:
        REGISTRY[cls.__name__] = cls

    @property
    def name(self) -> str:
        return type(self).__name__

    @property
    def sentence(self) -> str:
        return fill(self.template, self.fields)

    def __str__(self) -> str:
        return f"{self.name}: {self.sentence}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MethodFault) and self.name == other.name and self.fields == other.fields

    def __hash__(self) -> int:
        return hash((self.name, repr(sorted(self.fields.items()))))

    def to_dict(self) -> dict[str, Any]:
        """JSON form: `{"fault": name, "fields": {...}}`."""
        return {"fault": self.name, "fields": self.fields}


class _Blank(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"


def fill(template: str, fields: dict[str, Any]) -> str:
    """Fill a %-template; a field that is not known reads "?", so that an old record never breaks a page."""
    return template % _Blank(fields)
