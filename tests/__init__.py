"""The suite; shared helpers lie here, tests in the folders below."""
