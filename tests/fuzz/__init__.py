"""Hostile input for every reader: ``make fuzz`` runs long, ``test_readers.py`` runs a short seeded part of the same."""
