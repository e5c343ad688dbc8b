"""Runs a command in a terminal that has so many columns: in-a-terminal.py COLUMNS COMMAND [ARGUMENT ...]

What comes on standard input is typed there.
"""
import fcntl
import os
import pty
import select
import struct
import sys
import termios

columns, command = int(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 50 if columns else 0, columns, 0, 0))
    os.execvp(command[0], command)
typing = [0]
while True:
    ready, _, _ = select.select([terminal, *typing], [], [])
    if 0 in ready:
        typed = os.read(0, 4096)
        if typed:
            os.write(terminal, typed)
        else:
            typing = []
    if terminal not in ready:
        continue
    try:
        shown = os.read(terminal, 65536)
    except OSError:  # how Linux says that nobody has the terminal open any more
        break
    if not shown:
        break
    os.write(1, shown)
_, status = os.waitpid(pid, 0)
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
