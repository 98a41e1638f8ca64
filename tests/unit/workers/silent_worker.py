"""A worker process that never gets ready, as on a machine that is too busy to load a model in time."""

import sys
from multiprocessing.connection import Connection

if __name__ == "__main__":
    line = Connection(int(sys.argv[1]))
    line.recv()
    line.poll(None)
