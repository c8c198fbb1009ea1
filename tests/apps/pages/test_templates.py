"""What holds for every template: nothing that the Content-Security-Policy would refuse, and a word about itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR) / "templates"
TEMPLATES = sorted(p for p in ROOT.rglob("*.html"))
INLINE = re.compile(
    r"""<style|\sstyle=|\son(?:click|load|error|change|submit|input|toggle|focus|blur|key[a-z]+|mouse[a-z]+)=|javascript:|<script(?![^>]*\ssrc=)"""
)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_inline_style_or_script(path: Path) -> None:
    assert not INLINE.search(path.read_text()), path


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_template_says_what_it_is(path: Path) -> None:
    assert re.search(r"{#.+#}|{% comment %}", path.read_text()[:700]), path
