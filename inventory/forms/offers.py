"""Choices of which some cannot be taken now: they are shown greyed, with the reason beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.utils.functional import Promise

from inventory import rights, words


def lacking(user: Any, obj: Any, *privileges: str) -> str:
    """The sentence about the first of these privileges that `user` does not have on `obj`; "" where none is missing."""
    missing = next((one for one in privileges if not rights.has(user, one, obj)), "")
    return words.fault_sentence(rights.refusal(user, missing, obj).to_dict()) if missing else ""


@dataclass(frozen=True)
class Offer:
    """`choices` as (value, text) pairs; `why_not` says of some values why they cannot be taken."""

    choices: list[tuple[str, str | Promise]]
    why_not: Mapping[str, str] = field(default_factory=dict)

    @property
    def first(self) -> str:
        """The first value that can be taken, "" where there is none."""
        return next((value for value, _text in self.choices if value not in self.why_not), "")

    def keeping(self, value: str, text: str) -> Offer:
        """With `value`, which is there already: to leave it as it is needs no right."""
        known = any(value == one for one, _text in self.choices)
        choices = self.choices if known else [(value, text), *self.choices]
        return Offer(choices, {one: why for one, why in self.why_not.items() if one != value})

    def after(self, *more: tuple[str, str | Promise]) -> Offer:
        """With further choices in front."""
        return Offer([*more, *self.choices], self.why_not)


class OfferSelect(forms.Select):
    """A select whose greyed options say why they are."""

    why_not: Mapping[str, str] = {}

    def create_option(self, name: Any, value: Any, label: Any, *args: Any, **more: Any) -> dict[str, Any]:
        option = super().create_option(name, value, label, *args, **more)
        if why := self.why_not.get(str(value)):
            option["label"] = f"{label} – {why}"
            option["attrs"]["disabled"] = True
        return option


class OfferField(forms.ChoiceField):
    """One choice of an offer."""

    widget = OfferSelect

    def __init__(self, *, offer: Offer | None = None, **more: Any) -> None:
        super().__init__(**more)
        self.take(offer or Offer([]))

    def take(self, offer: Offer) -> None:
        self.offer = offer
        self.choices = offer.choices
        self.widget.why_not = offer.why_not

    def validate(self, value: Any) -> None:
        super().validate(value)
        if why := self.offer.why_not.get(str(value)):
            raise forms.ValidationError(why, code="NoPermission")


def offer_of(rows: Iterable[tuple[str, str, str]]) -> Offer:
    """From (value, text, why not), the last "" where it can be taken."""
    rows = list(rows)
    return Offer([(value, text) for value, text, _why in rows], {value: why for value, _text, why in rows if why})
