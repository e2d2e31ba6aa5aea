"""Kinds of work: each module plans its tasks and executes one."""
