"""What people and programs may ask for: each service checks, writes one short transaction, and returns a Task."""
