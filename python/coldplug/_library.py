# SPDX-License-Identifier: LGPL-2.1-or-later
"""The C library as ctypes sees it: its structures and prototypes, as in coldplug.h."""
import ctypes
import os
from ctypes import POINTER, c_bool, c_char, c_char_p, c_int, c_int64, c_size_t, c_uint, c_uint64, c_void_p
from typing import Any


class CLoaded(ctypes.Structure):
    _fields_ = [('name', c_char_p), ('size', c_uint64), ('refcount', c_int64), ('holders', c_char_p), ('initstate', c_int)]


class CModule(ctypes.Structure):
    _fields_ = [('name', c_char_p), ('path', c_char_p), ('builtin', c_bool)]


class CField(ctypes.Structure):
    _fields_ = [('key', c_char_p), ('value', c_char_p), ('source', c_int)]


class CNode(ctypes.Structure):
    _fields_ = [('module', c_char_p), ('name', c_char_p), ('type', c_char), ('major', c_uint), ('minor', c_uint)]


class CValue(ctypes.Structure):
    _fields_ = [('name', c_char_p), ('value', c_char_p)]


class CSection(ctypes.Structure):
    _fields_ = [('name', c_char_p), ('address', c_uint64)]


class CSymbol(ctypes.Structure):
    _fields_ = [('name', c_char_p), ('crc', c_uint64), ('weak', c_bool)]


class CEntry(ctypes.Structure):
    _fields_ = [('key', c_char_p), ('value', c_char_p), ('file', c_char_p), ('line', c_uint)]


class CRules(ctypes.Structure):
    _fields_ = [('options', c_char_p), ('install', c_char_p), ('remove', c_char_p), ('pre', POINTER(c_char_p)),
                ('post', POINTER(c_char_p)), ('weak', POINTER(c_char_p)), ('blacklisted', c_bool)]


class CStep(ctypes.Structure):
    _fields_ = [('module', c_char_p), ('kind', c_int), ('path', c_char_p), ('params', c_char_p), ('command', c_char_p),
                ('state', c_int), ('error', c_int), ('message', c_char_p), ('start_us', c_uint64), ('end_us', c_uint64),
                ('worker', c_uint)]


class CReason(ctypes.Structure):
    _fields_ = [('why', c_int), ('alias', c_char_p), ('pattern', c_char_p), ('device', c_char_p), ('by', c_char_p),
                ('file', c_char_p), ('line', c_uint)]


class CSummary(ctypes.Structure):
    _fields_ = [('devices', c_size_t), ('aliases', c_size_t), ('modules', c_size_t), ('loaded', c_size_t),
                ('declined', c_size_t), ('failed', c_size_t), ('skipped', c_size_t), ('withheld', c_size_t),
                ('lost', c_size_t), ('start_us', c_uint64), ('end_us', c_uint64), ('events', c_uint64),
                ('events_ignored', c_uint64)]


COMMAND = ctypes.CFUNCTYPE(c_int, c_void_p, c_char_p, c_char_p)
LOG = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_char_p)
STRINGS = POINTER(c_char_p)

# Each function with what it returns and takes behind the context.
PROTOTYPES: 'dict[str, tuple[Any, list[Any]]]' = {
    'set_root': (c_int, [c_char_p]),
    'set_module_root': (c_int, [c_char_p]),
    'set_release': (c_int, [c_char_p]),
    'set_archive': (c_int, [c_char_p]),
    'set_config_paths': (c_int, [POINTER(c_char_p)]),
    'set_jobs': (c_int, [c_uint]),
    'add_alone': (c_int, [c_char_p]),
    'set_flag': (c_int, [c_int, c_bool]),
    'set_log': (None, [LOG, c_void_p, c_int]),
    'set_report': (c_int, [c_char_p]),
    'set_profile': (c_int, [c_char_p]),
    'set_timeout': (c_int, [c_uint]),
    'is_dry_run': (c_bool, []),
    'resolve': (c_int, [c_char_p, POINTER(STRINGS)]),
    'loaded': (c_int64, [POINTER(POINTER(CLoaded))]),
    'initstate': (c_int, [c_char_p, POINTER(CLoaded)]),
    'modules': (c_int64, [c_char_p, c_int, POINTER(POINTER(CModule))]),
    'modinfo': (c_int64, [POINTER(CModule), POINTER(POINTER(CField))]),
    'nodes': (c_int64, [POINTER(POINTER(CNode))]),
    'related': (c_int64, [c_char_p, c_int, POINTER(STRINGS)]),
    'firmware': (c_int64, [c_char_p, POINTER(STRINGS)]),
    'values': (c_int64, [c_char_p, POINTER(POINTER(CValue))]),
    'sections': (c_int64, [c_char_p, POINTER(POINTER(CSection))]),
    'symbols': (c_int64, [POINTER(CModule), c_int, POINTER(POINTER(CSymbol))]),
    'config': (c_int64, [c_int, POINTER(POINTER(CEntry))]),
    'index': (c_int64, [c_int, POINTER(POINTER(CEntry))]),
    'rules': (c_int, [c_char_p, POINTER(CRules)]),
    'changed': (c_int, []),
    'walk': (c_int64, []),
    'want': (c_int, [c_char_p, c_char_p]),
    'want_configured': (c_int, []),
    'want_loaded': (c_int, []),
    'plan': (c_int64, []),
    'steps': (c_size_t, []),
    'step': (POINTER(CStep), [c_size_t]),
    'plan_text': (c_int, [POINTER(c_void_p)]),
    'why': (c_int64, [c_char_p, POINTER(POINTER(CReason))]),
    'withheld': (c_int64, [POINTER(STRINGS)]),
    'not_found': (c_int64, [POINTER(STRINGS)]),
    'undriven': (c_int64, [POINTER(STRINGS)]),
    'begin': (c_int, []),
    'advance': (c_int, [POINTER(c_int)]),
    'start': (c_int, []),
    'load': (c_int, []),
    'wait': (c_int, []),
    'finish': (c_int, []),
    'fd': (c_int, []),
    'cancel': (None, []),
    'wait_for': (c_int, [c_char_p]),
    'found': (c_char_p, [c_size_t]),
    'set_command': (None, [COMMAND, c_void_p]),
    'insert': (c_int, [c_char_p, c_char_p]),
    'remove': (c_int, [c_char_p, c_uint]),
    'json': (c_int, [c_int, POINTER(c_void_p)]),
    'get_summary': (None, [POINTER(CSummary)]),
    'exit_code': (c_int, []),
}


def load() -> ctypes.CDLL:
    """Loads the library: the one that the environment variable COLDPLUG_LIBRARY names, or the installed one."""
    library = ctypes.CDLL(os.environ.get('COLDPLUG_LIBRARY') or 'libcoldplug.so.0')
    library.coldplug_new.restype, library.coldplug_new.argtypes = c_int, [POINTER(c_void_p)]
    library.coldplug_free.restype, library.coldplug_free.argtypes = c_void_p, [c_void_p]
    for name, (result, arguments) in PROTOTYPES.items():
        function = getattr(library, 'coldplug_' + name)
        function.restype, function.argtypes = result, [c_void_p, *arguments]
    return library


def load_free() -> Any:
    """free(3), for the texts that belong to the caller."""
    free = ctypes.CDLL(None).free
    free.restype, free.argtypes = None, [c_void_p]
    return free
