"""Adversarial attacks behind one interface."""
