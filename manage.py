#!/usr/bin/env python3
"""Command line of the project; `lab` and `test` also work on a machine that has nothing but Python and pip."""

import os
import sys

from vsphere_web import bootstrap


def main() -> None:
    """Make sure that the libraries are there, then hand over to Django."""
    bootstrap.ensure(sys.argv)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vsphere_web.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
