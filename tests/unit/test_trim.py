"""Clarity's sheet without what no page uses: nothing that may match is left out."""

from __future__ import annotations

import re

from vsphere_web.bootstrap import BASE_DIR
from vsphere_web.frontend import PACKAGES, VENDOR, ensure, trim, vendor

SHEET = (
    '@charset "UTF-8";html{margin:0}:root{--a:1px}.card,.card .wizard{a:b}.wizard{c:d}'
    "@media print{.wizard{e:f}.card{g:h}}@media screen{.wizard{i:j}}@keyframes spin{0%{k:l}to{m:n}}"
    ".label-green{o:p}.card:not(.wizard){q:r}.card:is(.a,.wizard){s:t}[class*=wizard]{u:v}.w\\:full{w:x}"
)


def test_rules_stay_where_the_project_may_match_them() -> None:
    words = trim.Words(['<p class="card label-{{ colour }}">'])
    assert trim.trimmed(SHEET, words) == (
        '@charset "UTF-8";html{margin:0}:root{--a:1px}.card{a:b}'
        "@media print{.card{g:h}}@keyframes spin{0%{k:l}to{m:n}}"
        ".label-green{o:p}.card:not(.wizard){q:r}.card:is(.a,.wizard){s:t}[class*=wizard]{u:v}.w\\:full{w:x}"
    )


def test_trimming_again_changes_nothing_and_a_known_word_brings_rules_back() -> None:
    words = trim.Words(["card", "wizard"])
    once = trim.trimmed(SHEET, trim.Words(["card"]))
    assert trim.trimmed(once, trim.Words(["card"])) == once
    assert ".wizard{c:d}" in trim.trimmed(SHEET, words)


def test_every_class_that_a_page_writes_and_clarity_styles_is_still_styled() -> None:
    ensure()
    sheet = (PACKAGES / vendor.CLARITY).read_text()
    original, alone = trim.classes_of(sheet), set(re.findall(r"[},]\.([\w-]+)(?=[{,:])", sheet))
    served = trim.classes_of((VENDOR / "clr-ui" / vendor.CLARITY.name).read_text())
    attribute = re.compile(r'class="([^"]*)"')
    written = {
        word
        for page in (BASE_DIR / "templates").rglob("*.html")
        for value in attribute.findall(page.read_text())
        for word in re.findall(r"(?<![\w{%-])[A-Za-z][\w-]*(?![\w{-])", value)
    }
    used = written & alone
    assert len(used) > 10
    assert used <= served
    assert len(served) < len(original) / 2
