"""What teachers and students may ask for: right, state, one short transaction, an entry of the audit log."""
