# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of hooks share: files, and the result of each check as TAP."""
import os


def write(path, text='', mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as f:
        f.write(text)
    os.chmod(path, mode)


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
