# SPDX-License-Identifier: LGPL-2.1-or-later
"""Modules of any word size and byte order that are made of nothing, for tests/reference/depmod."""
import struct

UNDEFINED, ABSOLUTE = 0, 0xfff1
GLOBAL, WEAK = 1, 2


def strings(words):
    return b"".join(w.encode("latin-1") + b"\0" for w in words)


class Module:
    """What a module says: lines of .modinfo, exported and needed symbols, and the versions of both."""

    def __init__(self, info=(), exports=(), needs=(), weak=(), versions=None, crcs=True, bits=64, big=False, machine=62):
        self.info, self.exports = info if info is None else list(info), list(exports)
        self.needs, self.weak = list(needs), list(weak)
        self.versions, self.crcs = versions, crcs
        self.bits, self.order, self.machine = bits, ">" if big else "<", machine

    def word(self, value):
        return struct.pack(self.order + ("Q" if self.bits == 64 else "I"), value)

    def pack(self, form, *values):
        return struct.pack(self.order + form, *values)

    def symbol(self, name, value, bind, section):
        if self.bits == 64:
            return self.pack("IBBHQQ", name, bind << 4, 0, section, value, 0)
        return self.pack("IIIBBH", name, value, 0, bind << 4, 0, section)

    def symbols(self):
        """The symbol table and its strings."""
        names, table = b"\0", self.symbol(0, 0, 0, 0)
        crcs = [("__crc_" + n, 0x1000 + crc, GLOBAL, ABSOLUTE) for n, crc in self.exports] if self.crcs else []
        own = [("init_module", 0, GLOBAL, ABSOLUTE)]
        needed = [(n, 0, WEAK if n in self.weak else GLOBAL, UNDEFINED) for n in self.needs]
        for name, value, bind, section in own + crcs + needed:
            table += self.symbol(len(names), value, bind, section)
            names += name.encode() + b"\0"
        return table, names

    def version(self, name, crc):
        head = self.word(crc)
        return head + name.encode()[:64 - len(head) - 1].ljust(64 - len(head), b"\0")

    def sections(self):
        """Name, type, contents, index of another section, size of an entry."""
        table, names = self.symbols()
        found = []
        if self.info is not None:
            found.append((".modinfo", 1, strings(self.info), 0, 0))
        if self.versions is not None:
            found.append(("__versions", 1, b"".join(self.version(n, 0x1000 + c) for n, c in self.versions), 0, 64))
        if self.exports:
            found.append(("__ksymtab_strings", 1, strings(n for n, _ in self.exports), 0, 0))
        found.append((".symtab", 2, table, len(found) + 2, 24 if self.bits == 64 else 16))
        found.append((".strtab", 3, names, 0, 0))
        return found

    def header(self, at, n):
        ident = b"\x7fELF" + bytes([2 if self.bits == 64 else 1, 1 if self.order == "<" else 2, 1]) + bytes(9)
        size, entry = (64, 64) if self.bits == 64 else (52, 40)
        return ident + self.pack("HHI", 1, self.machine, 1) + self.word(0) + self.word(0) + self.word(at) + \
            self.pack("IHHHHHH", 0, size, 0, 0, entry, n, n - 1)

    def data(self):
        sections = self.sections()
        names, heads, body = b"\0", b"", b""
        begin = 64 if self.bits == 64 else 52
        every = sections + [(".shstrtab", 3, None, 0, 0)]
        all_names = strings(["", *(s[0] for s in every)])
        for name, kind, contents, link, entry in every:
            contents = all_names if contents is None else contents
            body += bytes(-(begin + len(body)) % 8)
            heads += self.pack("II", len(names), kind) + self.word(0) + self.word(0) + self.word(begin + len(body)) + \
                self.word(len(contents)) + self.pack("II", link, 0) + self.word(1) + self.word(entry)
            names += name.encode() + b"\0"
            body += contents
        body += bytes(-(begin + len(body)) % 8)
        null = bytes(64 if self.bits == 64 else 40)
        return self.header(begin + len(body), len(every) + 1) + body + null + heads
