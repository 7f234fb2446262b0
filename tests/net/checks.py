# SPDX-License-Identifier: Apache-2.0
"""What two joined networks can do, whoever joins them; each check raises Failed where it does not.

Each takes the lab and returns words on what it saw. `harness` runs all of them over the kernel's
own forwarding, where they must pass, and over nothing, where they must fail.
"""
import hashlib
import json
import os
import re
import sys

import net_lab
from net_lab import check, Failed, until

PROBE = (sys.executable, os.path.join(os.path.dirname(os.path.abspath(net_lab.__file__)),
                                      'net_probe.py'))
SIZES = (64, 65, 512, 1400, 1471, 1472)
DENIED_PORT = 7777
OPEN_PORT = 7778
SMALL_MTU = 1400


def probe(lab, side, *words, seconds=60):
    said = lab.on(side, *PROBE, *words, seconds=seconds)
    return json.loads(said.stdout)


def probe_in_background(lab, side, *words):
    return lab.spawn(side, *PROBE, *words)


def listens(child, port):
    """Is a child, in whatever namespace, listening at a TCP port?"""
    if child.poll() is not None:
        raise Failed(f'the server ended: {child.stderr.read()}')
    for table in ('tcp', 'tcp6'):
        with open(f'/proc/{child.pid}/net/{table}', encoding='ascii') as file:
            for line in file.readlines()[1:]:
                words = line.split()
                if words[3] == '0A' and int(words[1].rsplit(':', 1)[1], 16) == port:
                    return True
    return False


def ping(lab, origin, to, family, size=56, count=3, more=()):
    return lab.on(origin, 'ping', f'-{family}', '-n', '-c', count, '-i', '0.02', '-W', 1, '-w', 2,
                  '-s', size, *more, to.address(family), expect=None, seconds=15)


def pings(lab, origin, to, family, size=56, more=()):
    said = ping(lab, origin, to, family, size, more=more)
    check(said.returncode == 0 and ' 0% packet loss' in said.stdout,
          f'ping -{family} -s {size} from {origin.name}:\n{said.stdout}{said.stderr}')
    # 16 bytes of each are a time; all others are compared by ping itself.
    check('wrong data' not in said.stdout, said.stdout)


# --- the checks ----------------------------------------------------------------------------------

def ping_v4(lab):
    """Echoes of IPv4 from 64 to 1,472 bytes, both ways."""
    for size in SIZES:
        pings(lab, lab.a, lab.b, 4, size)
        pings(lab, lab.b, lab.a, 4, size)
    return f'{", ".join(str(s) for s in SIZES)} bytes'


def ping_v6(lab):
    """The same of IPv6; 1,472 bytes and 48 of headers go in two fragments."""
    for size in SIZES:
        pings(lab, lab.a, lab.b, 6, size)
        pings(lab, lab.b, lab.a, 6, size)
    return f'{", ".join(str(s) for s in SIZES)} bytes'


def ping_of_the_router(lab):
    for side in (lab.a, lab.b):
        for family in (4, 6):
            said = lab.on(side, 'ping', f'-{family}', '-n', '-c', 2, '-i', '0.02', '-W', 1, '-w', 2,
                          side.gateway(family), expect=None)
            check(said.returncode == 0, f'{side.name} and its gateway:\n{said.stdout}')
    return 'each gateway answers its side'


def traceroute_shows_the_router(lab):
    hops = []
    for family in (4, 6):
        for origin, to in ((lab.a, lab.b), (lab.b, lab.a)):
            said = lab.on(origin, 'traceroute', f'-{family}', '-n', '-q', 2, '-w', 2, '-m', 4,
                          to.address(family), expect=None, seconds=40)
            hops = re.findall(r'^ *(\d+) +([0-9a-f.:]+) ', said.stdout, re.MULTILINE)
            check(hops == [('1', origin.gateway(family)), ('2', to.address(family))],
                  f'traceroute -{family} from {origin.name}:\n{said.stdout}{said.stderr}')
    return 'one hop between, its address that of the near side'


