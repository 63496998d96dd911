"""
Short conversations on connections of every kind, between two ends in this process.

In: words, one after the other. tcp:PORT, udp:PORT and unix are conversations: 100 bytes, and 300
back, that no known protocol begins with; again repeats those of all streams so far; wait says "here"
and waits for a line; exit:N ends the process at once, with that status.
"""
import os
import socket
import sys

REQUEST = b"\x02" + b"q" * 99
RESPONSE = b"\x03" + b"a" * 299
kept = []


def stream(client, server):
    kept.append((client, server))
    talk(client, server)


def talk(client, server):
    client.sendall(REQUEST)
    received(server, len(REQUEST))
    server.sendall(RESPONSE)
    received(client, len(RESPONSE))


def received(end, size):
    while size > 0:
        size -= len(end.recv(size))


def tcp(port):
    listener = socket.create_server(("127.0.0.1", port))
    client = socket.create_connection(("127.0.0.1", port))
    server, _ = listener.accept()
    listener.close()
    stream(client, server)


def unix():
    client, server = socket.socketpair()
    stream(client, server)


def udp(port):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", port))
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    kept.append((client, server))
    client.sendto(REQUEST, ("127.0.0.1", port))
    _, name = server.recvfrom(1000)
    server.sendto(RESPONSE, name)
    client.recvfrom(1000)


def talk_again():
    for client, server in kept:
        talk(client, server)


for word in sys.argv[1:]:
    kind, _, number = word.partition(":")
    if kind == "tcp":
        tcp(int(number))
    elif kind == "udp":
        udp(int(number))
    elif kind == "unix":
        unix()
    elif kind == "again":
        talk_again()
    elif kind == "wait":
        print("here", flush=True)
        if not sys.stdin.readline():
            sys.exit(1)
    elif kind == "exit":
        os._exit(int(number))
