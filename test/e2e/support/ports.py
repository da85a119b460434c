"""Free ports of 127.0.0.1 for programs that cannot bind to port 0 themselves.

The kernel chooses the port. One connection through it is then closed from the server's side, which leaves the
port in TIME_WAIT: for a minute the kernel gives it to nobody who asks for "any port" (so parallel runs and
outgoing connections cannot take it), while a server that sets SO_REUSEADDR may bind to it at once. All programs
that these tests start set it.
"""

import contextlib
import socket

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    with contextlib.closing(socket.socket()) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, 0))
        listener.listen(1)
        address = listener.getsockname()
        with contextlib.closing(socket.create_connection(address)) as client:
            accepted, _ = listener.accept()
            accepted.close()
            client.recv(1)
        return address[1]
