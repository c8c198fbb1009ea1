"""What people and DRS may ask for: migrations, maintenance, standby, rules, cycles."""
