"""Benchmarks that start processes of the product; each has a command `manage.py bench_…`."""
