#!/usr/bin/env python3
"""embed: writes files as a C table of http/embedded.h to standard output: name, type, ETag and bytes of each.

    embed.py NAME FILE...       defines NAME_files and NAME_file_count, which http/NAME.h declares
"""

import hashlib
import sys
from pathlib import Path

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
BYTES_PER_LINE = 24


def array(number, data):
    rows = (", ".join(map(str, data[at:at + BYTES_PER_LINE])) for at in range(0, len(data), BYTES_PER_LINE))
    return f"static const unsigned char file_{number}[] = {{\n    " + ",\n    ".join(rows) + "\n};\n"


def row(number, path, data):
    etag = hashlib.sha256(data).hexdigest()[:16]
    return f'    {{ "{path.name}", "{TYPES[path.suffix]}", "W/\\"{etag}\\"", file_{number}, sizeof file_{number} }},'


def main():
    table, *paths = sys.argv[1:]
    files = [(number, path, path.read_bytes()) for number, path in enumerate(map(Path, paths))]
    print(f"/* Made by src/http/embed.py from the files in src/http/{table}/; change those, not this. */")
    print(f'#include "http/{table}.h"\n')
    for number, _, data in files:
        print(array(number, data))
    print(f"const struct embedded {table}_files[] = {{")
    print("\n".join(row(*file) for file in files))
    print(f"}};\n\nconst size_t {table}_file_count = sizeof {table}_files / sizeof {table}_files[0];")


if __name__ == "__main__":
    main()
