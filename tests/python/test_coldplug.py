#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Python module, on fabricated roots. COLDPLUG_LIBRARY is the library, SOURCE the tree, CC the compiler."""
import ctypes, errno, gc, os, re, resource, subprocess, sys, tempfile, threading, unittest

SOURCE = os.environ['SOURCE']
sys.path.insert(0, SOURCE + '/python')
sys.dont_write_bytecode = True
import coldplug
from coldplug import By, Coldplug, Config, Flag, Index, Initstate, Kind, Module, Relation, State, Symbols, Why, _library

HEADER = re.sub(r'/\*.*?\*/', '', open(SOURCE + '/libcoldplug/coldplug.h').read(), flags=re.S)
# These are for callers in C: they take callbacks or descriptors, or build images and recordings.
NOT_HERE = {'new', 'free', 'set_receive_buffer', 'set_progress', 'set_event', 'set_act', 'set_stream', 'set_record', 'set_recording',
            'parameters', 'want_filesystem', 'expect_filesystem', 'closure', 'closure_extract', 'image', 'run', 'is_settled', 'leave', 'prepare_mount', 'found_type',
            'signatures', 'dispatch', 'reload', 'record', 'replay', 'match', 'insert_fd', 'remove_module', 'config_text',
            'symbols_text', 'module_directory', 'pack', 'depmod', 'archive_list', 'archive_show', 'archive_diff', 'archive_extract',
            'archive_verify'}
# A path, and what is in it.
FILES = {
    'lib/modules/1.0/modules.dep': 'a.ko: b.ko\nb.ko:\nblack.ko:\n',
    'lib/modules/1.0/modules.alias': 'alias pci:* a\nalias pci:1 black\n',
    'lib/modules/1.0/modules.symbols': '',
    'lib/modules/1.0/modules.builtin': 'kernel/in.ko\n',
    'lib/modules/1.0/modules.builtin.modinfo': 'in.license=GPL\0in.parm=p:text\0',
    'lib/modules/1.0/modules.devname': 'fuse fuse c10:229\n',
    'etc/modprobe.d/x.conf': 'options a x=1\nblacklist black\n',
    'proc/modules': 'live 16384 1 b,c Live 0x0\n',
    'proc/cmdline': 'quiet\n',
    'sys/devices/p/modalias': 'pci:1\n',
    'sys/module/live/initstate': 'live\n',
    'sys/module/live/refcnt': '1\n',
    'sys/module/live/parameters/p': '7\n',
    'lib/firmware/one.bin': 'x',
}


