#!/usr/bin/env python3
"""embed: writes the files it is given as the C table of http/page.h to standard output: name, type, ETag and bytes of each."""

import hashlib
import sys
from pathlib import Path

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
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
    files = [(number, path, path.read_bytes()) for number, path in enumerate(map(Path, sys.argv[1:]))]
    print("/* Made by src/http/page/embed.py from the files beside it; change those, not this. */")
    print('#include "http/page.h"\n')
    for number, _, data in files:
        print(array(number, data))
    print("const struct page_file page_files[] = {")
    print("\n".join(row(*file) for file in files))
    print("};\n\nconst size_t page_file_count = sizeof page_files / sizeof page_files[0];")


if __name__ == "__main__":
    main()
