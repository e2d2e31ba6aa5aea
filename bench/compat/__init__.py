"""Doors to optional packages that do not import, or behave, as published; one module a package."""