class Test(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory(prefix='coldplug-python.')
        self.addCleanup(self.dir.cleanup)
        self.root = self.dir.name
        for path, text in FILES.items():
            self.put(path, text)

    def put(self, path, text):
        os.makedirs(os.path.dirname(f'{self.root}/{path}'), exist_ok=True)
        with open(f'{self.root}/{path}', 'w') as f:
            f.write(text)

    def open(self, **kw):
        c = Coldplug(self.root, **kw)
        self.addCleanup(c.close)
        return c

    def test_an_alias_is_resolved(self):
        c = self.open()
        self.assertEqual(c.resolve('pci:2'), ['a'])
        self.assertEqual(c.resolve('nobody'), [])
        with self.assertRaises(coldplug.Error) as e:
            c.resolve(']')
        self.assertEqual(e.exception.errno, errno.EINVAL)
        self.assertIsInstance(e.exception, OSError)

    def test_a_machine_is_planned_and_has_reasons(self):
        c = self.open()
        self.assertTrue(c.is_dry_run())
        self.assertEqual(c.walk(), 1)
        steps = c.plan()
        self.assertEqual([(s.module, s.kind, s.params, s.state) for s in steps],
                         [('b', Kind.MODULE, '', State.PLANNED), ('a', Kind.MODULE, 'x=1', State.PLANNED)])
        self.assertEqual(c.plan(), [])
        reasons = c.why('a')
        self.assertEqual([(r.why, r.alias, r.device) for r in reasons if r.why == Why.DEVICE], [(Why.DEVICE, 'pci:1', '/devices/p')])
        self.assertEqual([r.by for r in c.why('b')], ['a'])
        self.assertEqual(c.withheld(), ['black'])
        self.assertEqual([(r.why, os.path.basename(r.file), r.line) for r in c.why('black')], [(Why.BLACKLIST, 'x.conf', 2)])
        self.assertEqual(c.undriven(), ['/devices/p'])
        self.assertIn('"devices"', c.json())

    def test_run_plans_what_it_would_load(self):
        for name in ('a', 'b'):
            self.put(f'lib/modules/1.0/{name}.ko', 'x')
        c = self.open()
        c.run()
        c.finish()
        self.assertEqual([s.module for s in c.steps()], ['b', 'a'])
        self.assertEqual(c.plan_text(), f'insmod {self.root}/lib/modules/1.0/b.ko \ninsmod {self.root}/lib/modules/1.0/a.ko x=1 \n')
        self.assertEqual((c.exit_code(), c.summary().modules, c.summary().devices), (0, 2, 1))

    def test_a_load_that_fails_has_a_result(self):
        # Nothing is loaded: this is no module.
        self.put('garbage.ko', 'garbage')
        with Coldplug() as c:
            c.start()
            self.assertTrue(c.want(self.root + '/garbage.ko'))
            c.plan()
            c.load()
            c.wait()
            self.assertEqual([(s.module, s.state) for s in c.steps()], [('garbage', State.FAILED)])
            self.assertGreater(c.exit_code(), 0)

    def test_run_ends_when_all_has_a_result(self):
        # Nothing is loaded: these are no modules. Without a printk in this tree there is no barrier event to wait for.
        for name in ('a', 'b'):
            self.put(f'lib/modules/1.0/{name}.ko', 'garbage')
        c = self.open()
        c.set_flag(Flag.DRY_RUN, False)
        c.run()
        self.assertEqual([(s.module, s.state) for s in c.steps()], [('b', State.FAILED), ('a', State.SKIPPED)])
        self.assertIn('cut short', c.steps()[0].message)
        self.assertEqual((c.summary().failed, c.summary().skipped), (1, 1))

    def test_names_are_requested(self):
        c = self.open()
        self.assertTrue(c.want('a', 'y=2'))
        self.assertFalse(c.want('nobody'))
        self.assertEqual(c.not_found(), ['nobody'])
        c.want_configured()
        self.assertEqual([s.params for s in c.plan()], ['', 'x=1 y=2'])

    def test_what_is_loaded(self):
        c = self.open()
        self.assertEqual(c.loaded(), [('live', 16384, 1, ['b', 'c'], Initstate.LIVE)])
        self.assertEqual(c.initstate('live').initstate, Initstate.LIVE)
        self.assertEqual(c.initstate('nobody').initstate, Initstate.ABSENT)
        self.assertEqual(c.values('live'), [('p', '7')])
        self.assertEqual(c.values('nobody'), [])

    def test_what_modules_say(self):
        c = self.open()
        self.assertEqual(c.modules('in'), [Module('in', None, True)])
        self.assertEqual([(f.key, f.value) for f in c.modinfo(c.modules('in')[0])], [('license', 'GPL'), ('parm', 'p:text')])
        self.assertEqual(c.modules('a', By.NAME), [Module('a', self.root + '/lib/modules/1.0/a.ko')])
        with self.assertRaises(coldplug.Error) as e:
            c.modinfo(Module('nobody'))
        self.assertEqual(e.exception.errno, errno.ENOENT)
        self.assertEqual((c.related('a', Relation.NEEDS), c.related('b', Relation.NEEDED_BY)), (['b'], ['a']))
        self.assertEqual((c.firmware('one.bin'), c.firmware('none')), ([self.root + '/lib/firmware/one.bin'], []))
        self.assertEqual(c.nodes(), [('fuse', 'fuse', 'c', 10, 229)])

    def test_configuration_and_indexes_are_listed(self):
        self.put('etc/modprobe.d/y.conf', 'install black cmd\nsoftdep a pre: b post: black\nweakdep a b\n')
        self.put('sys/module/live/sections/.text', '0x10\n')
        c = self.open()
        self.assertFalse(c.changed())
        self.assertEqual(c.config(Config.OPTIONS), [('a', 'x=1', '/etc/modprobe.d/x.conf', 1)])
        self.assertEqual(c.index(Index.ALIAS), [('pci:*', 'a', None, 0), ('pci:1', 'black', None, 0)])
        self.assertEqual(c.rules('a'), ('x=1', None, None, ['b'], ['black'], ['b'], False))
        self.assertEqual(c.rules('black')[1:2] + c.rules('black')[6:], ('cmd', True))
        self.assertEqual(c.sections('live'), [('.text', 16)])
        with self.assertRaises(coldplug.Error) as e:
            c.symbols(Module('nobody'), Symbols.NEEDED)
        self.assertEqual(e.exception.errno, errno.ENOENT)
        self.put('etc/modprobe.d/y.conf', '')
        self.assertTrue(c.changed())

    def test_commands_can_be_run_by_a_function(self):
        self.put('etc/modprobe.d/y.conf', 'install b b-command\nremove b r-command\n')
        c = self.open()
        c.set_flag(Flag.DRY_RUN, False)
        c.set_flag(Flag.BLACKLIST)
        ran = []
        c.set_command(lambda module, command: ran.append((module, command)) or 0)
        self.assertTrue(c.insert('b'))
        c.remove('b')
        self.assertEqual(ran, [('b', 'b-command'), ('b', 'r-command')])
        self.assertFalse(c.insert('black'))

        def fail(module, command):
            raise KeyError(module)
        c.set_command(fail)
        with self.assertRaises(KeyError):
            c.insert('b')
        c.set_command(None)

    def test_insert_and_remove_are_those_of_modprobe(self):
        c = self.open()
        with self.assertRaises(coldplug.Error) as e:
            c.insert('nobody')
        self.assertEqual(e.exception.errno, errno.ENOENT)
        c.insert('a', 'x=2')
        with self.assertRaises(coldplug.Error) as e:
            c.remove('nobody')
        self.assertEqual(e.exception.errno, errno.ENOENT)

    def test_an_error_has_the_messages(self):
        with self.assertRaises(coldplug.Error) as e:
            Coldplug(self.root + '/none').resolve('a')
        self.assertEqual((e.exception.errno, e.exception.messages), (errno.ENOENT, [self.root + '/none: No such file or directory']))
        self.assertIn(self.root + '/none', str(e.exception))

    def test_settings_come_first(self):
        c = self.open()
        c.set_flag(Flag.IGNORE_LOADED)
        c.resolve('a')
        with self.assertRaises(coldplug.Error) as e:
            c.set_flag(Flag.DRY_RUN, False)
        self.assertEqual(e.exception.errno, errno.EBUSY)
        with self.assertRaises(coldplug.Error):
            Coldplug(release='../x')

    def test_configuration_can_be_given(self):
        self.put('other.conf', 'options a z=3\n')
        c = self.open(config_paths=[self.root + '/other.conf'], release='1.0')
        c.want('a')
        self.assertEqual([s.params for s in c.plan()], ['', 'z=3'])

    def test_messages_go_to_log_and_its_exceptions_to_the_caller(self):
        messages = []
        c = self.open(log=lambda level, text: messages.append((level, text)))
        c.resolve('a')
        self.assertTrue(any(level == 4 and 'modules.dep.bin: missing' in text for level, text in messages), messages)

        def fail(level, text):
            raise KeyError(text)
        with self.assertRaises(KeyError):
            self.open(log=fail).resolve('a')

    def test_bytes_that_are_not_utf8_survive(self):
        name = os.fsdecode(b'x\xff')
        c = self.open()
        c.want(name)
        self.assertEqual(c.not_found(), [name])

    def test_a_closed_context_is_refused(self):
        c = self.open()
        c.close()
        c.close()
        with self.assertRaises(ValueError):
            c.resolve('a')

    def test_each_context_is_freed(self):
        def work():
            for _ in range(100):
                with Coldplug(self.root, log=lambda level, text: None) as c:
                    c.walk()
                    c.plan()
                    c.plan_text(), c.json(), c.why('a'), c.modinfo(c.modules('in')[0])
                Coldplug(self.root).resolve('a')
        work()
        gc.collect()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        work()
        work()
        self.assertLess(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, 2048)
        self.assertLess(len(os.listdir('/proc/self/fd')), 20)

    def test_contexts_of_threads_are_independent(self):
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(Coldplug(self.root).resolve('pci:2'))) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(answers, [['a']] * 8)


