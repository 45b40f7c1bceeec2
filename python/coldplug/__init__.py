# SPDX-License-Identifier: LGPL-2.1-or-later
"""coldplug loads the kernel modules that the devices of a machine need: libcoldplug(3) in Python.

    import coldplug

    with coldplug.Coldplug(root='/srv/images/board') as c:
        print(c.resolve('fs-ext4'))
        c.walk()
        for step in c.plan():
            print(step.module, step.path)

A method has the name of a function in coldplug.h without "coldplug_", and does the same. An answer is a copy, which stays
valid. Text is decoded as file names are (os.fsdecode()). A failure is an Error, which has the errno. A context belongs to
one thread at a time. This module is as old as the library: since 0.1, all of it.
"""
import ctypes
import enum
import errno
import os
import select
import weakref
from ctypes import POINTER, byref, c_char_p, c_int, c_void_p
from types import TracebackType
from typing import Any, Callable, Iterator, List, NamedTuple, Optional, Sequence, Type, Union

from . import _library

__all__ = ['Coldplug', 'Error', 'By', 'Config', 'Entry', 'Field', 'FieldSource', 'Flag', 'Index', 'Initstate', 'Json', 'Kind',
           'Loaded', 'Module', 'Node', 'Reason', 'Relation', 'Rules', 'Section', 'State', 'Step', 'Summary', 'Symbol', 'Symbols',
           'Value', 'Why']

Path = Union[str, 'os.PathLike[str]']


class Error(OSError):
    """A call of the library failed. errno says why, and messages has what the library logged during the call."""

    def __init__(self, error: int, call: str, messages: Sequence[str] = ()) -> None:
        super().__init__(error, f'{call}: ' + ('; '.join(messages) or os.strerror(error)))
        self.messages = list(messages)


class Flag(enum.IntEnum):
    """enum coldplug_flag, for set_flag()."""
    DRY_RUN = 0
    ASYNC_PROBE = 1
    DEVICETREE = 2
    BLACKLIST = 3
    IGNORE_INSTALL = 4
    IGNORE_LOADED = 5
    UDEV = 6
    MONITOR = 7
    FOUND_TYPE = 8
    FIRST_TIME = 9
    REMOVE_HOLDERS = 10
    FORCE_MODVERSION = 11
    FORCE_VERMAGIC = 12
    FORCE_REMOVE = 13
    FIRMWARE = 14
    COMPANIONS = 15
    ORDERED = 16
    AWAIT_LEAVE = 17
    AWAIT_END = 18


class Initstate(enum.IntEnum):
    """enum coldplug_initstate: how a module is in the kernel."""
    ABSENT = 0
    COMING = 1
    LIVE = 2
    GOING = 3
    BUILTIN = 4


class By(enum.IntEnum):
    """enum coldplug_by: how modules() takes its text."""
    ALIAS = 0
    NAME = 1
    FILE = 2


class FieldSource(enum.IntEnum):
    """enum coldplug_field_source: where a field of a module comes from."""
    MODINFO = 0
    SIGNATURE = 1
    NOTE = 2


class Relation(enum.IntEnum):
    """enum coldplug_relation, for related()."""
    NEEDS = 0
    NEEDED_BY = 1


class Symbols(enum.IntEnum):
    """enum coldplug_symbols, for symbols()."""
    NEEDED = 0
    EXPORTED = 1
    UNDEFINED = 2


class Config(enum.IntEnum):
    """enum coldplug_config: the kinds of lines of modprobe.d(5)."""
    ALIAS = 0
    BLACKLIST = 1
    INSTALL = 2
    REMOVE = 3
    OPTIONS = 4
    SOFTDEP = 5
    WEAKDEP = 6
    FORBIDDEN = 7


class Index(enum.IntEnum):
    """enum coldplug_index: the index files of a release."""
    DEP = 0
    ALIAS = 1
    SYMBOLS = 2
    BUILTIN = 3
    BUILTIN_ALIAS = 4


