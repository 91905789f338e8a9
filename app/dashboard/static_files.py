"""The files of the web client, compressed once, under an address that names their content.

All files have the same digest in their address. The modules import one another by relative paths,
so a page loads modules of one release only.
"""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
MEDIA_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".ftl": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class StaticFile:
    """A file of the folder ``static``."""

    media_type: str
    content: bytes
    compressed: bytes


@cache
def read_static_files() -> dict[str, StaticFile]:
    """Return the files by their paths below ``static``."""
    paths = (path for path in sorted(FOLDER.rglob("*")) if path.suffix in MEDIA_TYPES)
    return {path.relative_to(FOLDER).as_posix(): read_file(path) for path in paths}


def read_file(path: Path) -> StaticFile:
    """Read and compress the file at ``path``."""
    content = path.read_bytes()
    compressed = gzip.compress(content, mtime=0)
    return StaticFile(MEDIA_TYPES[path.suffix], content, compressed)


@cache
def static_digest() -> str:
    """Return the digest of all files and their paths."""
    digest = hashlib.sha256()
    for path, file in read_static_files().items():
        digest.update(f"{path}\0{len(file.content)}\0".encode())
        digest.update(file.content)
    return digest.hexdigest()[:16]