def iperf3(lab, origin, to, family, *words, port=5201, seconds=30):
    """One run of a client against a server of its own; returns the client's document."""
    server = lab.spawn(to, 'iperf3', '-s', '-1', '-B', to.address(family), '-p', port)
    try:
        until('iperf3 listens', lambda: listens(server, port), 5)
        said = lab.on(origin, 'iperf3', '-J', '-c', to.address(family), '-p', port,
                      '--connect-timeout', 3000, *words, expect=None, seconds=seconds)
    finally:
        lab.end(server)
    try:
        document = json.loads(said.stdout)
    except ValueError as e:
        raise Failed(f'iperf3: exit {said.returncode}: {said.stdout}{said.stderr}') from e
    check(said.returncode == 0 and 'error' not in document,
          f'iperf3 {" ".join(str(w) for w in words)}: {document.get("error")}')
    return document


def iperf3_tcp(lab, seconds=1):
    words = []
    for family in (4, 6):
        for name, more in (('a to b', ()), ('b to a', ('-R',))):
            end = iperf3(lab, lab.a, lab.b, family, '-t', seconds, *more)['end']
            received = end['sum_received']
            check(received['bytes'] > 0, f'IPv{family} {name}: nothing arrived')
            words.append(f'v{family} {name} {received["bits_per_second"] / 1e6:.0f} Mbit/s '
                         f'({end["sum_sent"].get("retransmits", "?")} again)')
    return '; '.join(words)


def iperf3_udp(lab, seconds=1):
    words = []
    for family in (4, 6):
        for name, more in (('a to b', ()), ('b to a', ('-R',))):
            end = iperf3(lab, lab.a, lab.b, family, '-u', '-b', '20M', '-l', 1400, '-t', seconds,
                         *more)['end']['sum']
            arrived = end['packets'] - end['lost_packets']
            check(end['packets'] > 0 and arrived > end['packets'] / 2,
                  f'IPv{family} {name}: of {end["packets"]} datagrams {arrived} arrived')
            words.append(f'v{family} {name} {arrived} of {end["packets"]}')
    return '; '.join(words)


def http(lab, length=200_000_000, family=4):
    """A file by HTTP, whole."""
    folder = os.path.join(lab.folder, 'www')
    os.makedirs(folder, exist_ok=True)
    digest, left = hashlib.sha256(), length
    with open(os.path.join(folder, 'file'), 'wb') as file:
        while left:
            block = os.urandom(min(left, 1 << 20))
            digest.update(block)
            file.write(block)
            left -= len(block)
    address = lab.b.address(family)
    server = probe_in_background(lab, lab.b, 'serve', address, 8080, folder)
    try:
        until('the HTTP server listens', lambda: listens(server, 8080), 10)
        host = f'[{address}]' if family == 6 else address
        got = probe(lab, lab.a, 'fetch', f'http://{host}:8080/file', seconds=120)
    finally:
        lab.end(server)
        os.unlink(os.path.join(folder, 'file'))
    check(got['bytes'] == length, f'{got["bytes"]} bytes arrived, {length} were sent')
    check(got['sha256'] == digest.hexdigest(), 'the SHA-256 is another')
    return f'{length} bytes, SHA-256 {got["sha256"][:12]}..., {length / got["seconds"] / 1e6:.0f} MB/s'


def denied_port(lab, family=4, seconds=2.5):
    """Somebody listens there, the neighbouring port can be reached, and this one says nothing."""
    servers = []
    try:
        for port in (OPEN_PORT, DENIED_PORT):
            servers.append(probe_in_background(lab, lab.b, 'listen', lab.b.address(family), port))
            until('a server listens', lambda p=port: listens(servers[-1], p), 10)
        open_one = probe(lab, lab.a, 'knock', lab.b.address(family), OPEN_PORT, seconds)
        denied = probe(lab, lab.a, 'knock', lab.b.address(family), DENIED_PORT, seconds)
    finally:
        for server in servers:
            lab.end(server)
    check(open_one['outcome'] == 'connected', f'port {OPEN_PORT}: {open_one}')
    check(denied['outcome'] == 'timeout', f'port {DENIED_PORT}: {denied}')
    check(denied['syns'] > 0, 'no SYN was seen leaving')
    return denied['syns']


