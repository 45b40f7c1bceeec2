# SPDX-License-Identifier: LGPL-2.1-or-later
"""Module trees, states of a kernel and modprobe.d directories that are made at random, for tests/reference/modprobe.

The modules are real ones, of a release that is installed: few of them, some compressed, and some files lost, cut short or
damaged after depmod has seen them.
"""
import lzma
import os
import shutil
import subprocess

RELEASE = "1.2.3-ref"
SIZE_MAX = 200_000
ERRORS = {1: "EPERM", 2: "ENOENT", 8: "ENOEXEC", 11: "EAGAIN", 12: "ENOMEM", 19: "ENODEV", 22: "EINVAL", 95: "EOPNOTSUPP",
          125: "ECANCELED", 129: "EKEYREJECTED"}


def plain(path):
    with open(path, "rb") as f:
        data = f.read()
    if path.endswith(".xz"):
        return lzma.decompress(data)
    if path.endswith(".zst"):
        return zstd(data, "-d")
    return data


def zstd(data, *words):
    return subprocess.run(["zstd", "-q", "-c", *words], input=data, stdout=subprocess.PIPE, check=True).stdout


def compress(rng, data):
    """The bytes and the suffix."""
    kind = rng.choice(["", "", "xz", "zst"])
    if kind == "xz":
        return lzma.compress(data, check=rng.choice([lzma.CHECK_CRC32, lzma.CHECK_CRC64]), preset=0), ".xz"
    if kind == "zst":
        # kmod 34.2 refuses a header without the size, which zstd cannot know of a pipe.
        return zstd(data, "-1", f"--stream-size={len(data)}"), ".zst"
    return data, ""


def variable(name):
    return name.replace("-", "_")


