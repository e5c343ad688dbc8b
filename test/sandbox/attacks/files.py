"""Files outside the run's own temporary folder: the worker's home, its bundle, the system."""
from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import socket
import stat
import struct
import subprocess
import sys

from _calls import call

WHERE = ('run', 'import')
_AT_FDCWD = -100
_FILE = '/secret.txt'  # readable by everyone, so that only the sandbox stands before it


def _read(ctx, path):
    with open(path, 'rb', buffering=0) as file:
        data = file.read(1 << 16)
    return data[:60] if ctx.marker.encode() in data else None


def attack_read_public_file(ctx):
    return _read(ctx, ctx.home + _FILE)


def attack_read_private_file(ctx):
    return _read(ctx, ctx.private_file)


def attack_read_with_a_program(ctx):
    return subprocess.run(['/bin/cat', ctx.home + _FILE], stdout=subprocess.PIPE, check=True).stdout


def attack_read_by_symlink(ctx):
    os.symlink(ctx.home + _FILE, 'link')
    return _read(ctx, 'link')


def attack_read_by_hard_link(ctx):
    os.link(ctx.home + _FILE, 'hard')
    return _read(ctx, 'hard')


def attack_read_by_proc_root(ctx):
    return _read(ctx, '/proc/self/root' + ctx.home + _FILE)


def attack_read_by_proc_cwd(ctx):
    return _read(ctx, '/proc/self/cwd/' + '../' * 20 + ctx.home.lstrip('/') + _FILE)


def attack_read_by_folder_descriptor(ctx):
    root = os.open('/', os.O_PATH)
    with open(os.open(ctx.home.lstrip('/') + _FILE, os.O_RDONLY, dir_fd=root), 'rb') as file:
        return file.read()


def attack_read_by_path_descriptor(ctx):
    path = os.open(ctx.home + _FILE, os.O_PATH)
    return _read(ctx, '/proc/self/fd/%d' % path)


def attack_read_by_file_handle(ctx):
    handle = ctypes.create_string_buffer(struct.pack('Ii', 128, 0), 136)
    mount = ctypes.create_string_buffer(4)
    call('name_to_handle_at', _AT_FDCWD, (ctx.home + _FILE).encode(), handle, mount, 0)
    folder = os.open('/usr', os.O_RDONLY) if os.stat('/usr').st_dev == os.stat(ctx.home).st_dev \
        else os.open(ctx.tmp, os.O_RDONLY)
    with open(call('open_by_handle_at', folder, handle, os.O_RDONLY), 'rb') as file:
        return file.read()


def attack_read_by_copy(ctx):
    shutil.copy(ctx.home + _FILE, 'copy')
    return _read(ctx, 'copy')


def attack_list_home(ctx):
    return os.listdir(ctx.home)


def attack_list_root_home(ctx):
    return os.listdir('/root')[:3] or 'listed'


def attack_read_shadow(ctx):
    with open('/etc/shadow') as file:
        return file.read(20)


