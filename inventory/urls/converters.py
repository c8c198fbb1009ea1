"""Parts of an address: a managed object reference such as vm-42."""

from domain.morefs import PATTERN


class MorefConverter:
    regex = PATTERN

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value
