"""Fetches one file: resumed, mirrored, checked, never taken for what it is not."""

from __future__ import annotations

import hashlib
import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from filelock import FileLock

from bench.errors import BenchError

CHUNK = 1 << 20
TIMEOUT_S = 60
# How often one address is asked to go on with a body that broke off.
ATTEMPTS = 5
# What servers send instead of a file: error pages, log-in forms, "too large to scan" notices.
PAGE_STARTS = (b"<!doctype", b"<html", b"<?xml")


class Refused(OSError):
    """An answer that is not the file."""


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_name(url: str) -> str:
    """Return the name under which a download is kept: that of the file, and of where it is from."""
    parts = urlsplit(url)
    name = re.sub(r"[^A-Za-z0-9._-]", "_", unquote(parts.path.rsplit("/", 1)[-1])) or "weights"
    return f"{hashlib.sha256(url.encode()).hexdigest()[:8]}-{name}"


def download(urls: Sequence[str], folder: Path, what: str, sha256: str | None = None) -> Path:
    """Return the file at the first of ``urls`` that delivers it, from ``folder`` if it is there.

    A body that breaks off is resumed, also by a later call. Two processes that want the same file
    take turns.

    Parameters
    ----------
    urls
        The address, then its mirrors.
    folder
        Where files are kept.
    what
        Whose file it is, for messages.
    sha256
        Hex digest, or its first digits: another file is refused and the next address asked.

    Raises
    ------
    BenchError
        If no address delivers the file; says what each answered and where to put it by hand.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / file_name(urls[0])
    with FileLock(target.with_name(target.name + ".lock")):
        if target.is_file():
            return target
        failures = []
        for url in urls:
            part = folder / f"{file_name(url)}.part"
            try:
                _fetch_whole(url, part)
                _check(part, sha256)
            except (OSError, http.client.HTTPException, ValueError) as error:
                failures.append(f"{url}: {error}")
                continue
            part.replace(target)
            return target
    raise BenchError(
        f"{what}: its file could not be fetched",
        why="; ".join(failures),
        fix=f"run again to resume; or fetch it yourself and save it as {target}",
    )


def _check(part: Path, sha256: str | None) -> None:
    """Refuse, and forget, a whole file that is a web page or not the published one."""
    with part.open("rb") as file:
        start = file.read(64).lstrip().lower()
    if start.startswith(PAGE_STARTS):
        part.unlink()
        raise Refused("a web page was sent instead of the file")
    if sha256 is not None and not (found := file_sha256(part)).startswith(sha256):
        part.unlink()
        raise Refused(f"not the published file (SHA-256 {found[:12]}..., not {sha256[:12]}...)")


def _fetch_whole(url: str, part: Path) -> None:
    """Fetch to ``part``, going on where an earlier attempt stopped, until nothing is missing."""
    for attempt in range(ATTEMPTS):
        before = _size(part)
        missing = _fetch_some(url, part, before)
        if not missing:
            return
        if _size(part) <= before and attempt:
            break  # no progress: the next mirror
    raise Refused(f"the file broke off {missing} bytes before its end")


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _fetch_some(url: str, part: Path, start: int) -> int:
    """Ask for what follows byte ``start``; return how many bytes are still missing."""
    request = urllib.request.Request(url)
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        with error:
            if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise Refused(f"HTTP {error.code} {error.reason}") from None
            if _total(error.headers.get("Content-Range")) == start:
                return 0
        part.unlink(missing_ok=True)  # longer than the file is: no part of it
        return 1
    with answer:
        if "text/html" in answer.headers.get("Content-Type", ""):
            raise Refused("a web page was sent instead of the file")
        partial = answer.status == HTTPStatus.PARTIAL_CONTENT
        resumed = partial and _first(answer.headers.get("Content-Range")) == start
        with part.open("ab" if resumed else "wb") as file:
            received, broke = _copy(answer, file)
        expected = int(answer.headers.get("Content-Length") or received)
    return max(expected - received, int(broke))


def _copy(answer: http.client.HTTPResponse, file: BinaryIO) -> tuple[int, bool]:
    """Copy what arrives; return how many bytes did, and whether the connection broke."""
    received = 0
    try:
        while chunk := answer.read(CHUNK):
            received += file.write(chunk)
    except (ConnectionError, TimeoutError, http.client.IncompleteRead):
        return received, True  # what arrived is kept, and the rest asked for again
    return received, False


def _first(content_range: str | None) -> int | None:
    """Return the first byte that an answer holds: 100 of ``bytes 100-199/200``."""
    found = re.match(r"bytes (\d+)-", content_range or "")
    return int(found[1]) if found else None


def _total(content_range: str | None) -> int | None:
    """Return how long the whole file is: 200 of ``bytes */200``."""
    found = re.search(r"/(\d+)$", content_range or "")
    return int(found[1]) if found else None