class Kind(enum.IntEnum):
    """enum coldplug_kind: what a step does."""
    MODULE = 0
    COMMAND = 1
    ABSENT = 2


class State(enum.IntEnum):
    """enum coldplug_state: how a step ended."""
    PLANNED = 0
    DONE = 1
    ALREADY = 2
    DECLINED = 3
    FAILED = 4
    SKIPPED = 5


class Why(enum.IntEnum):
    """enum coldplug_why: what kind of reason it is."""
    DEVICE = 0
    NAME = 1
    DEPENDENCY = 2
    SOFTDEP_PRE = 3
    SOFTDEP_POST = 4
    BLACKLIST = 5
    FORBIDDEN = 6
    OPTION = 7
    INSTALL = 8
    OFF = 9
    BANNED = 10
    BUILTIN = 11
    LOADED = 12
    NO_FILE = 13
    ALONE = 14


class Json(enum.IntEnum):
    """enum coldplug_json, for json()."""
    PLAN = 0
    LOADED = 1


class Loaded(NamedTuple):
    """struct coldplug_loaded: a module in the kernel."""
    name: str
    size: int
    refcount: int
    holders: List[str]
    initstate: Initstate


class Module(NamedTuple):
    """struct coldplug_module."""
    name: str
    path: Optional[str] = None
    builtin: bool = False


class Field(NamedTuple):
    """struct coldplug_field: what a module says of itself."""
    key: str
    value: str
    source: FieldSource


class Node(NamedTuple):
    """struct coldplug_node: a device node whose opening loads a module."""
    module: str
    name: str
    type: str
    major: int
    minor: int


class Value(NamedTuple):
    """struct coldplug_value: a parameter of a module in the kernel. value is None if it cannot be read."""
    name: str
    value: Optional[str]


class Section(NamedTuple):
    """struct coldplug_section: a section of a module in the kernel. address is 0 if the kernel does not tell it."""
    name: str
    address: int


class Symbol(NamedTuple):
    """struct coldplug_symbol: a symbol of a module's file. crc is 0 if it has no version."""
    name: str
    crc: int
    weak: bool


class Entry(NamedTuple):
    """struct coldplug_entry: a line of the configuration, or an entry of an index, which has neither file nor line."""
    key: str
    value: str
    file: Optional[str]
    line: int


class Rules(NamedTuple):
    """struct coldplug_rules: what the configuration says of a module."""
    options: str
    install: Optional[str]
    remove: Optional[str]
    pre: List[str]
    post: List[str]
    weak: List[str]
    blacklisted: bool


class Step(NamedTuple):
    """struct coldplug_step: a module of the plan, and how it went."""
    module: str
    kind: Kind
    path: Optional[str]
    params: str
    command: Optional[str]
    state: State
    error: int
    message: str
    start_us: int
    end_us: int
    worker: int


class Reason(NamedTuple):
    """struct coldplug_reason: why something happens to a module."""
    why: Why
    alias: Optional[str]
    pattern: Optional[str]
    device: Optional[str]
    by: Optional[str]
    file: Optional[str]
    line: int


class Summary(NamedTuple):
    """struct coldplug_summary."""
    devices: int
    aliases: int
    modules: int
    loaded: int
    declined: int
    failed: int
    skipped: int
    withheld: int
    lost: int
    start_us: int
    end_us: int
    events: int
    events_ignored: int


_lib = _library.load()
_free = _library.load_free()


def _encode(text: Optional[Path]) -> Optional[bytes]:
    return None if text is None else os.fsencode(text)


def _text(data: Optional[bytes]) -> str:
    return os.fsdecode(data or b'')


def _maybe(data: Optional[bytes]) -> Optional[str]:
    return None if data is None else os.fsdecode(data)


