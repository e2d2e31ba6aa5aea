"""Makes the README's pictures from a finished run of the embedded suite.

bench run && python docs/images/make.py bench-runs/digits
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
SIDE_BY_SIDE = ("digits-linf-adversarial", "digits-standard-seed0")
WIDTH_PX = 1400


def main(run: Path) -> None:
    """Put two galleries beside each other; take the other pictures as they are."""
    pages = [Image.open(run / "pictures" / f"gallery-{name}.png") for name in SIDE_BY_SIDE]
    whole = Image.new("RGB", (sum(p.width for p in pages), max(p.height for p in pages)), "white")
    left = 0
    for page in pages:
        whole.paste(page.convert("RGB"), (left, 0))
        left += page.width
    height = round(whole.height * WIDTH_PX / whole.width)
    small = whole.resize((WIDTH_PX, height), Image.Resampling.LANCZOS)
    small.quantize(256).save(HERE / "gallery.png", optimize=True)
    for name in ("alignment-robustness", "recognition-curves"):
        shutil.copyfile(run / "pictures" / f"{name}.png", HERE / f"{name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
