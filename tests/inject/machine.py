# SPDX-License-Identifier: Apache-2.0
"""What a start may change in a machine, looked at before and after; and namespaces to do it in."""
import glob
import json
import os
import re
import subprocess
import sys
import time

SKIP = 77
USER = 65534
SETTLE_S = 5
IGNORED = set()


def read(path):
    try:
        with open(path, encoding='utf-8', errors='replace') as f:
            return f.read()
    except OSError as e:
        return f'({e.strerror})'


def links(pattern):
    return {f'{p} {os.readlink(p)}' for p in glob.glob(pattern)}


def interfaces():
    text = subprocess.run(['ip', '-details', '-json', 'link'], stdout=subprocess.PIPE, check=True).stdout
    return {json.dumps(i, sort_keys=True) for i in json.loads(text)}


def files():
    found = set()
    for folder, _, names in os.walk('/run'):
        for name in [''] + names:
            path = os.path.join(folder, name)
            try:
                st = os.lstat(path)
            except FileNotFoundError:
                continue
            # Locks stay, and say nothing; but the announcement of a change must be over, and nobody has cores.
            if '/.lock' in path:
                if path.endswith('hugepages-machine') and st.st_size:
                    found.add(f'{path} {st.st_size} bytes')
                elif 'cores-ledger' in path:
                    found.add(path)
            elif not path.endswith(('.pcap', '.list')):
                found.add(f'{path} {st.st_mode:o} {st.st_uid}:{st.st_gid}')
    # Made by the first start of all, and there to stay.
    return {f for f in found if not re.match(r'/run/(user/)?vanity/? ', f)}


def machine():
    own = {os.getpid(), os.getppid()}
    all_of_it = {
        'mounts': set(read('/proc/self/mountinfo').splitlines()),
        'cgroups': {folder for folder, _, _ in os.walk('/sys/fs/cgroup')} |
                   {f'{p} {read(p).strip()}' for p in glob.glob('/sys/fs/cgroup/cgroup.subtree_control') +
                    glob.glob('/sys/fs/cgroup/unified/cgroup.subtree_control')},
        'drivers': links('/sys/bus/*/devices/*/driver'),
        'huge pages': {f'{p} {read(p).strip()}' for p in
                       glob.glob('/sys/devices/system/node/node*/hugepages/*/nr_hugepages') +
                       glob.glob('/sys/kernel/mm/hugepages/*/nr_hugepages')},
        'interrupts': {f'{p} {read(p).strip()}' for p in glob.glob('/proc/irq/*/smp_affinity') +
                       ['/proc/irq/default_smp_affinity'] +
                       glob.glob('/sys/devices/virtual/workqueue/*/cpumask')},
        'processes': {f'{p} {read(f"/proc/{p}/cmdline")}' for p in os.listdir('/proc')
                      if p.isdigit() and int(p) not in own and read(f'/proc/{p}/stat') and
                      read(f'/proc/{p}/cmdline')[:1] != '('},
        'interfaces': interfaces(),
        'files': files(),
    }
    return {what: held for what, held in all_of_it.items() if what not in IGNORED}


def reap():
    """As the first process of the namespace we inherit what a keeper leaves."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def difference(before):
    """What differs from @before, when it does so for a while; an end takes its time."""
    end = time.monotonic() + SETTLE_S
    while True:
        reap()
        now = machine()
        lines = [f'{what}: {sign} {line}' for what in before
                 for sign, lines in (('gone', before[what] - now[what]), ('new', now[what] - before[what]))
                 for line in sorted(lines)]
        if not lines or time.monotonic() > end:
            return lines
        time.sleep(0.01)


def prepare():
    subprocess.run('mount -t tmpfs none /run && mkdir -m 0700 /run/user &&'
                   f' chown {USER}:{USER} /run/user && ip link add inj0 type veth peer name inj1 && ip link set inj0 up && ip link set inj1 up',
                   shell=True, check=True)
    with open('/run/back.pcap', 'wb') as f:
        f.write(bytes.fromhex('d4c3b2a1020004000000000000000000ffff000001000000'))


def enter():
    """Again in namespaces of our own; ends with 77 where there are none."""
    if os.geteuid() != 0:
        print('needs root')
        sys.exit(SKIP)
    if os.environ.get('VANITY_INJECT_INSIDE'):
        return
    namespaces = ['unshare', '--mount', '--net', '--pid', '--fork', '--mount-proc']
    if subprocess.run([*namespaces, 'true'], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        print('no namespaces here')
        sys.exit(SKIP)
    os.environ['VANITY_INJECT_INSIDE'] = '1'
    os.execvp('unshare', [*namespaces, sys.executable, os.path.abspath(sys.argv[0]), *sys.argv[1:]])
