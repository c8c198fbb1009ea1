"""Tags with categories, and custom attributes."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class TagCategory(models.Model):
    vcenter = models.ForeignKey("inventory.VCenter", on_delete=models.CASCADE, related_name="tag_categories")
    name = models.CharField(_("name"), max_length=80)
    description = models.CharField(_("description"), max_length=255, blank=True, default="")
    multiple = models.BooleanField(_("many tags per object"), default=True)
    kinds = models.JSONField(_("object types"), default=list, blank=True)  # [] = all

    class Meta:
        verbose_name = _("tag category")
        verbose_name_plural = _("tag categories")
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("vcenter", "name"), name="category_name"),)

    def __str__(self) -> str:
        return self.name


class Tag(models.Model):
    category = models.ForeignKey(TagCategory, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(_("name"), max_length=80)
    description = models.CharField(_("description"), max_length=255, blank=True, default="")

    class Meta:
        verbose_name = _("tag")
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("category", "name"), name="tag_name"),)

    def __str__(self) -> str:
        return self.name


class TagAssignment(models.Model):
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="assignments")
    vcenter = models.ForeignKey("inventory.VCenter", on_delete=models.CASCADE, related_name="+")
    entity = models.CharField(max_length=24)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("tag", "entity"), name="tag_once"),)
        indexes = (models.Index(fields=("vcenter", "entity")),)

    def __str__(self) -> str:
        return f"{self.tag_id}:{self.entity}"


class CustomAttribute(models.Model):
    vcenter = models.ForeignKey("inventory.VCenter", on_delete=models.CASCADE, related_name="custom_attributes")
    name = models.CharField(_("name"), max_length=80)
    kind = models.CharField(_("object type"), max_length=32, blank=True, default="")  # "" = all

    class Meta:
        verbose_name = _("custom attribute")
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("vcenter", "name"), name="attribute_name"),)

    def __str__(self) -> str:
        return self.name


class CustomValue(models.Model):
    attribute = models.ForeignKey(CustomAttribute, on_delete=models.CASCADE, related_name="values")
    vcenter = models.ForeignKey("inventory.VCenter", on_delete=models.CASCADE, related_name="+")
    entity = models.CharField(max_length=24)
    value = models.CharField(max_length=255, blank=True, default="")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("attribute", "entity"), name="value_once"),)
        indexes = (models.Index(fields=("vcenter", "entity")),)

    def __str__(self) -> str:
        return self.value
