"""The composition root: settings, addresses, processes. It has no rules of its own.

No library is imported here, because manage.py reads this package before any is installed.
"""

import os

# One thread per process: matrices are small, and threads that wait for each other's parts would take the cores from the
# other processes. Read when numpy is imported, which comes after this.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
