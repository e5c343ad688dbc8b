"""What honest collectors do, each as the body of a run(): under the sandbox's default policy all of it must work.

{port}, {dns}, {tls} and {redis} stand for servers of services.py.
"""

ALL_KINDS = {
    'program': 'import subprocess\nassert subprocess.check_output(["echo", "x"]) == b"x\\n"',
    'pipeline': 'import subprocess\nassert subprocess.check_output("printf \'b\\na\\n\' | sort | head -1", shell=True) == b"a\\n"',
    'os_system': 'import os\nassert os.system("true") == 0\nwith os.popen("echo y") as output: assert output.read() == "y\\n"',
    'df': 'import subprocess\nassert b"/" in subprocess.check_output(["df", "-P"])',
    'own_session': '''
        import os, signal, subprocess
        child = subprocess.Popen(["sleep", "60"], start_new_session=True)
        child.terminate()
        assert child.wait() == -signal.SIGTERM
    ''',
    'program_in_its_own_group': '''
        import os, subprocess
        child = subprocess.Popen(["true"], preexec_fn=os.setpgrp)
        assert child.wait() == 0
    ''',
    'time_out_of_a_program': '''
        import subprocess
        try: subprocess.run(["sleep", "60"], timeout=0.05)
        except subprocess.TimeoutExpired: pass
    ''',
    'proc': '''
        for name in "stat", "meminfo", "loadavg", "net/dev", "self/status", "self/environ", "self/maps", "1/stat", "mounts":
            assert open("/proc/" + name, "rb").read(), name
        import os
        assert os.listdir("/proc/self/fd") and os.readlink("/proc/self/exe")
    ''',
    'every_process': '''
        import os
        found = 0
        for name in os.listdir("/proc"):
            if name.isdigit():
                try: found += bool(open("/proc/%s/stat" % name).read()) + bool(open("/proc/%s/status" % name).read())
                except OSError: pass
        assert found > 2
    ''',
    'sys': 'import os\nassert os.listdir("/sys/class/net")\nassert open("/sys/devices/system/cpu/online").read()',
    'figures_of_the_system': 'import os, shutil\nos.getloadavg(); os.statvfs("/"); os.cpu_count(); os.uname(); shutil.disk_usage("/")',
    'interfaces': 'import socket\nassert socket.if_nameindex()',
    'addresses_of_interfaces': '''
        import socket
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as link:
            link.bind((0, 0))
            link.sendto(b"\\x14\\0\\0\\0\\x16\\0\\x01\\x03\\x01\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0", (0, 0))
            assert len(link.recv(65536)) > 20
    ''',
    'dns': '''
        import socket
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:
            resolver.settimeout(10)
            resolver.connect(("127.0.0.1", {dns}))
            resolver.send(b"\\x12\\x34\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\2db\\4test\\0\\0\\1\\0\\1")
            assert resolver.recv(512)[-4:] == bytes([10, 1, 2, 3])
    ''',
    'names': 'import socket\nassert socket.getaddrinfo("localhost", 80)\nassert socket.gethostname()',
    'tcp': '''
        import socket
        with socket.create_connection(("127.0.0.1", {port}), 10) as connection:
            connection.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            assert connection.recv(100).startswith(b"HTTP/1.")
    ''',
    'http': 'import urllib.request\nassert urllib.request.urlopen("http://127.0.0.1:{port}/", timeout=10).status == 200',
    'udp': '''
        import socket
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two:
            two.bind(("127.0.0.1", 0))
            one.sendto(b"x", two.getsockname())
            two.settimeout(10)
            assert two.recv(9) == b"x"
    ''',
    'tls': 'import ssl\nassert ssl.create_default_context()',
    'pairs_of_sockets': 'import socket\na, b = socket.socketpair()\na.sendall(b"x")\nassert b.recv(1) == b"x"',
    'asyncio': '''
        import asyncio
        async def main():
            reader, writer = await asyncio.open_connection("127.0.0.1", {port})
            writer.write(b"GET / HTTP/1.0\\r\\n\\r\\n")
            assert (await reader.read(5)) == b"HTTP/"
            writer.close()
            child = await asyncio.create_subprocess_exec("echo", "x", stdout=asyncio.subprocess.PIPE)
            assert (await child.communicate())[0] == b"x\\n"
            await asyncio.get_running_loop().run_in_executor(None, sum, [1])
        asyncio.run(main())
    ''',
    'threads': '''
        import threading
        from concurrent.futures import ThreadPoolExecutor
        done = []
        thread = threading.Thread(target=done.append, args=(1,))
        thread.start(); thread.join()
        with ThreadPoolExecutor(8) as pool: assert sum(pool.map(abs, range(-50, 0))) == 1275
        assert done == [1]
    ''',
    'pool': 'import multiprocessing\nwith multiprocessing.Pool(2) as pool: assert pool.map(abs, [-1, -2]) == [1, 2]',
    'process_pool': '''
        from concurrent.futures import ProcessPoolExecutor
        with ProcessPoolExecutor(2) as pool: assert list(pool.map(abs, [-1, -2])) == [1, 2]
    ''',
    'queue': '''
        import multiprocessing
        queue = multiprocessing.Queue(5)
        child = multiprocessing.Process(target=queue.put, args=("x",))
        child.start()
        assert queue.get(timeout=10) == "x"
        child.join()
        assert child.exitcode == 0
    ''',
    'locks_between_processes': '''
        import multiprocessing as mp
        total, items, lock, ready = mp.Value("i", 0), mp.Array("d", 3), mp.RLock(), mp.Event()
        slots, condition, barrier = mp.BoundedSemaphore(2), mp.Condition(), mp.Barrier(3)
        def add():
            ready.wait(10)
            for _ in range(100):
                with lock, lock, slots: total.value += 1
            barrier.wait(10)
            with condition: condition.notify_all()
        children = [mp.Process(target=add) for _ in range(2)]
        for child in children: child.start()
        items[0] = 1.5
        ready.set()
        barrier.wait(10)
        for child in children: child.join()
        assert total.value == 200 and items[0] == 1.5, total.value
        with condition: assert not condition.wait(0.01)
        assert lock.acquire(timeout=1) and not mp.Semaphore(0).acquire(False) and not mp.Semaphore(0).acquire(True, 0.01)
        try: slots.release()
        except ValueError: pass
        else: raise AssertionError("a bounded semaphore was released too often")
    ''',
    'shared_block': '''
        import os
        from multiprocessing.shared_memory import SharedMemory
        block = SharedMemory(create=True, size=100)
        if os.fork() == 0:
            other = SharedMemory(name=block.name)
            other.buf[0] = 7
            other.close()
            os._exit(0)
        os.wait()
        assert block.buf[0] == 7
        block.close(); block.unlink()
    ''',
    'sqlite': '''
        import sqlite3
        with sqlite3.connect("x.db") as db:
            db.execute("create table t(a)"); db.execute("insert into t values (1)")
            assert db.execute("select a from t").fetchone() == (1,)
    ''',
    'copies': '''
        import os, shutil
        open("a", "w").write("x")
        shutil.copy("a", "b"); shutil.copy2("a", "c"); shutil.copy("/etc/hosts", "h")
        os.mkdir("d"); shutil.move("b", "d/b"); shutil.copytree("d", "e"); shutil.rmtree("d")
        assert os.listdir("e") == ["b"]
    ''',
    'modes_and_times': 'import os\nopen("a", "w").close(); os.chmod("a", 0o600); os.utime("a"); os.chown("a", os.getuid(), -1)',
    'temporary_files': '''
        import os, tempfile
        with tempfile.NamedTemporaryFile() as file, tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as other:
            assert file.name.startswith(os.getcwd()) and folder.startswith(os.environ["TMPDIR"])
            other.write(b"x")
    ''',
    'links_and_pipes': '''
        import os
        open("a", "w").write("x"); os.symlink("a", "b"); os.link("a", "c"); os.rename("c", "d"); os.mkfifo("f")
        os.truncate("a", 0)
        assert os.readlink("b") == "a" and open("d").read() == ""
    ''',
    'program_of_its_own': '''
        import os, subprocess
        with open(os.open("x.sh", os.O_CREAT | os.O_WRONLY, 0o755), "w") as file: file.write("#!/bin/sh\\necho mine\\n")
        assert subprocess.check_output(["./x.sh"]) == b"mine\\n"
    ''',
    'log_file': '''
        import logging, logging.handlers
        log = logging.getLogger("x")
        log.addHandler(logging.handlers.RotatingFileHandler("x.log", maxBytes=1000, backupCount=2))
        for _ in range(100): log.error("line %d", 1)
    ''',
    'archives': 'import gzip, zipfile\ngzip.open("a.gz", "w").write(b"x")\nzipfile.ZipFile("a.zip", "w").writestr("b", "c")',
    'data_beside_the_script': 'import os\nassert open(os.path.join(os.path.dirname(__file__), "data.txt")).read() == "data"',
    'module_beside_the_script': 'import beside\nassert beside.VALUE == 7',
    'late_imports': 'import ctypes, decimal, email.message, html.parser, xml.etree.ElementTree, unittest.mock',
    'signals': '''
        import os, signal, time
        got = []
        signal.signal(signal.SIGALRM, lambda *_: got.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        while not got: time.sleep(0.01)
        os.kill(os.getpid(), 0)
    ''',
    'children_and_signals': '''
        import os, signal, time
        pid = os.fork()
        if not pid:
            while True: time.sleep(1)
        os.kill(pid, signal.SIGKILL)
        assert os.waitpid(pid, 0)[1] == signal.SIGKILL
    ''',
    'niceness': 'import os\nos.nice(5)\nos.sched_setaffinity(0, os.sched_getaffinity(0))',
    'users': 'import grp, pwd\nassert pwd.getpwnam("root").pw_uid == 0 and grp.getgrgid(0)',
    'limits': 'import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); resource.getrusage(resource.RUSAGE_CHILDREN)',
    'c_library': 'import ctypes\nassert ctypes.CDLL(None).getpid() > 0',
    'memory_map': 'import mmap\nm = mmap.mmap(-1, 1 << 20)\nm[0] = 1',
    'polling': 'import os, select\nr, w = os.pipe()\np = select.epoll()\np.register(r)\nos.write(w, b"x")\nassert p.poll(1)',
    'devices': 'import os, random\nopen("/dev/null", "w").write("x"); open("/dev/urandom", "rb").read(9); os.urandom(9); random.random()',
    'standard_streams': 'import sys\nopen("/dev/stdout", "w").write("x\\n")\nprint("y", file=sys.stderr)\nassert sys.stdin.read() == ""',
    'what_the_import_left': 'assert open(LEFT).read() == "left"',
}

