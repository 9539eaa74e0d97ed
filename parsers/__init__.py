"""One module a format: bytes in, records out. No analysis, and no I/O beyond the file that is read."""
