"""Checkpoints: a whole lab (rows, fleet, figures) in one file, and the way back to it.

`archive` is the file, `rows` the tables, `capture` everything together, `services` what people may ask for.
"""
