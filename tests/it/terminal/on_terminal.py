"""Runs a command on a terminal of a given width, and prints what it left as one JSON object.

    on_terminal.py COLUMNS out|err|both COMMAND ARGUMENT...

The streams named are the terminal; the others are pipes.
"""

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import threading


def read_all(descriptor: int, into: list[bytes]) -> None:
    """Reads until nobody can write any more."""
    while True:
        try:
            some = os.read(descriptor, 65536)
        except OSError:  # The last process on the terminal has closed it.
            return
        if not some:
            return
        into.append(some)


def main() -> None:
    columns, streams, *command = sys.argv[1:]
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, int(columns), 0, 0))
    out = slave if streams in {"out", "both"} else subprocess.PIPE
    err = slave if streams in {"err", "both"} else subprocess.PIPE
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
    os.close(slave)
    shown: list[bytes] = []
    reader = threading.Thread(target=read_all, args=(master, shown))
    reader.start()
    stdout, stderr = child.communicate()
    reader.join()
    texts = {"terminal": b"".join(shown), "stdout": stdout or b"", "stderr": stderr or b""}
    left = {name: text.decode("utf-8", "replace") for name, text in texts.items()}
    print(json.dumps({"exit": child.returncode, **left}))


main()
