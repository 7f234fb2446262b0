# SPDX-License-Identifier: Apache-2.0
"""Two networks in namespaces of their own, and a third where what joins them runs.

      A                    between                       B
    +-------+ eth0     va +--------------------+ vb    eth0 +-------+
    | hosts |-------------| Vanity, or the     |------------| hosts |
    +-------+             | kernel, or nothing |            +-------+
                          +--------------------+

Used by tests/net, and by scripts/net-demo. Needs Python 3 alone, and `ip`, `ethtool`.

Everything made here has this process's number in its name and is removed by close(), which every
path meets. Who calls private() first leaves nothing behind even when killed: mounts, namespaces
and processes then lie in namespaces that end with it.
"""
import atexit
import ctypes
import errno
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

AF_XDP = 44


class Failed(Exception):
    """A check that does not hold; its words say what was seen."""


class NotHere(Exception):
    """What this machine or this user cannot give; its words name it."""


def check(condition, words):
    if not condition:
        raise Failed(words)


def until(what, condition, seconds=10.0, pause=0.01):
    """Waits for a fact of somebody else, never for ever; returns what the condition gave."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        check(time.monotonic() < end, f'not in {seconds:g} s: {what}')
        time.sleep(pause)


class Side:
    """One of the two networks: names and addresses."""

    def __init__(self, name, number):
        self.name = name
        self.leg = f'v{name}'  # its end between the networks
        self.v4, self.gateway4 = f'10.77.{number}.2', f'10.77.{number}.1'
        self.v6, self.gateway6 = f'fd77:{number}::2', f'fd77:{number}::1'

    def address(self, family):
        return self.v6 if family == 6 else self.v4

    def gateway(self, family):
        return self.gateway6 if family == 6 else self.gateway4


class Lab:
    def __init__(self, tag='vn'):
        self.tag = f'{tag}{os.getpid()}'
        self.a, self.b = Side('a', 1), Side('b', 2)
        self.between = f'{self.tag}-between'
        self.folder = tempfile.mkdtemp(prefix=f'{self.tag}-')
        self.children = []
        self.at_close = []
        self.closed = False
        atexit.register(self.close)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._signalled)

    def _signalled(self, number, _frame):
        signal.signal(number, signal.SIG_IGN)
        sys.exit(128 + number)

    def namespace(self, side):
        return f'{self.tag}-{side.name}'

    # --- commands, each with a deadline -------------------------------------------------------

    def run(self, *argv, where=None, seconds=30, expect=0, **more):
        """Runs a command, in a namespace if one is named; expect=None takes any exit code."""
        line = [str(word) for word in argv]
        if where is not None:
            line = ['ip', 'netns', 'exec', where] + line
        try:
            result = subprocess.run(line, capture_output=True, text=True, timeout=seconds,
                                    stdin=subprocess.DEVNULL, check=False, **more)
        except subprocess.TimeoutExpired as e:
            raise Failed(f'{" ".join(line)}: no end after {seconds} s') from e
        if expect is not None and result.returncode != expect:
            raise Failed(f'{" ".join(line)}: exit {result.returncode}\n'
                         f'{result.stdout}{result.stderr}'.rstrip())
        return result

    def on(self, side, *argv, **more):
        return self.run(*argv, where=self.namespace(side), **more)

    def spawn(self, side, *argv):
        """Starts a command that close() ends. `ip netns exec` executes it: its pid is the child's."""
        child = subprocess.Popen(['ip', 'netns', 'exec', self.namespace(side)] +
                                 [str(word) for word in argv], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.children.append(child)
        return child

    def end(self, child, number=signal.SIGKILL, seconds=10):
        """Ends a child; returns what it printed."""
        if child in self.children:
            self.children.remove(child)
        if child.poll() is None:
            child.send_signal(number)
        try:
            return child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.communicate()

    # --- the networks ---------------------------------------------------------------------------

    def make(self):
        for name in (self.namespace(self.a), self.namespace(self.b), self.between):
            self.run('ip', 'netns', 'add', name)
            self.run('ip', '-n', name, 'link', 'set', 'lo', 'up')
        # What lies between speaks for itself alone: no addresses, no questions of the kernel's own.
        self.run('sysctl', '-q', '-w', 'net.ipv6.conf.default.disable_ipv6=1',
                 'net.ipv6.conf.all.disable_ipv6=1', where=self.between)
        for side in (self.a, self.b):
            self.run('sysctl', '-q', '-w', 'net.ipv6.conf.default.accept_dad=0',
                     'net.ipv6.conf.default.router_solicitations=0',
                     'net.ipv4.icmp_ratelimit=0', where=self.namespace(side), expect=None)
            self.plug(side)

    def plug(self, side):
        """One veth pair: eth0 inside, with addresses and routes; the other end between."""
        inside = self.namespace(side)
        self.run('ip', '-n', self.between, 'link', 'add', side.leg, 'type', 'veth',
                 'peer', 'name', 'eth0', 'netns', inside)
        # A veth's frames carry no checksums and may be 64 KiB long, because one kernel hands them
        # to itself. Who is between is no part of that kernel's stack: sums are made for real.
        self.on(side, 'ethtool', '-K', 'eth0', 'tx', 'off')
        self.run('ip', '-n', self.between, 'link', 'set', side.leg, 'up')
        self.run('ip', '-n', inside, 'link', 'set', 'eth0', 'up')
        self.run('ip', '-n', inside, 'addr', 'add', f'{side.v4}/24', 'dev', 'eth0')
        self.run('ip', '-n', inside, 'addr', 'add', f'{side.v6}/64', 'dev', 'eth0', 'nodad')
        self.run('ip', '-n', inside, 'route', 'add', 'default', 'via', side.gateway4)
        self.run('ip', '-n', inside, '-6', 'route', 'add', 'default', 'via', side.gateway6)
        # An address that is tentative sends nothing.
        until(f'{side.v6} can be used', lambda: 'tentative' not in self.run(
            'ip', '-n', inside, '-6', 'addr', 'show', 'dev', 'eth0').stdout, 5)

    def unplug(self, side):
        self.run('ip', '-n', self.between, 'link', 'del', side.leg)

    def leg(self, side, *words):
        self.run('ip', '-n', self.between, 'link', 'set', side.leg, *words)

    def forget_routes(self):
        """Path MTUs learned, and neighbours."""
        for side in (self.a, self.b):
            for family in ('-4', '-6'):
                self.on(side, 'ip', family, 'route', 'flush', 'cache', expect=None)

    def close(self):
        if self.closed:
            return
        self.closed = True
        for action in reversed(self.at_close):
            try:
                action()
            except (Failed, OSError, subprocess.SubprocessError) as e:
                print(f'while cleaning up: {e}', file=sys.stderr)
        for child in list(self.children):
            self.end(child)
        for name in (self.namespace(self.a), self.namespace(self.b), self.between):
            subprocess.run(['ip', 'netns', 'del', name], stdin=subprocess.DEVNULL, check=False,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.folder, ignore_errors=True)


# --- what may join them -------------------------------------------------------------------------

class Nothing:
    name = 'nothing'

    def __init__(self, lab):
        self.lab = lab

    def join(self, mtu_b=1500):
        pass

    def part(self):
        pass


class Kernel(Nothing):
    """The kernel's own forwarding, with one rule that denies: what a good router does."""
    name = 'kernel'

    def join(self, mtu_b=1500, denied=7777):
        lab = self.lab
        lab.run('sysctl', '-q', '-w', 'net.ipv6.conf.all.disable_ipv6=0',
                'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1',
                'net.ipv4.icmp_ratelimit=0', where=lab.between)
        for side in (lab.a, lab.b):
            lab.run('sysctl', '-q', '-w', f'net.ipv6.conf.{side.leg}.disable_ipv6=0',
                    where=lab.between)
            lab.run('ip', '-n', lab.between, 'addr', 'add', f'{side.gateway4}/24', 'dev', side.leg)
            lab.run('ip', '-n', lab.between, 'addr', 'add', f'{side.gateway6}/64', 'dev', side.leg,
                    'nodad')
        if mtu_b != 1500:
            # Of the route, not of the link: a veth end also refuses what comes in beyond its MTU.
            lab.run('ip', '-n', lab.between, 'route', 'change', '10.77.2.0/24', 'dev', lab.b.leg,
                    'src', lab.b.gateway4, 'mtu', 'lock', mtu_b)
            lab.run('ip', '-6', '-n', lab.between, 'route', 'add', f'{lab.b.v6}/128', 'dev',
                    lab.b.leg, 'mtu', mtu_b)
        for side in (lab.a, lab.b):
            until(f'{side.gateway6} answers', lambda s=side: lab.on(
                s, 'ping', '-6', '-c', 1, '-W', 1, s.gateway6, expect=None).returncode == 0)
        if denied:
            for family in ('-4', '-6'):
                lab.run('ip', family, '-n', lab.between, 'rule', 'add', 'pref', 10, 'ipproto', 'tcp',
                        'dport', denied, 'blackhole')

    def part(self):
        lab = self.lab
        for family in ('-4', '-6'):
            lab.run('ip', family, '-n', lab.between, 'rule', 'del', 'pref', 10, expect=None)
        for side in (lab.a, lab.b):
            lab.run('ip', '-n', lab.between, 'addr', 'flush', 'dev', side.leg)
        lab.run('sysctl', '-q', '-w', 'net.ipv6.conf.all.disable_ipv6=1', where=lab.between)


class Vanity(Nothing):
    """nic -> firewall -> router -> nic and back: tests/topologies/good/net.conf."""
    name = 'vanity'

    def __init__(self, lab, build, source):
        super().__init__(lab)
        self.vanityd = os.path.join(build, 'vanityd', 'vanityd')
        self.ctl = os.path.join(build, 'vanityd', 'vanityctl')
        self.topologies = os.path.join(source, 'tests', 'topologies', 'good')
        self.system = f'{lab.tag}'
        self.running = False
        self.started = ''
        self.starts = 0

    def files(self, topology='net.conf', mtu_b=1500, configs=()):
        """A topology with its configs, copied under a system's name of our own. `configs` are
        (name, text) that stand for files of the same name."""
        configs = dict(configs)
        self.starts += 1
        folder = os.path.join(self.lab.folder, f'system-{self.starts}')
        os.mkdir(folder, 0o700)
        for name in (topology, 'net.rules', 'net.routes'):
            with open(os.path.join(self.topologies, name), encoding='utf-8') as file:
                text = file.read()
            if name == topology:
                check('\nsystem = net\n' in text, f'{name} names no system net')
                text = text.replace('\nsystem = net\n', f'\nsystem = {self.system}\n')
            elif name == 'net.routes' and mtu_b != 1500:
                lines = [f'{line} mtu {mtu_b}' if line.startswith('interface b ') else line
                         for line in text.splitlines()]
                text = '\n'.join(lines) + '\n'
            with open(os.path.join(folder, name), 'w', encoding='utf-8') as file:
                file.write(configs.get(name, text))
        return os.path.join(folder, topology)

    def join(self, mtu_b=1500, configs=()):
        path = self.files(mtu_b=mtu_b, configs=configs)
        self.lab.at_close.append(self.part_quietly)
        self.running = True
        said = self.lab.run(self.vanityd, 'start', path, where=self.lab.between, seconds=60)
        self.started = said.stderr
        return said.stderr

    def part_quietly(self):
        if self.running:
            self.running = False
            self.lab.run(self.vanityd, 'stop', self.system, seconds=60, expect=None)

    def part(self):
        """Stops the system, whose last words are its sums."""
        self.running = False
        said = self.lab.run(self.vanityd, 'stop', self.system, seconds=60)
        check('sums: exact' in said.stdout, f'sums of stop: {said.stdout}{said.stderr}')

    def verb(self, *words, expect=0, seconds=60):
        return self.lab.run(self.ctl, '-s', self.system, *words, expect=expect, seconds=seconds)

    def json(self, *words, expect=0):
        return json.loads(self.verb(*words, '--json', expect=expect).stdout)

    def status(self):
        return self.json('status')

    def shard(self, name, status=None):
        return next(s for s in (status or self.status())['shards'] if s['name'] == name)

    def pids(self):
        return {s['name']: s['pid'] for s in self.status()['shards']}

    def counters(self):
        """{shard: {counter: value}}"""
        return {s['name']: s['counters'] for s in self.json('stats')['shards']}

    def verify(self):
        sums = self.json('verify', expect=None)
        check(sums.get('exact') and sums.get('quiet'), f'the sums are not exact: {sums}')
        return sums

    def kill(self, name, seconds=15):
        """SIGKILL, as an operator would; returns (seconds until it is back, others' pids)."""
        before = self.status()
        old = self.shard(name, before)
        begun = time.monotonic()
        os.kill(old['pid'], signal.SIGKILL)

        def back():
            new = self.shard(name)
            return new['generation'] > old['generation'] and new['phase'] in ('running', 'waiting')
        until(f'{name} is back', back, seconds)
        took = time.monotonic() - begun
        others = {s['name']: s['pid'] for s in before['shards'] if s['name'] != name}
        now = self.pids()
        changed = {n: (p, now.get(n)) for n, p in others.items() if now.get(n) != p}
        check(not changed, f'{name} was killed, and others changed their pids: {changed}')
        return took


# --- what this machine gives ----------------------------------------------------------------------

def private(variable='VANITY_NET_PRIVATE'):
    """Goes on in mount, network and pid namespaces that end with this process."""
    if os.environ.get(variable) == '1':
        for folder in ('/run/netns', '/run/vanity'):
            os.makedirs(folder, exist_ok=True)
            subprocess.run(['mount', '-t', 'tmpfs', '-o', 'mode=0755', 'none', folder], check=True)
        return
    os.environ[variable] = '1'
    os.execvp('unshare', ['unshare', '--mount', '--net', '--pid', '--fork', '--kill-child',
                          '--mount-proc', '--propagation', 'private', '--',
                          sys.executable] + sys.argv)


def load_of_a_program():
    """Tries to load "return XDP_PASS"; returns 0 or an errno. bpf(BPF_PROG_LOAD) by its number."""
    number = {'x86_64': 321, 'aarch64': 280, 'riscv64': 280}.get(platform.machine())
    if number is None:
        return 0
    code = ctypes.create_string_buffer(bytes([0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]))
    name = ctypes.create_string_buffer(b'GPL')
    attributes = ctypes.create_string_buffer(128)
    words = ctypes.cast(attributes, ctypes.POINTER(ctypes.c_uint32))
    longs = ctypes.cast(attributes, ctypes.POINTER(ctypes.c_uint64))
    words[0], words[1] = 6, 2  # BPF_PROG_TYPE_XDP, two instructions
    longs[1], longs[2] = ctypes.addressof(code), ctypes.addressof(name)
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(number, 5, attributes, 128)
    if fd < 0:
        return ctypes.get_errno()
    os.close(fd)
    return 0


def why_not(tools=(), build=None):
    """None, or why two networks cannot be joined by Vanity here."""
    if os.geteuid() != 0:
        return 'this needs root: it makes network namespaces, and binds AF_XDP sockets'
    missing = [tool for tool in ('ip', 'ethtool', 'unshare', 'sysctl') + tuple(tools)
               if shutil.which(tool) is None]
    if missing:
        return f'not installed: {" ".join(missing)} (scripts/install-deps --ci installs them)'
    tried = subprocess.run(['unshare', '--mount', '--net', '--pid', '--fork', '--mount-proc',
                            'ip', 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1'],
                           capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if tried.returncode != 0:
        return ('no network namespace with a veth pair can be made here (a container without '
                f'CAP_SYS_ADMIN and CAP_NET_ADMIN?): {tried.stderr.strip()}')
    try:
        socket.socket(AF_XDP, socket.SOCK_RAW).close()
    except OSError as e:
        return f'no AF_XDP socket can be opened here (CAP_NET_RAW?): {e.strerror}'
    refused = load_of_a_program()
    if refused:
        return ('no XDP program can be loaded here (a container without CAP_BPF and CAP_NET_ADMIN, '
                f'or a filter?): {errno.errorcode.get(refused, refused)}')
    if build is not None:
        images = os.path.join(build, 'shards', 'images')
        lacking = [name for name in ('nic', 'firewall', 'router')
                   if not os.path.exists(os.path.join(images, name))]
        if lacking:
            return f'this build has no {", ".join(lacking)}: {images}'
        if not os.path.exists(os.path.join(build, 'vanityd', 'vanity-netdev')):
            return 'this build has no vanity-netdev: libxdp-dev and libbpf-dev were missing'
    return None
