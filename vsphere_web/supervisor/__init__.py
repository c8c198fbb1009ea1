"""One command, one laboratory: starts, watches and ends Valkey, web server, workers and clock of a lab."""
