"""The files of the web client, compressed once, under an address that names their content.

All files have the same digest in their address. The modules import one another by relative paths,
so a page loads modules of one release only. ``bundle`` has the modules and style sheets as
``make bundle`` has put them together; it is served as long as they have not been changed since.
"""

import gzip
import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
BUNDLE = FOLDER / "bundle"
STATIC_IMPORT = re.compile(r'from\s*"\./([\w./-]+)"')
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


@cache
def entry_folder() -> str:
    """Return the path below ``static`` of the ``app.js`` and ``app.css`` to serve."""
    return "bundle/" if is_bundle_current() else ""


@cache
def preloaded_modules(group: str) -> list[str]:
    """Return the paths of what a page of ``group`` imports, to load them at the same time."""
    folder, files = entry_folder(), read_static_files()
    scripts = [f"{folder}app.js", f"{folder}{group}.js"] if folder else ["app.js"]
    imports = [
        f"{folder}{path}"
        for script in scripts
        for path in STATIC_IMPORT.findall(files[script].content.decode())
    ]
    return list(dict.fromkeys([*scripts[1:], *imports]))


def is_bundle_current() -> bool:
    """Whether ``bundle`` was made of the modules and style sheets as they are now."""
    source = BUNDLE / "source.json"
    return source.exists() and json.loads(source.read_text())["sha256"] == source_digest()


def source_digest() -> str:
    """Return the digest of the modules and style sheets outside of ``bundle``."""
    digest = hashlib.sha256()
    for path in sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.[jc]s*")):
        if path.endswith((".js", ".css")) and not path.startswith("bundle/"):
            digest.update(f"{path}\0".encode())
            digest.update((FOLDER / path).read_bytes())
    return digest.hexdigest()
