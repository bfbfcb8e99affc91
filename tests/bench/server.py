"""A PostgreSQL of the benchmark's own: made in a folder, reachable through a unix socket only, gone afterwards."""

import contextlib
import glob
import os
import pwd
import re
import shutil
import signal
import subprocess

from failure import Failure

SUPERUSER = "bench"
LONGEST_SOCKET = 107 - len("/.s.PGSQL.5432")
SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{socket}'
shared_buffers = 512MB
max_connections = 200
fsync = on
synchronous_commit = on
"""


def newest_programs():
    """The folder with initdb and pg_ctl of the newest PostgreSQL installed."""
    folders = [os.path.dirname(path) for path in glob.glob("/usr/lib/postgresql/*/bin/initdb")]
    if not folders:
        raise Failure("no PostgreSQL server is installed: apt-get install postgresql-15")
    return max(folders, key=lambda folder: int(re.search(r"/(\d+)", folder).group(1)))


class Server:
    def __init__(self, folder):
        self.programs = newest_programs()
        self.data = os.path.join(folder, "data")
        self.socket = os.path.join(folder, "run")
        self.log = os.path.join(self.data, "server.log")
        self.started = False

    def start(self):
        if len(self.socket) > LONGEST_SOCKET:
            raise Failure(f"{self.socket}: too long for a unix socket: name another folder with --folder")
        os.mkdir(self.data, 0o700)
        os.mkdir(self.socket, 0o700)
        if os.geteuid() == 0:  # root cannot run the server
            postgres = pwd.getpwnam("postgres")
            for folder in (self.data, self.socket):
                os.chown(folder, postgres.pw_uid, postgres.pw_gid)
        self._run("initdb", "-D", self.data, "-U", SUPERUSER, "--auth=trust", "--locale=C.UTF-8", "-E", "UTF8")
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as file:
            file.write(SETTINGS.format(socket=self.socket))
        self.started = True  # also when pg_ctl fails: there may be something to stop
        self._run("pg_ctl", "-D", self.data, "-l", self.log, "-w", "start")

    def stop(self):
        if not self.started:
            return
        self.started = False
        with contextlib.suppress(Failure):  # it never came up, or is down already
            self._run("pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")

    def conninfo(self, database):
        return f"host={self.socket} user={SUPERUSER} dbname={database}"

    def url(self, database):
        return f"postgresql:///{database}?host={self.socket}&user={SUPERUSER}"

    def psql(self, database):
        """The command that reads statements from its standard input and prints bare values."""
        return [os.path.join(self.programs, "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
                self.conninfo(database)]

    def sql(self, database, statements):
        """Runs statements, each in its own transaction; what they answer, as text."""
        done = subprocess.run(self.psql(database), input=statements, capture_output=True, text=True, env=os.environ)
        if done.returncode != 0:
            raise Failure(f"psql: {done.stderr.strip()}")
        return done.stdout.strip()

    @contextlib.contextmanager
    def snapshot(self, database):
        """Holds a repeatable-read snapshot open in a session that does nothing else."""
        with subprocess.Popen(self.psql(database), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as session:
            session.stdin.write("begin isolation level repeatable read; select count(*) from pg_class;\n")
            session.stdin.flush()
            if not session.stdout.readline().strip():
                raise Failure("the session that should hold a snapshot has ended")
            yield
            if session.poll() is not None:
                raise Failure("the session that should hold a snapshot has ended")
            session.stdin.close()

    def _run(self, program, *arguments):
        command = [os.path.join(self.programs, program), *arguments]
        if os.geteuid() == 0:
            command = [shutil.which("runuser") or "/usr/sbin/runuser", "-u", "postgres", "--", *command]
        # A signal in between would leave a half-made cluster, or a server that nobody stops.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                  text=True, cwd="/", start_new_session=True)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if done.returncode != 0:
            raise Failure(f"{program}: {done.stderr.strip()}\n{self._end_of_log()}".strip())

    def _end_of_log(self):
        if not os.path.exists(self.log):
            return ""
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-10:])
