#include "support/booted.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <fstream>

namespace schedctl::test {
namespace {

// The timers of the distribution would update packages and the like.
constexpr const char* boot = R"(set -e
mount -t tmpfs -o mode=0755 tmpfs /run
mount -t tmpfs tmpfs $D
mkdir $D/upper $D/work $D/root; R=$D/root
mount -t overlay -o lowerdir=/,upperdir=$D/upper,workdir=$D/work overlay $R
DESTDIR=$R cmake --install $BUILD --prefix /usr >/dev/null
systemd-sysusers --root=$R schedctl.conf
mkdir -p $R/etc/schedctl; printf %s "$CONFIGURATION" > $R/etc/schedctl/schedctl.toml
chmod 644 $R/etc/schedctl/schedctl.toml
rm -f $R/etc/systemd/system/timers.target.wants/* $R/lib/systemd/system/timers.target.wants/*
# After= keeps what is known of a service that has ended.
printf '[Unit]\nRequires=basic.target\nAfter=basic.target\nBefore=schedctl.service\n' > $R/etc/systemd/system/tested.target
exec systemd-nspawn --quiet --directory=$R --register=no --keep-unit --boot --link-journal=no \
  --machine=schedctl-test-$$ --console=pipe systemd.unit=tested.target)";

pid_t only_child_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{0}/task/{0}/children", pid));
  pid_t child = -1;
  return file >> child ? child : -1;
}

}  // namespace

Booted::Booted(const std::string& configuration) {
  container_.emplace(
      std::vector<std::string>{"unshare", "--mount", "--propagation=private", "bash", "-c", boot},
      ProcessOptions{.env = {"D=" + folder_.path(), "BUILD=" SCHEDCTL_BUILD,
                             "CONFIGURATION=" + configuration}});
  wait_until(
      [&] {
        if (!container_->running()) FAIL("systemd-nspawn: " << container_->err());
        leader_ = only_child_of(container_->pid());
        return leader_ > 0 && run("systemctl is-active --quiet tested.target").exit_code == 0;
      },
      "systemd to boot", 120s, 100ms);
}

ProcessResult Booted::run(const std::string& script) const {
  return test::run({"nsenter", "--target", std::to_string(leader_), "--all", "sh", "-c", script},
                   {.env = {"LC_ALL=C.UTF-8"}});
}

std::string Booted::value(const std::string& script) const {
  auto end = run(script);
  REQUIRE_MESSAGE(end.exit_code == 0, script << ": " << end.out << end.err);
  if (end.out.ends_with('\n')) end.out.pop_back();
  return end.out;
}

void Booted::await(const std::string& script, std::chrono::milliseconds deadline) const {
  wait_until([&] { return run(script).exit_code == 0; }, script, deadline, 50ms);
}

}  // namespace schedctl::test