def _loaded(m: _library.CLoaded) -> Loaded:
    return Loaded(_text(m.name), m.size, m.refcount, _text(m.holders).split(',') if m.holders else [], Initstate(m.initstate))


def _entry(e: _library.CEntry) -> Entry:
    return Entry(_text(e.key), _text(e.value), _maybe(e.file), e.line)


def _strings(items: Any) -> List[str]:
    """A list that ends with NULL."""
    texts: List[str] = []
    while items[len(texts)] is not None:
        texts.append(_text(items[len(texts)]))
    return texts


def _callback_of(c: 'Coldplug') -> Any:
    """The function that the library calls with messages. It does not keep the context alive."""
    reference = weakref.ref(c)

    def take(userdata: Any, level: int, message: bytes) -> None:
        context = reference()
        if context is not None:
            context._take_message(level, message)

    return _library.LOG(take)


def _command_callback_of(c: 'Coldplug', run: Callable[[str, str], int]) -> Any:
    """The function that the library calls to run a command."""
    reference = weakref.ref(c)

    def take(userdata: Any, module: bytes, command: bytes) -> int:
        try:
            return int(run(_text(module), _text(command)))
        except BaseException as e:  # ctypes would only print it
            context = reference()
            if context is not None:
                context._raised = context._raised or e
            return -errno.ECANCELED

    return _library.COMMAND(take)


