"""Markdown of lessons: what is meant is drawn, what is hostile is not."""

from __future__ import annotations

import re

import pytest

from classroom.exercises.markdown import render

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "[click](data:text/html;base64,PHNjcmlwdD4=)",
    "[click](vbscript:x)",
    "![picture](https://elsewhere.example/pixel.png)",
    "<iframe src='https://elsewhere.example'></iframe>",
    '<a href="x" onclick="alert(1)">a</a>',
    "<style>body{display:none}</style>",
    "<svg/onload=alert(1)>",
    "[a](<java\nscript:alert(1)>)",
    '[a](https://a.example "x\\" onmouseover=\\"alert(1)")',
    "{host1}",
]
FORBIDDEN = ("<script", "<img", "<iframe", "<style", "<svg", 'href="javascript', 'href="data', 'href="vbscript')


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_becomes_text(text):
    html = render(text, {"host1": "<script>alert(1)</script>**bold** [x](javascript:y)"})
    assert not any(bad in html.lower() for bad in FORBIDDEN), html
    assert not re.search(r"<[^>]*\son\w+=", html), html
    assert "<strong>" not in html


def test_structure_and_names_are_drawn():
    html = render(
        "## Look\n\n1. **Here** `x`\n2. [there](https://a.example)\n\n|a|b|\n|-|-|\n|1|{host1}|", {"host1": "a_b*c"}
    )
    for piece in ("<h2>Look</h2>", "<strong>Here</strong>", "<code>x</code>", "<td>a_b*c</td>", 'rel="noopener'):
        assert piece in html
    assert "{other}" in render("{other}", {"host1": "x"})
