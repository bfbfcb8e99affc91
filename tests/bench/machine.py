"""What the figures were measured on."""

import os
import platform
import subprocess


def first_line(path, key):
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith(key):
                return line.split(":", 1)[1].strip()
    return "unknown"


def output_of(*command, cwd=None):
    try:
        return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def describe(root, folder, server):
    settings = server.sql("postgres", "select name || '=' || current_setting(name) from unnest(array['server_version', "
                                      "'shared_buffers', 'max_connections', 'fsync', 'synchronous_commit']) as name")
    return {"cores": len(os.sched_getaffinity(0)),
            "cpu": first_line("/proc/cpuinfo", "model name"),
            "memory_gib": round(int(first_line("/proc/meminfo", "MemTotal").split()[0]) / 2**20, 1),
            "kernel": platform.release(),
            "filesystem": output_of("findmnt", "-n", "-o", "FSTYPE", "-T", folder),
            "load": round(os.getloadavg()[0], 2),
            "postgresql": dict(line.split("=", 1) for line in settings.splitlines()),
            "schedctl": output_of(os.path.join(root, "build", "release", "schedctl"), "--version"),
            "commit": output_of("git", "describe", "--always", "--dirty", cwd=root)}


def line(machine):
    server = machine["postgresql"]
    settings = ", ".join(f"{key}={value}" for key, value in server.items() if key != "server_version")
    return (f"{machine['cores']} cores, {machine['cpu']}, {machine['memory_gib']} GiB, {machine['filesystem']}, "
            f"Linux {machine['kernel']}, load {machine['load']} at the start\n"
            f"PostgreSQL {server['server_version']} ({settings}); {machine['schedctl']}, commit {machine['commit']}")