class Tree:
    """A lib/modules/RELEASE below top, with what plan.Config asks of a machine."""

    def __init__(self, source, rng, top):
        self.top, self.source, self.rng = top, source, rng
        self.directory = f"{top}/lib/modules/{RELEASE}"
        self.release = RELEASE
        self.files = {}
        os.makedirs(f"{self.directory}/kernel")
        chosen = self.choose()
        for name in chosen:
            self.add(name)
        self.write_lists(chosen)
        subprocess.run(["depmod", "-b", top, RELEASE], check=True, stderr=subprocess.DEVNULL)
        self.read_indexes()
        self.damaged = {}
        self.damage()
        self.loose_files()

    def choose(self):
        """Modules with all that they need, none of them big: each call of kmod reads what is compressed."""
        source, rng, chosen = self.source, self.rng, {}
        heads = rng.sample(source.names, 400)
        heads.sort(key=lambda n: not 1 < len(source.deps[n]) < 8)
        for head in heads:
            closure = [head, *source.deps[head]]
            if len(chosen) < 60 and all(self.small(n) for n in closure):
                chosen.update(dict.fromkeys(closure))
        return list(chosen)

    def small(self, name):
        path = f"{self.source.directory}/{self.source.paths[name]}"
        return os.path.getsize(path) < (SIZE_MAX if path.endswith(".ko") else SIZE_MAX // 4)

    def add(self, name):
        data, suffix = compress(self.rng, plain(f"{self.source.directory}/{self.source.paths[name]}"))
        path = f"{self.directory}/{self.rng.choice(['kernel', 'kernel/a/b', 'updates'])}/{name}.ko{suffix}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)
        self.files[name] = path

    def write_lists(self, chosen):
        order = [os.path.relpath(self.files[n], self.directory) for n in chosen]
        self.rng.shuffle(order)
        self.put("modules.order", "".join(f.split(".ko")[0] + ".ko\n" for f in order))
        builtin = [l for l in self.source.lines("modules.builtin")][:30]
        self.put("modules.builtin", "".join(l + "\n" for l in builtin))
        shutil.copy(f"{self.source.directory}/modules.builtin.modinfo", self.directory)

    def put(self, name, text):
        with open(f"{self.directory}/{name}", "w", encoding="latin-1") as f:
            f.write(text)

    def lines(self, name):
        with open(f"{self.directory}/{name}", encoding="latin-1") as f:
            return [l for l in f.read().split("\n") if l and not l.startswith("#")]

    def read_indexes(self):
        self.deps = {}
        for line in self.lines("modules.dep"):
            path, _, deps = line.partition(":")
            self.deps[self.name_of(path)] = [self.name_of(d) for d in deps.split()]
        self.names = list(self.deps)
        self.aliases = [l.split(" ")[1:] for l in self.lines("modules.alias")]
        self.symbols = [l.split(" ")[1] for l in self.lines("modules.symbols")]
        self.builtin = [self.name_of(l) for l in self.lines("modules.builtin")]

    @staticmethod
    def name_of(path):
        return path.split("/")[-1].split(".")[0]

    def needs(self, name):
        """What it needs itself: modules.dep has also what these need."""
        deps = self.deps[name]
        return [d for d in deps if not any(d in self.deps[other] for other in deps if other != d)]

    def damage(self):
        """A lost file is one on which nothing depends: see MISSING_DEPENDENCY of modprobe."""
        rng = self.rng
        leaves = [n for n in self.names if not any(n in deps for deps in self.deps.values())]
        for name in rng.sample(leaves, min(2, len(leaves))):
            os.unlink(self.files[name])
            self.damaged[name] = "lost"
        for name in rng.sample([n for n in self.names if n not in self.damaged], 8):
            with open(self.files[name], "rb") as f:
                data = f.read()
            data, self.damaged[name] = self.harm(data)
            with open(self.files[name], "wb") as f:
                f.write(data)

    def harm(self, data):
        rng = self.rng
        size, at = rng.randrange(17), rng.randrange(len(data))
        return rng.choice([lambda: (data[:size], f"cut to {size}"), lambda: (data[:at], f"cut to {at}"),
                           lambda: (bytes(rng.randrange(256) for _ in range(size)), f"{size} other bytes"),
                           lambda: (data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1:], f"byte {at}"),
                           lambda: (compress(rng, b"no module")[0], "no module")])()

    def loose_files(self):
        """Files to be named by a path, in the directory in which modprobe is called."""
        os.makedirs(f"{self.top}/here/sub")
        names = self.rng.sample([n for n in self.names if n not in self.damaged], 3)
        for name, place in zip(names, ("here", "here/sub", "here")):
            shutil.copy(self.files[name], f"{self.top}/{place}")
        self.loose = [f"./{os.path.basename(self.files[names[0]])}", f"./sub/{os.path.basename(self.files[names[1]])}",
                      f"{self.top}/here/{os.path.basename(self.files[names[2]])}", f"{self.top}/./here/none.ko", "./none.ko",
                      "./here", "./", self.files[names[0]], self.files[self.rng.choice(self.names)],
                      *(self.files[n] for n in self.damaged)]


class State:
    """What is in the kernel, and what it answers."""

    def __init__(self, tree, rng, modules, coming):
        self.tree, self.rng, self.loaded = tree, rng, {}
        for name in modules:
            if rng.randrange(2):
                self.load(name)
        self.lines = [f"needs {variable(n)} {' '.join(variable(d) for d in tree.needs(n))}" for n in tree.names if tree.needs(n)]
        for name in tree.names:
            if not rng.randrange(8):
                self.lines.append(f"insert {variable(name)} {rng.choice(list(ERRORS))}")
            if not rng.randrange(12):
                self.lines.append(f"delete {variable(name)} {rng.choice([1, 11, 12, 16, 125])}")
        self.lines += [f"builtin {variable(n)}" for n in list(dict.fromkeys(tree.builtin))[:5]]
        self.lines += [self.module(n, holders, coming) for n, holders in self.loaded.items()]

    def module(self, name, holders, coming):
        rng = self.rng
        users = len(holders) + (0 if rng.randrange(5) else 1)
        if not rng.randrange(8):
            users = 0  # as if they had gone meanwhile
        state = "coming" if coming and not rng.randrange(10) else "live"
        return " ".join(["module", variable(name), str(users), state, *(variable(h) for h in holders)])

    def load(self, name):
        if name in self.loaded:
            return
        self.loaded[name] = []
        for dep in self.tree.needs(name):
            self.load(dep)
            self.loaded[dep].append(name)

    def write(self, path):
        with open(path, "w", encoding="ascii") as f:
            f.write("".join(l + "\n" for l in self.lines))
