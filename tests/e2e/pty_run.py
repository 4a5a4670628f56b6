#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Run a command on a terminal of its own, as if somebody sat there.

    pty_run.py KEYS COMMAND...

What the terminal shows goes to stdout. What is written into the fifo KEYS is typed there: byte 3 is
Ctrl-C, and goes to all that is in the terminal's foreground. SIGUSR1 closes the terminal. This ends when
nobody has the terminal any more, with the command's status as a shell has it.
"""

import os
import pty
import select
import signal
import sys
import termios


def become(command):
    # As from a shell that somebody types into: what starts this may have jobs ignore some.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    # Ctrl-C would have the terminal throw away what it was given to show and was not yet read from it.
    modes = termios.tcgetattr(0)
    modes[3] |= termios.NOFLSH
    termios.tcsetattr(0, termios.TCSANOW, modes)
    os.execvp(command[0], command)


def show(terminal):
    """@return whether there may be more"""
    try:
        data = os.read(terminal, 65536)
    except OSError:  # EIO: nobody has it open
        return False
    while data:
        data = data[os.write(1, data):]
    return True


def main(keys, *command):
    typed = os.open(keys, os.O_RDWR)  # so that it has no end
    close, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGUSR1, lambda number, frame: None)
    child, terminal = pty.fork()
    if child == 0:
        try:
            become(command)
        finally:
            os._exit(127)
    ready = []
    while close not in ready:
        ready = select.select([terminal, typed, close], [], [])[0]
        if typed in ready:
            os.write(terminal, os.read(typed, 1024))
        if terminal in ready and not show(terminal):
            break
    os.close(terminal)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
