"""A worker process of a batch, which grades files in place. `python -m koa_worker.batch.child FD PARENT`."""

from __future__ import annotations

import os
import sys
from multiprocessing.connection import Connection

from koa_worker.system import garbage
from koa_worker.workers.child import stay_with


def main() -> None:
    stay_with(int(sys.argv[2]))
    garbage.begin_loading()  # until `settle_in`
    from koa_worker.batch.grade_entry import serve  # noqa: PLC0415

    os.umask(0o077)
    serve(Connection(int(sys.argv[1])))


if __name__ == "__main__":
    main()
