# SPDX-License-Identifier: Apache-2.0
"""A system of this suite: its folder of programs, its topology, and what one may ask of it."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time


class Failed(Exception):
    pass


def check(condition, words):
    if not condition:
        raise Failed(words)


def until(what, condition, seconds=40):
    end = time.monotonic() + seconds
    while not (result := condition()):
        check(time.monotonic() < end, f'not in {seconds} s: {what}')
        time.sleep(0.05)
    return result


class System:
    """As root, or as an ordinary user (then with --dev)."""

    def __init__(self, build, folder, name, images):
        self.folder = os.path.join(folder, name)
        self.name = f'ten{os.getpid()}-{name}'
        self.dev = [] if os.geteuid() == 0 else ['--dev']
        self.vanityd = os.path.join(build, 'vanityd/vanityd')
        self.vanityctl = os.path.join(build, 'vanityd/vanityctl')
        programs = os.path.join(self.folder, 'programs')
        shutil.copytree(os.path.join(build, 'shards/images'), programs,
                        ignore=lambda d, names: [n for n in names if '.' in n])
        for image in images:
            shutil.copy(os.path.join(build, 'tests/tenants/tenants-' + image),
                        os.path.join(programs, image))
        self.conf = os.path.join(self.folder, 'tenants.conf')

    def write(self, text):
        with open(self.conf, 'w', encoding='ascii') as f:
            f.write(text)

    def run(self, *args, expect=0):
        result = subprocess.run(args, capture_output=True, timeout=60, stdin=subprocess.DEVNULL,
                                text=True, check=False)
        check(expect is None or result.returncode == expect,
              f'{" ".join(args)}: exit {result.returncode}\n{result.stdout}{result.stderr}')
        return result.stdout

    def ask(self, *args, expect=0):
        return json.loads(self.run(self.vanityctl, '-s', self.name, *args, '--json', expect=expect))

    def counters(self, shard):
        for s in self.ask('stats')['shards']:
            if s['name'] == shard:
                sums = {}
                for part in ('counters', 'earlier_generations'):
                    for name, value in s.get(part, {}).items():
                        if isinstance(value, (int, str)):
                            sums[name] = sums.get(name, 0) + int(str(value), 0)
                return sums
        raise Failed(f'no shard {shard}')

    def shard(self, name):
        return next(s for s in self.ask('status')['shards'] if s['name'] == name)

    def whole(self):
        """Sums, and what each process can reach, are as planned."""
        for args in ('verify',), ('verify', '--access'):
            self.run(self.vanityctl, '-s', self.name, *args)

    def alive(self, work):
        """Start it, have @work done, stop it; a failure comes with its log. Return: work's."""
        self.run(self.vanityd, 'start', self.conf, '--quiet', *self.dev)
        try:
            return work()
        except Failed as error:
            log = self.run(self.vanityctl, '-s', self.name, 'log', '100', expect=None)
            raise Failed(f'{error}\n{log}') from error
        finally:
            self.run(self.vanityd, 'stop', self.name, expect=None)


def main(cases, what):
    """PROGRAM SOURCE BUILD [CASE]...: each case in a folder of its own."""
    source, build = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    failed = 0
    with tempfile.TemporaryDirectory(prefix=f'vanity-{what}-') as folder:
        os.chmod(folder, 0o755)
        for name in sys.argv[3:] or cases:
            os.mkdir(os.path.join(folder, name))
            try:
                print(f'ok      {name}: {cases[name](source, build, folder)}', flush=True)
            except Failed as error:
                failed += 1
                print(f'FAILED  {name}: {error}', flush=True)
    sys.exit(1 if failed else 0)
