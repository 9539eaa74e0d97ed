"""Jetson boards, and what any machine must have for a measurement to mean something."""
