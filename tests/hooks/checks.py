# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of hooks share: files, an archive of modules, and the result of each check as TAP."""
import glob, itertools, os, re, shutil, subprocess, tempfile

SUFFIX = re.compile(r'\.(gz|xz|zst)$')


def write(path, text='', mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as f:
        f.write(text)
    os.chmod(path, mode)


def pack(program, dir):
    """Packs nvme, e100, r8169 and what they need, of an installed kernel. (release, their paths, archive), or None."""
    def run(*args):
        return subprocess.run([program, *args], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=300)

    for index in sorted(glob.glob('/lib/modules/*/modules.dep.bin')):
        there, release = os.path.dirname(index), index.split('/')[3]
        files = run('closure', '--no-firmware', '--no-companions', '-S', release, 'nvme', 'e100', 'r8169')
        if files.returncode:
            continue
        paths = [os.path.relpath(file, there) for file in files.stdout.splitlines()]
        for path in paths:
            os.makedirs(os.path.dirname(f'{dir}/root{there}/{path}'), exist_ok=True)
            shutil.copy(f'{there}/{path}', f'{dir}/root{there}/{path}')
        if not run('pack', '-q', '--root', dir + '/root', '-S', release, '-o', dir + '/modules.archive').returncode:
            return release, [SUFFIX.sub('', path) for path in paths], dir + '/modules.archive'
    print('# no kernel with modules is installed, or this build does not pack')


def archive_checks(program, use):
    """What use(dir, image, release, archive) does to the modules of an image that are in an archive."""
    with tempfile.TemporaryDirectory() as dir:
        packed = pack(program, dir)
        if not packed:
            return []
        release, paths, archive = packed
        image = dir + '/a b'
        modules = f'{image}/lib/modules/{release}'
        os.makedirs(image + '/etc/modprobe.d')
        kept = ['extra/own.ko', 'extra/own one.ko.xz', 'extra/not\none.ko', 'kernel/own.ko.zst', paths[0] + '.old', 'modules.order']
        for path, suffix in zip(paths, itertools.cycle(['', '.gz', '.xz', '.zst'])):
            if not path.endswith('/e100.ko'):
                write(f'{modules}/{path}{suffix}')
        for path in kept:
            write(f'{modules}/{path}')
        use(dir, image, release, archive)
        left = [os.path.relpath(os.path.join(d, f), modules) for d, _, names in os.walk(modules) for f in names]
        # r8169 names firmware too.
        return [('a driver whose firmware is not in the image is not loaded for devices',
                 open(image + '/etc/modprobe.d/coldplug-archive.conf').read(), 'blacklist e100\n'),
                ('the files of modules that are in the archive are removed, and no other', sorted(left), sorted(kept))]


def report(checks):
    """checks: (name, got, want). Whether one failed."""
    failed = 0
    print(f'1..{len(checks)}')
    for i, (name, got, want) in enumerate(checks, 1):
        failed += got != want
        print('ok' if got == want else 'not ok', i, '-', name)
        if got != want:
            print(f'# {got} instead of {want}')
    return failed > 0
