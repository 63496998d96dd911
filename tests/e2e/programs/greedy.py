# A server that reads all and answers nothing, and clients that send it what a tracer would keep, until
# they sent so many MiB or their stdin ends. Says its port once it listens; begins with a line of stdin.
import socket
import sys
import threading
import time

MIB = 1 << 20
limit = int(sys.argv[1]) * MIB
sent = 0
ended = False

SMALL = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LOADS = [
    lambda nth: SMALL * 500,
    lambda nth: b"*1\r\n$4\r\nPING\r\n" * 1000,
    lambda nth: b"GET / HTTP/1.1\r\nX-%d: " % nth + b"v" * 200_000 + b"\r\n\r\n",
    lambda nth: b"GET / HTTP/1.1\r\n" + b"".join(b"%x:\r\n" % i for i in range(6000)) + b"\r\n",
    lambda nth: SMALL + b"GET /" * 20_000,
]


def drain(taken):
    while taken.recv(1 << 16):
        pass


def serve(server):
    while True:
        taken, _ = server.accept()
        threading.Thread(target=drain, args=(taken,), daemon=True).start()


def send(port, load):
    global sent
    nth = 0
    while not ended and sent < limit:
        with socket.create_connection(("127.0.0.1", port)) as client:
            for _ in range(50):
                part = load(nth)
                client.sendall(part)
                sent += len(part)
                nth += 1
                # The tracer and others want the processor, too.
                time.sleep(0.002)
                if ended:
                    return


server = socket.create_server(("127.0.0.1", 0), backlog=128)
port = server.getsockname()[1]
threading.Thread(target=serve, args=(server,), daemon=True).start()
print(port, flush=True)
sys.stdin.readline()
clients = [threading.Thread(target=send, args=(port, load)) for load in LOADS]
for client in clients:
    client.start()
sys.stdin.readline()
ended = True
for client in clients:
    client.join()
print("sent", sent, flush=True)