class Coldplug:
    """A context (struct coldplug). close(), or the end of a with statement, frees it.

    root, module_root, release, archive and config_paths are those of coldplug_set_root() and its neighbours. With a root
    nothing is loaded. log is called with the level of syslog(3) and the text of each message of at most log_level. Raises Error.
    """

    def __init__(self, root: Optional[Path] = None, *, release: Optional[str] = None, module_root: Optional[Path] = None,
                 archive: Optional[Path] = None, config_paths: Optional[Sequence[Path]] = None,
                 log: Optional[Callable[[int, str], None]] = None, log_level: int = 4) -> None:
        self._context: Optional[c_void_p] = None
        self._messages: List[str] = []
        self._log = log
        self._raised: Optional[BaseException] = None
        context = c_void_p()
        error = _lib.coldplug_new(byref(context))
        if error < 0:
            raise Error(-error, 'new')
        self._context = context
        self._log_callback = _callback_of(self)
        _lib.coldplug_set_log(context, self._log_callback, None, log_level)
        try:
            if root is not None:
                self._call('set_root', _encode(root))
            if module_root is not None:
                self._call('set_module_root', _encode(module_root))
            if release is not None:
                self._call('set_release', _encode(release))
            if archive is not None:
                self._call('set_archive', _encode(archive))
            if config_paths is not None:
                self._call('set_config_paths', (c_char_p * (len(config_paths) + 1))(*map(_encode, config_paths)))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Frees the context. Loads in flight go on. It may be called again; every other call then raises ValueError."""
        context, self._context = self._context, None
        if context is not None:
            _lib.coldplug_free(context)

    def __enter__(self) -> 'Coldplug':
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                 traceback: Optional[TracebackType]) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, '_context', None) is not None:
            self.close()

    def _take_message(self, level: int, message: bytes) -> None:
        text = _text(message)
        if level <= 3:
            self._messages.append(text)
        if self._log:
            try:
                self._log(level, text)
            except BaseException as e:  # ctypes would only print it
                self._raised = self._raised or e

    def _call(self, name: str, *args: Any) -> Any:
        """Calls a function of the library. A negative answer is raised, and so is what log() has raised."""
        if self._context is None:
            raise ValueError('this context has been closed')
        self._messages.clear()
        r = getattr(_lib, 'coldplug_' + name)(self._context, *args)
        if self._raised:
            raised, self._raised = self._raised, None
            raise raised
        if isinstance(r, int) and r < 0:
            raise Error(-r, name, self._messages)
        return r

    def _list(self, kind: Any, name: str, *args: Any) -> Iterator[Any]:
        items = POINTER(kind)()
        n = self._call(name, *args, byref(items))
        return (items[i] for i in range(n))

    def _names(self, name: str, *args: Any) -> List[str]:
        return [_text(item) for item in self._list(c_char_p, name, *args)]

    def _owned_text(self, name: str, *args: Any) -> str:
        text = c_void_p()
        self._call(name, *args, byref(text))
        try:
            return os.fsdecode(ctypes.string_at(text))
        finally:
            _free(text)

    # Settings

    def set_flag(self, flag: Flag, on: bool = True) -> None:
        """Sets or clears a flag. Raises Error: EBUSY after the first call that is not a setting. Since 0.1."""
        self._call('set_flag', int(flag), on)

    def set_jobs(self, jobs: int) -> None:
        """Sets how many loads may be in flight; 0: a number that depends on that of the processors. Since 0.1."""
        self._call('set_jobs', jobs)

    def add_alone(self, module: str) -> None:
        """Has a module load while no other does. Raises Error: EINVAL: it is no name; EBUSY. Since 0.1."""
        self._call('add_alone', _encode(module))

    def set_report(self, path: Path) -> None:
        """Has a report written, see coldplug-report(5). Raises Error: EBUSY. Since 0.1."""
        self._call('set_report', _encode(path))

    def set_profile(self, path: Path) -> None:
        """Has a run go by a profile of earlier boots, see coldplug-profile(8). Raises Error: EBUSY. Since 0.1."""
        self._call('set_profile', _encode(path))

    def is_dry_run(self) -> bool:
        """Whether nothing is loaded. Since 0.1."""
        return bool(self._call('is_dry_run'))

    # Questions

    def resolve(self, alias: str) -> List[str]:
        """The modules that match an alias or name, in libkmod's order. Raises Error: EINVAL if its brackets do not balance.
        Since 0.1."""
        return self._names('resolve', _encode(alias))

    def loaded(self) -> List[Loaded]:
        """The loaded modules, the newest first. Raises Error: ENOENT without /proc/modules. Since 0.1."""
        return [_loaded(m) for m in self._list(_library.CLoaded, 'loaded')]

    def initstate(self, name: str) -> Loaded:
        """How one module is in the kernel now. One that is not there has Initstate.ABSENT. Since 0.1."""
        answer = _library.CLoaded()
        self._call('initstate', _encode(name), byref(answer))
        return _loaded(answer)

    def modules(self, text: str, by: By = By.ALIAS) -> List[Module]:
        """The modules that a name, an alias or the path of a file means. Raises Error: EINVAL if it is not an alias, ENOENT
        if there is no such file. Since 0.1."""
        return [Module(_text(m.name), _maybe(m.path), m.builtin)
                for m in self._list(_library.CModule, 'modules', _encode(text), int(by))]

    def modinfo(self, module: Module) -> List[Field]:
        """What a module's file says of it. Raises Error: ENOENT if it has none, ENODATA if that says nothing, ENOEXEC if it
        is no module, EINVAL if it is damaged, EFBIG. Since 0.1."""
        c_module = _library.CModule(_encode(module.name), _encode(module.path), module.builtin)
        return [Field(_text(f.key), _text(f.value), FieldSource(f.source))
                for f in self._list(_library.CField, 'modinfo', byref(c_module))]

    def nodes(self) -> List[Node]:
        """The device nodes of modules.devname. Raises Error: ENOENT if there is no such file. Since 0.1."""
        return [Node(_text(n.module), _text(n.name), _text(n.type), n.major, n.minor)
                for n in self._list(_library.CNode, 'nodes')]

    def related(self, module: str, relation: Relation) -> List[str]:
        """The modules that one needs, or that need it, also indirectly. Since 0.1."""
        return self._names('related', _encode(module), int(relation))

    def firmware(self, name: str) -> List[str]:
        """The paths of a firmware's files; none if it is missing. Since 0.1."""
        return self._names('firmware', _encode(name))

    def values(self, module: str) -> List[Value]:
        """The parameters that a module has in the kernel, with their values. Since 0.1."""
        return [Value(_text(v.name), _maybe(v.value)) for v in self._list(_library.CValue, 'values', _encode(module))]

    def sections(self, module: str) -> List[Section]:
        """The sections of a module in the kernel, by name. Since 0.1."""
        return [Section(_text(s.name), s.address) for s in self._list(_library.CSection, 'sections', _encode(module))]

    def symbols(self, module: Module, which: Symbols) -> List[Symbol]:
        """The symbols of a module's file. Raises Error: ENOENT, ENODATA if it has no such table, ENOEXEC if it is no module,
        EINVAL if it is damaged. Since 0.1."""
        c_module = _library.CModule(_encode(module.name), _encode(module.path), module.builtin)
        return [Symbol(_text(s.name), s.crc, s.weak)
                for s in self._list(_library.CSymbol, 'symbols', byref(c_module), int(which))]

    def config(self, kind: Config) -> List[Entry]:
        """The lines of one kind that are in force, with those of the kernel command line. Since 0.1."""
        return [_entry(e) for e in self._list(_library.CEntry, 'config', int(kind))]

    def index(self, index: Index) -> List[Entry]:
        """The entries of an index. Since 0.1."""
        return [_entry(e) for e in self._list(_library.CEntry, 'index', int(index))]

    def rules(self, module: str) -> Rules:
        """What the configuration says of a module. Since 0.1."""
        r = _library.CRules()
        self._call('rules', _encode(module), byref(r))
        return Rules(_text(r.options), _maybe(r.install), _maybe(r.remove), _strings(r.pre), _strings(r.post),
                     _strings(r.weak), r.blacklisted)

    def changed(self) -> bool:
        """Whether the configuration or an index has changed since this was called first. Since 0.1."""
        return bool(self._call('changed'))

    # Requests

    def walk(self) -> int:
        """Requests the modules of the devices in /sys. Returns how many aliases are new. Raises Error: ENOENT without
        /sys/devices. Since 0.1."""
        return int(self._call('walk'))

    def want(self, name: str, params: Optional[str] = None) -> bool:
        """Requests a module by name, alias or path. Returns whether it matches one. Since 0.1."""
        return bool(self._call('want', _encode(name), _encode(params)))

    def want_configured(self) -> None:
        """Requests the modules of modules-load.d(5) and of the kernel command line. Since 0.1."""
        self._call('want_configured')

    def want_loaded(self) -> None:
        """Requests the modules that are loaded. Since 0.1."""
        self._call('want_loaded')

    # The plan

    def plan(self) -> List[Step]:
        """Makes steps for all requests since the last call, and returns these. Raises Error: EBUSY if the steps of the last
        call have not been handed to load() yet. Since 0.1."""
        before = self._call('steps')
        self._call('plan')
        return self.steps()[before:]

    def steps(self) -> List[Step]:
        """All steps, with their results. Since 0.1."""
        return [self._step(i) for i in range(self._call('steps'))]

    def _step(self, i: int) -> Step:
        s = self._call('step', i).contents
        return Step(_text(s.module), Kind(s.kind), _maybe(s.path), _text(s.params), _maybe(s.command), State(s.state), s.error,
                    _text(s.message), s.start_us, s.end_us, s.worker)

    def plan_text(self) -> str:
        """The plan as modprobe -a -D prints it. Since 0.1."""
        return self._owned_text('plan_text')

    def why(self, module: str) -> List[Reason]:
        """All reasons for what happens to a module, by the requests so far. Since 0.1."""
        return [Reason(Why(r.why), _maybe(r.alias), _maybe(r.pattern), _maybe(r.device), _maybe(r.by), _maybe(r.file), r.line)
                for r in self._list(_library.CReason, 'why', _encode(module))]

    def withheld(self) -> List[str]:
        """The requested modules that a rule withholds. Since 0.1."""
        return self._names('withheld')

    def not_found(self) -> List[str]:
        """The names that match nothing. Since 0.1."""
        return self._names('not_found')

    def undriven(self) -> List[str]:
        """The devices with an alias but without a driver. Since 0.1."""
        return self._names('undriven')

    # Loading

    def run(self) -> None:
        """Loads the modules for this machine, until it has settled or the devices of wait_for() are there. It must be called
        before there is a second thread. A signal handler of Python's may end it: loads in flight go on. Raises Error:
        ETIMEDOUT, or why it cannot work. exit_code() and steps() say how it went. Since 0.1."""
        timeout, poll = c_int(-1), select.poll()
        self._call('begin')
        if self.is_dry_run():
            return
        poll.register(self._call('fd'), select.POLLIN)
        while not self._call('advance', byref(timeout)):
            poll.poll(None if timeout.value < 0 else timeout.value)

    def start(self) -> None:
        """Starts the loading process, before there is a second thread. Since 0.1."""
        self._call('start')

    def load(self) -> None:
        """Hands the planned steps to the loading process. Since 0.1."""
        self._call('load')

    def wait(self) -> None:
        """Waits until each step that was handed over has a result. Since 0.1."""
        self._call('wait')

    def finish(self) -> None:
        """Waits until the report is written. Raises Error if it cannot be. Since 0.1."""
        self._call('finish')

    def cancel(self) -> None:
        """Stops the starting of loads. Since 0.1."""
        self._call('cancel')

    def wait_for(self, spec: str, timeout: Optional[float] = None) -> None:
        """Makes run() return as soon as a device is there. timeout is in seconds, for all devices. Raises Error: EINVAL if
        spec is no device, EOPNOTSUPP if the library cannot look for it. Since 0.1."""
        self._call('wait_for', _encode(spec))
        if timeout is not None:
            self._call('set_timeout', int(timeout * 1000))

    def found(self, i: int = 0) -> Optional[str]:
        """The device node of the i-th call of wait_for(), or None while it is not there. Since 0.1."""
        return _maybe(self._call('found', i))

    def set_command(self, run: Optional[Callable[[str, str], int]]) -> None:
        """Has install and remove commands of insert() and remove() run by a function, which is called with the module and the
        command and returns an exit status. Its exceptions are those of insert() and remove(). None: by /bin/sh.
        Since 0.1."""
        self._command_callback = _command_callback_of(self, run) if run else ctypes.cast(c_void_p(), _library.COMMAND)
        self._call('set_command', self._command_callback, None)

    def insert(self, name: str, params: Optional[str] = None) -> bool:
        """Loads a module and what it needs in this process, as modprobe(8). Returns False if blacklists withhold all that
        matches. Raises Error: ENOENT if nothing has this name, or why the last match failed. Since 0.1."""
        return not self._call('insert', _encode(name), _encode(params))

    def remove(self, name: str, wait_ms: int = 0) -> None:
        """Removes a module and what only it needed, as modprobe -r. Raises Error: ENOENT, EBUSY, EINVAL, ELOOP, or the
        kernel's. Since 0.1."""
        self._call('remove', _encode(name), wait_ms)

    # Results

    def json(self, what: Json = Json.PLAN) -> str:
        """The plan or the loaded modules as JSON. Since 0.1."""
        return self._owned_text('json', int(what))

    def summary(self) -> Summary:
        """The counts so far (coldplug_get_summary()). Since 0.1."""
        answer = _library.CSummary()
        self._call('get_summary', byref(answer))
        return Summary(*(getattr(answer, name) for name in Summary._fields))

    def exit_code(self) -> int:
        """The exit code that coldplug(8) would have: 0, 1, 2 or 111. Since 0.1."""
        return int(self._call('exit_code'))
