"""A sweep that writes until somebody ends it by force: says on stdout each host whose report was added."""

from __future__ import annotations

import json
import os
import sys

from probe.results.keeping import kept
from probe.results.row import row_of_document


def main(path: str, sample: str, hosts: int) -> None:
    """Go on with ``path`` up to mx0 … of ``hosts`` hosts; the report is that of the file ``sample``."""
    with open(sample, encoding="ascii") as stream:  # noqa: PTH123 -- a process of its own, as plain as can be
        document = json.load(stream)
    with kept(path, resume=True) as results:
        done = set(results.keys())
        for n in range(hosts):
            document["target"]["name"] = name = f"mx{n}.example.com"
            row = row_of_document(document)
            if row.key not in done:
                results.add(row, json.dumps(document) + "\n")
                os.write(1, f"{name}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
