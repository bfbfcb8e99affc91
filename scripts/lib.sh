# shellcheck shell=bash
# Shared by the scripts of this folder: where things are, and how missing packages get installed.
# To be sourced after `set -euo pipefail`.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# What Debian 12 needs to build, test and run schedctl. Any version of the server will do, see has_server.
# shellcheck disable=SC2034
packages=(g++ cmake ninja-build ccache pkg-config libpqxx-dev libpq-dev libcli11-dev nlohmann-json3-dev
  libspdlog-dev libfmt-dev libtomlplusplus-dev doctest-dev tzdata python3)

say() { printf '\n==> %s\n' "$*"; }
die() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  exit "${2:-1}"
}

# The comment at the head of the script is its help.
print_help() { sed -n '2,/^$/{s/^# \{0,1\}//p}' "$0"; }

is_installed() { [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

has_server() {
  local initdb
  for initdb in /usr/lib/postgresql/*/bin/initdb; do
    [[ -x $initdb ]] && return 0
  done
  return 1
}

as_root() {
  if ((EUID == 0)); then "$@"; else sudo -n -- "$@"; fi
}

may_install() {
  command -v apt-get >/dev/null && { ((EUID == 0)) || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }; }
}

# Debian makes and starts a cluster "main" when a server is installed for the first time. Nobody here needs it, so
# that is switched off, for the time of the installation only.
no_main_cluster=/etc/postgresql-common/createcluster.d/schedctl-no-main-cluster.conf
switch_main_cluster_off() {
  as_root mkdir -p "${no_main_cluster%/*}"
  as_root tee "$no_main_cluster" >/dev/null <<<"create_main_cluster = false"
}
switch_main_cluster_on() {
  as_root rm -f "$no_main_cluster"
  [[ ! -d ${no_main_cluster%/*} ]] || as_root rmdir --ignore-fail-on-non-empty "${no_main_cluster%/*}"
}

# Debian starts what it installs. The tests have a pooler of their own.
no_services=/usr/sbin/policy-rc.d
switch_services_off() {
  [[ -e $no_services ]] && return
  as_root tee "$no_services" >/dev/null <<<$'#!/bin/sh\n# schedctl: while packages are installed\nexit 101'
  as_root chmod 755 "$no_services"
}
switch_services_on() {
  if grep -qs '^# schedctl' "$no_services"; then as_root rm -f "$no_services"; fi
}

apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

# install_missing PACKAGE...: installs those that are not there, asking nothing.
install_missing() {
  local package missing=() log
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  has_server || missing+=(postgresql-15)
  command -v psql >/dev/null && command -v pg_dump >/dev/null || missing+=(postgresql-client-15)
  ((${#missing[@]})) || return 0

  may_install || die "missing packages, and no right to install them; run as root: apt-get install -y ${missing[*]}" 69
  say "installing ${missing[*]}"
  log=$(mktemp)
  trap 'switch_main_cluster_on; switch_services_on' EXIT
  [[ " ${missing[*]} " != *" pgbouncer "* ]] || switch_services_off
  [[ " ${missing[*]} " != *" postgresql-15 "* ]] || switch_main_cluster_off
  apt_get update >"$log" 2>&1 || true # without a network, what was fetched before may do
  if ! apt_get install --no-install-recommends "${missing[@]}" >>"$log" 2>&1; then
    tail -n 20 "$log" >&2
    die "apt-get could not install ${missing[*]}; the end of its output stands above, all of it in $log" 69
  fi
  switch_main_cluster_on
  switch_services_on
  trap - EXIT
  rm -f "$log"
}

# build PRESET [TARGET...]: configures and builds below build/PRESET.
build() {
  local preset=$1 target options=()
  shift
  for target in "$@"; do options+=(--target "$target"); done
  [[ -t 1 ]] || options+=(-- --quiet)
  mkdir -p "$root/build"
  [[ -w $root/build ]] || die "$root/build cannot be written: another user made it; remove it" 73
  say "building ($preset)"
  if ! (cd "$root" && cmake --preset "$preset") >"$root/build/$preset.configure.log" 2>&1; then
    cat "$root/build/$preset.configure.log" >&2
    die "cmake could not configure the build"
  fi
  (cd "$root" && cmake --build --preset "$preset" "${options[@]}")
}
