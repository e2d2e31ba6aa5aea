"""Run directories: content-addressed, atomic, checked. Nothing else touches one."""
