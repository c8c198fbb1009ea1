"""Message catalogues are compiled without the gettext tools."""

import gettext
import os
from pathlib import Path

from vsphere_web.messages import compile_catalogues

CATALOGUE = """msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

msgid "Hosts"
msgstr "호스트"

#, fuzzy
msgid "Guess"
msgstr "추측"
"""


def test_a_catalogue_is_compiled_once_and_again_when_it_changes(tmp_path: Path) -> None:
    po = tmp_path / "ko" / "LC_MESSAGES" / "django.po"
    po.parent.mkdir(parents=True)
    po.write_text(CATALOGUE)
    assert compile_catalogues([tmp_path]) == 1
    assert compile_catalogues([tmp_path]) == 0
    translation = gettext.translation("django", tmp_path, ["ko"])
    assert translation.gettext("Hosts") == "호스트"
    assert translation.gettext("Guess") == "Guess"  # fuzzy entries wait for a person
    po.write_text(CATALOGUE.replace("호스트", "주인"))
    stat = po.with_suffix(".mo").stat()
    os.utime(po, (stat.st_atime, stat.st_mtime + 1))
    assert compile_catalogues([tmp_path]) == 1
    assert not list(tmp_path.rglob("*.draft"))
