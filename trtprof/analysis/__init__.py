"""Pure functions, records in and records out: nothing here reads a file, prints or draws."""
