"""Inventories in and out as text.

`safe` reads files of strangers, `fields` says what is described, `describe` writes the document of a vCenter, `build`
makes a vCenter of one, `compare` tells two apart, `apply` brings a running one closer; `rvtools` reads exported tables.
"""
