"""Read-only views of the inventory for scheduling."""
