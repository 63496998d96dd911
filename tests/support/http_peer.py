"""A small HTTP/1.1 server that says exactly what a test expects, byte for byte.

In: requests; the path tells what to answer. Out: fixed responses without a date; on stdout "port N"
when it is ready, "accepted FD PORT" for each connection, "unanswered" for a request to /never.
"""

import socket
import sys
import threading
import time

CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n"
    b"Trailer: X-Sum\r\n\r\n"
    b"5;name=value\r\nhello\r\n7\r\n, world\r\n0\r\nX-Sum: 12\r\n\r\n"
)
FIXED = {
    "/chunked": CHUNKED,
    "/early": b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "/until-close": b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\nall until the end",
    "/drop": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 100,
    "/upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n",
}
CLOSING = {"/until-close", "/drop"}


class Connection:
    def __init__(self, sock):
        self.sock = sock
        self.pending = b""

    def more(self):
        data = self.sock.recv(65536)
        if not data:
            raise EOFError
        self.pending += data

    def until(self, mark):
        while mark not in self.pending:
            self.more()
        found, self.pending = self.pending.split(mark, 1)
        return found

    def exactly(self, size):
        while len(self.pending) < size:
            self.more()
        found, self.pending = self.pending[:size], self.pending[size:]
        return found

    def body(self, head):
        fields = dict(
            line.lower().split(": ", 1) for line in head.split("\r\n")[1:]
        )
        if fields.get("expect") == "100-continue":
            self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if fields.get("transfer-encoding") != "chunked":
            return self.exactly(int(fields.get("content-length", "0")))
        body = b""
        while True:
            size = int(self.until(b"\r\n").split(b";")[0], 16)
            if size == 0:
                while self.until(b"\r\n"):
                    pass
                return body
            body += self.exactly(size)
            self.exactly(2)

    def echo(self):
        while True:
            if self.pending:
                self.sock.sendall(self.pending)
                self.pending = b""
            self.more()

    def serve(self):
        while True:
            head = self.until(b"\r\n\r\n").decode("latin-1")
            method, path = head.split(" ", 2)[:2]
            body = self.body(head)
            if method == "CONNECT":
                self.sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                return self.echo()
            if path == "/never":
                say("unanswered")
                self.more()
            if path == "/late":
                time.sleep(0.05)
            answer = b"%d %s" % (len(body), path.encode())
            self.sock.sendall(
                FIXED.get(path)
                or b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer)
            )
            if path == "/upgrade":
                return self.echo()
            if path in CLOSING:
                return

    def run(self):
        with self.sock:
            try:
                self.serve()
            except (EOFError, ConnectionError):
                pass


def say(line):
    """In one write, whatever other threads say."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    say(f"port {listener.getsockname()[1]}")
    while True:
        sock, address = listener.accept()
        say(f"accepted {sock.fileno()} {address[1]}")
        threading.Thread(target=Connection(sock).run, daemon=True).start()


sys.exit(main())