IF_THERE = {  # programs and libraries that not every machine has
    'sar': ('sar', 'import subprocess\nassert subprocess.check_output(["sar", "-u", "1", "1"])'),
    'iostat': ('iostat', 'import subprocess\nassert subprocess.check_output(["iostat", "-x"])'),
    'mpstat': ('mpstat', 'import subprocess\nassert subprocess.check_output(["mpstat"])'),
    'netstat': ('netstat', 'import subprocess\nassert b"Proto" in subprocess.check_output(["netstat", "-tan"])'),
    'lsof': ('lsof', 'import os, subprocess\nassert subprocess.check_output(["lsof", "-p", str(os.getpid())])'),
    'lsblk': ('lsblk', 'import subprocess\nsubprocess.check_call(["lsblk"])'),
    'uptime': ('uptime', 'import subprocess\nassert b"load" in subprocess.check_output(["uptime"])'),
    'du': ('du', 'import subprocess\nsubprocess.check_call(["du", "-s", "."])'),
    'ping': ('ping', 'import subprocess\nsubprocess.check_call(["ping", "-c", "1", "-W", "5", "127.0.0.1"])'),
    'ip': ('ip', 'import subprocess\nassert b"lo" in subprocess.check_output(["ip", "addr"])'),
    'ps': ('ps', 'import subprocess\nassert b"PID" in subprocess.check_output(["ps", "aux"])'),
    'ss': ('ss', 'import subprocess\nsubprocess.check_call(["ss", "-tan"])'),
    'top': ('top', 'import subprocess\nsubprocess.check_call(["top", "-b", "-n", "1"])'),
    'free': ('free', 'import subprocess\nsubprocess.check_call(["free"])'),
    'vmstat': ('vmstat', 'import subprocess\nsubprocess.check_call(["vmstat"])'),
    'git': ('git', 'import subprocess\nsubprocess.check_call(["git", "init", "-q", "x"])'),
    'awk': ('awk', 'import subprocess\nassert subprocess.check_output(["awk", "NR==1", "/proc/stat"])'),
    'tar': ('tar', 'import subprocess\nopen("a", "w").close()\nsubprocess.check_call("tar cf x.tar a && tar xf x.tar", shell=True)'),
    'node': ('node', 'import subprocess\nassert subprocess.check_output(["node", "-e", "console.log(1)"]) == b"1\\n"'),
    'java': ('java', 'import subprocess\nsubprocess.check_call(["java", "-version"])'),
}
IF_SERVED = {  # services that not every machine can have
    'tls_with_a_certificate_of_its_own': ('tls', '''
        import os, ssl, urllib.request
        trusted = ssl.create_default_context(cafile=os.path.join(os.path.dirname(__file__), "ca.pem"))
        assert urllib.request.urlopen("https://localhost:{tls}/", timeout=10, context=trusted).status == 200
        try: urllib.request.urlopen("https://localhost:{tls}/", timeout=10)
        except urllib.error.URLError as error: assert isinstance(error.reason, ssl.SSLError), error
        else: raise AssertionError("a certificate that nobody knows was trusted")
    '''),
    'client_of_a_database': ('redis', '''
        import socket
        with socket.create_connection(("127.0.0.1", {redis}), 10) as connection, connection.makefile("rwb") as stream:
            def ask(*words):
                stream.write(b"*%d\\r\\n" % len(words) + b"".join(b"$%d\\r\\n%s\\r\\n" % (len(word), word) for word in words))
                stream.flush()
                head = stream.readline()
                return stream.read(int(head[1:]) + 2) if head[:1] == b"$" else head
            assert ask(b"AUTH", b"for-the-collector") == b"+OK\\r\\n"
            assert b"used_memory:" in ask(b"INFO", b"memory")
    '''),
}
LIBRARIES = {
    'psutil': '''
        import psutil
        psutil.cpu_percent(); psutil.virtual_memory(); psutil.disk_partitions(); psutil.disk_usage("/"); psutil.net_io_counters()
        psutil.net_if_addrs(); psutil.boot_time(); [p.name() for p in psutil.process_iter()]; psutil.Process().memory_info()
    ''',
    'requests': 'import requests\nassert requests.get("http://127.0.0.1:{port}/").status_code == 200',
}
