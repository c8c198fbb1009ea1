"""Alarms: definitions are evaluated with each beat of a vCenter; see `evaluation` for how, `acting` for what follows.

`on_beat` is the pump's listener. `figures.register` adds a figure that definitions may watch.
"""