class Header(unittest.TestCase):
    """What is written here once more is what coldplug.h has."""

    def test_each_enum_has_the_values_of_the_header(self):
        for name, prefix in (('flag', ''), ('initstate', 'INIT_'), ('by', 'BY_'), ('field_source', 'FIELD_'), ('relation', ''),
                             ('kind', ''), ('state', ''), ('why', 'WHY_'), ('symbols', 'SYMBOLS_'), ('config', 'CONFIG_'),
                             ('index', 'INDEX_')):
            body = re.search(rf'enum coldplug_{name} {{(.*?)}}', HEADER, re.S)[1]
            values = re.findall(r'COLDPLUG_(\w+)', body)
            enum = getattr(coldplug, ''.join(w.capitalize() for w in name.split('_')))
            self.assertEqual([prefix + m.name for m in enum], values, name)
            self.assertEqual([m.value for m in enum], list(range(len(values))))

    def test_each_structure_is_the_one_of_the_header(self):
        names = ('loaded', 'module', 'field', 'node', 'value', 'section', 'symbol', 'entry', 'rules', 'step', 'reason', 'summary')
        program = '#include <coldplug.h>\n#include <stdio.h>\nint main(void) {\n'
        wanted = []
        for name in names:
            c = getattr(_library, 'C' + name.capitalize())
            wanted.append(ctypes.sizeof(c))
            program += f'printf("%zu ", sizeof(struct coldplug_{name}));\n'
            for field, _ in c._fields_:
                wanted.append(getattr(c, field).offset)
                program += f'printf("%zu ", offsetof(struct coldplug_{name}, {field}));\n'
        with tempfile.TemporaryDirectory() as dir:
            subprocess.run([*os.environ['CC'].split(), '-x', 'c', '-', '-I', SOURCE + '/libcoldplug', '-o', dir + '/a'],
                           input=program + '}\n', text=True, check=True)
            out = subprocess.run([dir + '/a'], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertEqual(list(map(int, out.split())), wanted)

    def test_each_function_is_here_or_meant_for_c(self):
        functions = set(re.findall(r'^[a-z][^;{}]*?\bcoldplug_(\w+)\(', HEADER, re.M))
        here = set(_library.PROTOTYPES)
        self.assertEqual(functions - here - NOT_HERE, set())
        self.assertEqual((here | NOT_HERE) - functions, set())
        self.assertEqual([n for n in here - {'set_root', 'set_module_root', 'set_release', 'set_archive', 'set_config_paths', 'set_log',
                                             'set_timeout', 'step', 'begin', 'advance', 'fd', 'get_summary'}
                          if not hasattr(Coldplug, n)], [])

    def test_each_method_says_since_when(self):
        for name, method in vars(Coldplug).items():
            if not name.startswith('_') and name != 'close':
                self.assertIn('Since 0.', method.__doc__ or '', name)


if __name__ == '__main__':
    unittest.main()
