"""UDP sockets that ask a DNS server, in every way a client can use them.

dns_client.py PORT COUNT SOCKET...   where SOCKET is connected:ADDRESS, unconnected:ADDRESS or
                                     names:ADDRESS (sendto, then recvmsg without room for a name)

Each socket is bound to ADDRESS and asks COUNT times for <its index>-<n>.test, id n. All of them ask
before any reads. Prints the port of each socket, one a line.
"""

import socket
import struct
import sys


def query(name, number):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", number, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)


def main():
    server_port, count = int(sys.argv[1]), int(sys.argv[2])
    sockets = []
    for word in sys.argv[3:]:
        kind, address = word.split(":", 1)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        server = ("::1" if family == socket.AF_INET6 else "127.0.0.1", server_port)
        one = socket.socket(family, socket.SOCK_DGRAM)
        one.settimeout(60)
        one.bind((address, 0))
        if kind == "connected":
            one.connect(server)
        sockets.append((kind, one, server))
    for number in range(count):
        for index, (kind, one, server) in enumerate(sockets):
            message = query(f"{index}-{number}.test", number)
            if kind == "connected":
                one.send(message)
            else:
                one.sendto(message, server)
    for kind, one, _ in sockets:
        for _ in range(count):
            if kind == "unconnected":
                one.recvfrom(512)
            else:
                one.recv(512)
        print(one.getsockname()[1])


main()