def denied_v4(lab):
    return f'{denied_port(lab, 4)} SYNs unanswered'


def denied_v6(lab):
    return f'{denied_port(lab, 6)} SYNs unanswered'


def nobody_serves_at_the_router(lab):
    """Whom nobody listens for is told at once (RFC 1122, 4.2.3.9)."""
    for side in (lab.a, lab.b):
        for family in (4, 6):
            said = probe(lab, side, 'knock', side.gateway(family), 80, 2)
            check(said['outcome'] == 'ECONNREFUSED', f'port 80 of {side.gateway(family)}: {said}')
    return 'connections to each gateway are refused, not left waiting'


def options_of_ipv4(lab):
    """The router enters itself into a record of the route, and of times (RFC 791; RFC 1812, 5.3.13)."""
    for option in (('-R',), ('-T', 'tsandaddr')):
        said = ping(lab, lab.a, lab.b, 4, count=1, more=option)
        check(said.returncode == 0 and (lab.a.gateway4 in said.stdout or
                                        lab.b.gateway4 in said.stdout),
              f'ping {" ".join(option)} does not show the router:\n{said.stdout}{said.stderr}')
    return 'ping -R and -T show it'


def learned_mtu(lab, family):
    said = lab.on(lab.a, 'ip', f'-{family}', 'route', 'get', lab.b.address(family))
    found = re.search(r'\bmtu (\d+)', said.stdout)
    return int(found.group(1)) if found else None


def path_mtu(lab):
    """Behind the router a link of 1,400: who sends is told, and goes on with less."""
    for family, header in ((4, 28), (6, 48)):
        lab.forget_routes()
        size = 1500 - header
        said = ping(lab, lab.a, lab.b, family, size, more=('-M', 'do'))
        words = {4: f'Frag needed and DF set (mtu = {SMALL_MTU})',
                 6: f'Packet too big: mtu={SMALL_MTU}'}[family]
        check(words in said.stdout, f'ping -{family} -M do -s {size} is not told "{words}":\n'
              f'{said.stdout}{said.stderr}')
        learned = learned_mtu(lab, family)
        check(learned == SMALL_MTU, f'IPv{family}: the route to b has learned {learned}')
        pings(lab, lab.a, lab.b, family, SMALL_MTU - header, more=('-M', 'do'))
    return f'{SMALL_MTU} learned by ping in both families'


def path_mtu_of_tcp(lab):
    """Both ends announce 1,460 (1,440) bytes; the sender finds out by itself."""
    words = []
    for family in (4, 6):
        lab.forget_routes()
        server = probe_in_background(lab, lab.b, 'take', lab.b.address(family), 9000)
        try:
            until('the taker listens', lambda s=server: listens(s, 9000), 10)
            sent = probe(lab, lab.a, 'upload', lab.b.address(family), 9000, 3_000_000)
        finally:
            lab.end(server)
        check(sent['same'], f'IPv{family}: what was sent is not what arrived')
        learned = learned_mtu(lab, family)
        check(learned == SMALL_MTU, f'IPv{family}: TCP has learned {learned}')
        words.append(f'v{family} segments of {sent["segment"]}')
    return '; '.join(words)


def big_pings_are_cut(lab):
    """Without DF a router cuts IPv4 into fragments (RFC 1812, 5.2.7.1 and 4.2.2.7)."""
    lab.forget_routes()
    pings(lab, lab.a, lab.b, 4, 1472, more=('-M', 'dont'))
    return '1,472 bytes through a link of 1,400'


ORDINARY = (ping_v4, ping_v6, ping_of_the_router, traceroute_shows_the_router, options_of_ipv4,
            nobody_serves_at_the_router, iperf3_tcp, iperf3_udp, http, denied_v4, denied_v6)
NARROW = (path_mtu, path_mtu_of_tcp, big_pings_are_cut)
