"""Exercises: lessons as data, checks over the state of a lab, attempts and scores."""
