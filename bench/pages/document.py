"""A whole page in one file: its style and its script are inside."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from bench.pages.markup import Markup, html


def document(title: str, body: Markup, images: str = "data:") -> Markup:
    """Return a page that loads nothing from elsewhere.

    Parameters
    ----------
    images
        Where images may come from: ``data:``, inside the page, or ``'self'``, beside it.
    """
    folder = files("bench.pages")
    style = folder.joinpath("page.css").read_text(encoding="utf-8")
    script = folder.joinpath("page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # nothing is loaded, and no script runs but the page's own, whatever a plugin's text holds
    policy = (
        f"default-src 'none'; img-src {images}; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'"
    )
    return Markup(
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n{body}\n<script>{script}</script>\n</body>\n</html>\n"
    )
