"""What builds and runs engines: each leaves raw artefacts in a capture directory and interprets none."""
