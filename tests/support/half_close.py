"""A Redis client whose last command comes with the end of its stream.

half_close.py PORT SERVER_PID

The server is stopped meanwhile, so that it reads command and end at once; the client reads the reply
only when the server has closed its half, too. Both are what fast and slow machines do at times.
"""

import os
import signal
import socket
import sys
import time


def wait(test):
    deadline = time.monotonic() + 60
    while not test():
        if time.monotonic() > deadline:
            sys.exit("out of time")
        time.sleep(0.002)


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0]


def main():
    port, pid = int(sys.argv[1]), int(sys.argv[2])
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(b"*1\r\n$4\r\nPING\r\n")
    print(client.recv(100))
    os.kill(pid, signal.SIGSTOP)
    try:
        wait(lambda: state_of(pid) == "T")
        client.sendall(b"*2\r\n$4\r\nECHO\r\n$3\r\nend\r\n")
        client.shutdown(socket.SHUT_WR)
    finally:
        os.kill(pid, signal.SIGCONT)
    # TCP_INFO begins with the state: 4 and 5 wait for the other half to close.
    wait(lambda: client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] not in (4, 5))
    print(client.recv(100))


main()
