# SPDX-License-Identifier: Apache-2.0
"""Small programs for one of the two networks of net_lab; each prints one JSON document.

    net_probe.py fetch URL [STEPS]           downloads; length, SHA-256, seconds; with STEPS a line
                                             "bytes seconds" on stderr for each such part
    net_probe.py serve ADDRESS PORT FOLDER   an HTTP server
    net_probe.py upload ADDRESS PORT BYTES   connects and sends a pattern, waits for the sum of it
    net_probe.py take ADDRESS PORT           listens, takes one upload, answers with its SHA-256
    net_probe.py knock ADDRESS PORT SECONDS  connects; how it ended, and the SYNs that left eth0
    net_probe.py listen ADDRESS PORT         accepts, and says hello
    net_probe.py send FILE                   sends each frame of a file of JSON lines from eth0
"""
import errno
import functools
import hashlib
import http.server
import json
import select
import socket
import socketserver
import struct
import sys
import time
import urllib.request

ETH_P_ALL = 3
PACKET_OUTGOING = 4
CHUNK = 1 << 16


def fetch(url, steps=None):
    digest, length, begun = hashlib.sha256(), 0, time.monotonic()
    with urllib.request.urlopen(url, timeout=20) as answer:
        step = int(answer.headers['Content-Length']) / int(steps) if steps else float('inf')
        said = step
        while chunk := answer.read(CHUNK):
            digest.update(chunk)
            length += len(chunk)
            if length >= said:
                print(length, time.monotonic() - begun, file=sys.stderr, flush=True)
                said += step
    return {'bytes': length, 'sha256': digest.hexdigest(), 'seconds': time.monotonic() - begun}


class Server(http.server.HTTPServer):
    def server_bind(self):
        # Not HTTPServer's, which asks a name server who we are: there is none here.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]


def serve(address, port, folder):
    class Family(Server):
        address_family = family_of(address)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with Family((address, int(port)), handler) as server:
        server.serve_forever()


def family_of(address):
    return socket.AF_INET6 if ':' in address else socket.AF_INET


def upload(address, port, length):
    """Sends a pattern without repetition in 64 KiB, and compares sums with the other end."""
    digest = hashlib.sha256()
    with socket.create_connection((address, int(port)), timeout=20) as s:
        left = int(length)
        while left:
            block = hashlib.shake_128(struct.pack('<Q', left)).digest(min(CHUNK, left))
            digest.update(block)
            s.sendall(block)
            left -= len(block)
        s.shutdown(socket.SHUT_WR)
        theirs = s.makefile('r').readline().strip()
        segment = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
    return {'same': theirs == digest.hexdigest(), 'segment': segment}


def take(address, port):
    digest, length = hashlib.sha256(), 0
    with socket.create_server((address, int(port)), family=family_of(address)) as server:
        server.settimeout(30)
        s, _ = server.accept()
        s.settimeout(30)
        with s:
            while chunk := s.recv(CHUNK):
                digest.update(chunk)
                length += len(chunk)
            s.sendall(digest.hexdigest().encode() + b'\n')
    return {'bytes': length}


def is_syn(frame, port):
    """Of TCP over IPv4 without options, or IPv6 without extension headers: as this kernel sends."""
    kind = frame[12:14]
    if kind == b'\x08\x00' and frame[23] == socket.IPPROTO_TCP:
        tcp = frame[14 + (frame[14] & 15) * 4:]
    elif kind == b'\x86\xdd' and frame[20] == socket.IPPROTO_TCP:
        tcp = frame[54:]
    else:
        return False
    return struct.unpack('>H', tcp[2:4])[0] == port and tcp[13] & 0x12 == 0x02


def knock(address, port, seconds):
    port = int(port)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as tap, \
            socket.socket(family_of(address), socket.SOCK_STREAM) as s:
        tap.bind(('eth0', ETH_P_ALL))
        tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        s.setblocking(False)
        outcome = errno.errorcode.get(s.connect_ex((address, port)))
        if outcome == 'EINPROGRESS':
            ready = select.select([], [s], [], float(seconds))[1]
            error = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if ready else 0
            outcome = 'timeout' if not ready else errno.errorcode.get(error, 'connected')
        s.close()  # from here on no further SYN leaves
        syns = 0
        while select.select([tap], [], [], 0.2)[0]:
            frame, where = tap.recvfrom(2048)
            syns += where[2] == PACKET_OUTGOING and is_syn(frame, port)
    return {'outcome': outcome, 'syns': syns}


def listen(address, port):
    with socket.create_server((address, int(port)), family=family_of(address)) as server:
        while True:
            s, _ = server.accept()
            s.sendall(b'hello\n')
            s.close()


def send(path):
    """What eth0 itself refuses (shorter than a header, longer than its MTU) is counted apart."""
    sent, refused = 0, []
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s, open(path, encoding='ascii') as file:
        s.bind(('eth0', 0))
        for line in file:
            if not line.strip():
                continue
            frame = json.loads(line)
            try:
                s.send(bytes.fromhex(frame['hex']))
                sent += 1
            except OSError as e:
                refused.append(f'{frame["name"]}: {errno.errorcode.get(e.errno)}')
    return {'sent': sent, 'refused': refused}


VERBS = {f.__name__: f for f in (fetch, serve, upload, take, knock, listen, send)}

if __name__ == '__main__':
    if len(sys.argv) < 2 or sys.argv[1] not in VERBS:
        sys.exit(__doc__)
    try:
        print(json.dumps(VERBS[sys.argv[1]](*sys.argv[2:])))
    except (OSError, ValueError) as e:
        sys.exit(f'{sys.argv[1]}: {e}')