def attack_watch_home(ctx):
    """inotify tells which files the worker touches."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_add_watch(libc.inotify_init(), os.path.join(ctx.home, 'secret.txt').encode(), 0x20)
    return 'watching' if watch >= 0 and os.listdir(ctx.home) else None


def attack_overwrite(ctx):
    with open(ctx.home + _FILE, 'w') as file:
        return file.write('gone')


def attack_append(ctx):
    with open(ctx.home + _FILE, 'a') as file:
        return file.write('more')


def attack_truncate(ctx):
    os.truncate(ctx.home + _FILE, 1)
    return 'cut'


def attack_create(ctx):
    with open(ctx.home + '/new', 'w') as file:
        return file.write('new')


def attack_create_without_a_name(ctx):
    return 'opened %d' % os.open(ctx.home, os.O_TMPFILE | os.O_RDWR)


def attack_make_folder(ctx):
    os.mkdir(ctx.home + '/folder')
    return 'made'


def attack_remove_folder(ctx):
    os.rmdir(ctx.home + '/empty')
    return 'removed'


def attack_delete(ctx):
    os.unlink(ctx.home + _FILE)
    return 'deleted'


def attack_delete_tree(ctx):
    shutil.rmtree(ctx.home, ignore_errors=True)
    return None if os.path.exists(ctx.home + _FILE) else 'deleted'


def attack_rename(ctx):
    os.rename(ctx.home + _FILE, ctx.home + '/other')
    return 'renamed'


def attack_move_out(ctx):
    os.rename(ctx.home + _FILE, ctx.tmp + '/mine')
    return 'moved'


def attack_move_in(ctx):
    with open('planted', 'w') as file:
        file.write('x')
    os.rename(ctx.tmp + '/planted', ctx.home + '/planted')
    return 'moved'


def attack_exchange(ctx):
    with open('planted', 'w') as file:
        file.write('x')
    call('renameat2', _AT_FDCWD, (ctx.tmp + '/planted').encode(), _AT_FDCWD, (ctx.home + _FILE).encode(), 2)
    return 'exchanged'


def attack_link_in(ctx):
    with open('planted', 'w') as file:
        file.write('x')
    os.link('planted', ctx.home + '/planted')
    return 'linked'


def attack_symlink_in(ctx):
    os.symlink('/', ctx.home + '/link')
    return 'linked'


def _mode(ctx):
    return stat.S_IMODE(os.stat(ctx.home + _FILE).st_mode)


def attack_chmod(ctx):
    os.chmod(ctx.home + _FILE, 0o777)
    return 'changed' if _mode(ctx) == 0o777 else None


def attack_chmod_by_descriptor(ctx):
    os.chmod('/proc/self/fd/%d' % os.open(ctx.home + _FILE, os.O_PATH), 0o777)
    return 'changed' if _mode(ctx) == 0o777 else None


def attack_chmod_by_new_call(ctx):
    call('fchmodat2', _AT_FDCWD, (ctx.home + _FILE).encode(), 0o777, 0)
    return 'changed' if _mode(ctx) == 0o777 else None


def attack_chmod_by_a_program(ctx):
    subprocess.run(['/bin/chmod', '777', ctx.home + _FILE], check=True, stderr=subprocess.DEVNULL)
    return 'changed' if _mode(ctx) == 0o777 else None


def attack_chown(ctx):
    before = os.stat(ctx.home + _FILE).st_gid
    os.chown(ctx.home + _FILE, -1, before + 1 if os.getuid() == 0 else os.getgid())
    after = os.stat(ctx.home + _FILE).st_gid
    return 'changed' if after != before else None


def attack_lchown(ctx):
    os.lchown(ctx.home + '/to-secret', 12345, 12345)
    return 'changed' if os.lstat(ctx.home + '/to-secret').st_uid == 12345 else None


def attack_utime(ctx):
    os.utime(ctx.home + _FILE, (1, 1))
    return 'changed' if int(os.stat(ctx.home + _FILE).st_mtime) == 1 else None


def attack_utime_now(ctx):
    """What append rights alone allow."""
    before = os.stat(ctx.home + _FILE).st_mtime_ns
    os.utime(ctx.home + _FILE)
    return 'changed' if os.stat(ctx.home + _FILE).st_mtime_ns != before else None


def attack_set_attribute(ctx):
    os.setxattr(ctx.home + _FILE, 'user.mine', b'1')
    return 'set' if 'user.mine' in os.listxattr(ctx.home + _FILE) else None


def attack_remove_attribute(ctx):
    os.removexattr(ctx.home + _FILE, 'user.theirs')
    return 'removed' if 'user.theirs' not in os.listxattr(ctx.home + _FILE) else None


def attack_set_attribute_by_new_call(ctx):
    value = ctypes.create_string_buffer(b'1', 1)
    arguments = struct.pack('QII', ctypes.addressof(value), 1, 0)
    call('setxattrat', _AT_FDCWD, (ctx.home + _FILE).encode(), 0, b'user.mine', arguments, len(arguments))
    return 'set' if 'user.mine' in os.listxattr(ctx.home + _FILE) else None


def attack_immutable_file(ctx):
    """An immutable file in the temporary folder could never be removed."""
    with open('stays', 'w') as file:
        fcntl.ioctl(file, 0x40086602, struct.pack('l', 0x10))  # FS_IOC_SETFLAGS, FS_IMMUTABLE_FL
        fcntl.ioctl(file, 0x40086602, struct.pack('l', 0))
    return 'made immutable'


def attack_lock_file_of_worker(ctx):
    with open(ctx.home + _FILE) as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return 'locked'


def attack_fifo_in_home(ctx):
    os.mkfifo(ctx.home + '/fifo')
    return 'made'


def attack_socket_in_home(ctx):
    socket.socket(socket.AF_UNIX).bind(ctx.home + '/socket')
    return 'bound'


def attack_make_device(ctx):
    os.mknod('device', stat.S_IFBLK | 0o600, os.stat('/').st_dev)
    with open('device', 'rb') as device:
        return device.read(16).hex()


def attack_disk_of_machine(ctx):
    for name in os.listdir('/sys/block'):
        try:
            with open('/dev/' + name, 'rb') as device:
                return len(device.read(512))
        except OSError:
            pass
    return None


def attack_system_memory(ctx):
    return 'opened %d' % os.open('/dev/mem', os.O_RDONLY)


def attack_kernel_log(ctx):
    return 'opened %d' % os.open('/dev/kmsg', os.O_WRONLY)


def attack_input_of_terminal(ctx):
    """TIOCSTI types into the terminal of whoever started the worker."""
    terminal = os.open('/dev/ptmx', os.O_RDWR | os.O_NOCTTY)
    return 'opened %d' % terminal


def attack_write_own_bundle(ctx):
    with open(ctx.bundle + '/python.d/attacks/planted.py', 'w') as file:
        return file.write('x')


def attack_change_own_module(ctx):
    with open(ctx.bundle + '/python.d/attacks/files.py', 'a') as file:
        return file.write('\n')


def attack_write_core(ctx):
    with open(ctx.core + '/planted.py', 'w') as file:
        return file.write('x')


def attack_change_framework(ctx):
    with open(ctx.core + '/datakit_framework.py', 'a') as file:
        return file.write('\n')


def attack_change_interpreter(ctx):
    return 'opened %d' % os.open(os.path.realpath(sys.executable), os.O_WRONLY)


def attack_change_standard_library(ctx):
    return 'opened %d' % os.open(os.__file__, os.O_WRONLY)


def attack_write_tmp(ctx):
    with open('/tmp/planted-by-attack', 'w') as file:
        return file.write('x')


def attack_write_var_tmp(ctx):
    with open('/var/tmp/planted-by-attack', 'w') as file:
        return file.write('x')


def attack_write_etc(ctx):
    return 'opened %d' % os.open('/etc/planted-by-attack', os.O_WRONLY | os.O_CREAT)


def attack_change_passwd(ctx):
    return 'opened %d' % os.open('/etc/passwd', os.O_WRONLY)


def attack_plant_cron_job(ctx):
    for folder in ('/etc/cron.d', '/var/spool/cron', '/etc/profile.d', '/etc/ld.so.conf.d'):
        try:
            descriptor = os.open(folder + '/planted-by-attack', os.O_WRONLY | os.O_CREAT, 0o600)
        except OSError:
            continue
        return '%s: opened %d' % (folder, descriptor)
    return None


def attack_plant_start_up_file(ctx):
    """A .pth file would run in every later Python."""
    for folder in sys.path:
        if folder.endswith('-packages'):
            with open(folder + '/planted-by-attack.pth', 'w') as file:
                return file.write('import os\n')
    return None


def attack_parent_of_own_folder(ctx):
    with open(os.path.dirname(ctx.tmp) + '/planted', 'w') as file:
        return ctx.where == 'run' and file.write('x')


def attack_rename_own_folder(ctx):
    if ctx.where != 'run':
        return None
    os.rename(ctx.tmp, ctx.tmp + '-moved')
    return 'renamed'


def attack_swap_own_folder_for_a_link(ctx):
    """The host empties the folder afterwards: it must not empty what a link points to."""
    if ctx.where != 'run':
        return None
    os.rmdir(ctx.tmp)
    os.symlink(ctx.home, ctx.tmp)
    return None  # whether it was emptied is seen from outside


def attack_links_in_own_folder(ctx):
    ctx.tried('links that a careless clean-up would follow')
    os.symlink(ctx.home, 'folder')
    os.symlink(ctx.home + _FILE, 'file')
    os.symlink('/', 'root')
    os.makedirs('a/b/c')
    os.symlink(ctx.home, 'a/b/c/d')


def attack_worker_socket_folder(ctx):
    return os.listdir(os.path.dirname(ctx.redis))
