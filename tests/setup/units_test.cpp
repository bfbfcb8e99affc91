#include "setup/units.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <fstream>
#include <regex>

#include "support/process.h"

using namespace schedctl;
using namespace schedctl::setup;
using namespace schedctl::test;

namespace {

Plan plan() {
  return {.program = "/bin/true",
          .config = system_config,
          .when = every(std::chrono::minutes(1)),
          .user = {"postgres", 101, 101, {}, "/var/lib/postgresql"},
          .path = usual_path,
          .mailto = "",
          .log_file = "",
          .profile = ""};
}

// What systemd says against units in a folder; empty: nothing.
std::string fault_of(const std::vector<Unit>& units) {
  const TempDir folder;
  std::vector<std::string> argv = {"systemd-analyze", "verify"};
  for (const auto& unit : units) argv.push_back(folder.write(unit.name, unit.text));
  for (const auto& unit : units) chmod((folder / unit.name).c_str(), 0644);
  const auto end = run(argv, {.env = {"MANPATH=" SCHEDCTL_PAGES, "LC_ALL=C.UTF-8"}});
  INFO("systemd is a package that scripts/test installs");
  CHECK(end.exit_code == 0);
  return end.out + end.err;
}

double exposure_of(const Unit& unit) {
  const TempDir folder;
  const auto end =
      run({"systemd-analyze", "security", "--offline=true", folder.write(unit.name, unit.text)},
          {.env = {"LC_ALL=C.UTF-8"}});
  std::smatch match;
  REQUIRE_MESSAGE(std::regex_search(end.out, match, std::regex("level for .*: ([0-9.]+)")),
                  end.out << end.err);
  return std::stod(match[1]);
}

const Unit& unit_of(const std::vector<Unit>& units, const std::string& name) {
  for (const auto& unit : units)
    if (unit.name == name) return unit;
  FAIL("no unit " << name);
  return units[0];
}

bool has_line(const Unit& unit, const std::string& line) {
  return unit.text.find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_SUITE("setup::units") {
  TEST_CASE("systemd has nothing to say against the units") {
    for (const auto kind : {UnitKind::packaged, UnitKind::user, UnitKind::root, UnitKind::session})
      CHECK(fault_of(units(plan(), kind, {"/var/lib/x y", "/tmp"})) == "");
    auto odd = plan();
    odd.config = "/etc/100% sure/$HOME/it's \"x\".toml";
    odd.log_file = "/var/log/100% x.log";
    odd.when = by_schedule("*/5 8-18 1,15 * 1-5");
    CHECK(fault_of(units(odd, UnitKind::user, {"/srv/100%"})) == "");
  }

  TEST_CASE("systemd rates the services that do not run as root at 2.0 at most") {
    for (const auto kind : {UnitKind::packaged, UnitKind::user})
      for (const auto& unit : units(plan(), kind, {"/srv"}))
        if (unit.name.ends_with(".service")) CHECK(exposure_of(unit) <= 2.0);
  }

  TEST_CASE("a run and its handlers get what they need") {
    const auto made = units(plan(), UnitKind::user, {"/home/x/.local/state/schedctl"});
    const auto& service = unit_of(made, "schedctl.service");

    CHECK(has_line(service, "Type=oneshot"));
    CHECK(has_line(service, "SuccessExitStatus=75 130 143"));
    CHECK(has_line(service, "KillMode=mixed"));
    CHECK(has_line(service, "OOMPolicy=continue"));
    CHECK(has_line(service, "TimeoutStopSec=45s"));
    CHECK(has_line(service, "User=postgres"));
    CHECK(has_line(service, "ReadWritePaths=\"/home/x/.local/state/schedctl\""));
    const auto& timer = unit_of(made, "schedctl.timer");
    CHECK(has_line(timer, "Persistent=true"));
    CHECK(has_line(timer, "AccuracySec=1s"));
    CHECK(has_line(unit_of(made, "schedctl-cleanup.timer"),
                   "OnCalendar=*-*-* *:00,10,20,30,40,50:00"));
    CHECK(unit_of(made, "schedctl-cleanup.service").text.find(" cleanup-stuck\n") !=
          std::string::npos);
  }

  TEST_CASE("root's runs may become the users of their handlers, and end them") {
    const auto made = units(plan(), UnitKind::root, {});
    const auto& service = unit_of(made, "schedctl.service");

    CHECK(service.text.find("CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_KILL") !=
          std::string::npos);
    CHECK(has_line(service, "ProtectProc=default"));
    CHECK(has_line(service, "RuntimeDirectoryPreserve=yes"));
    CHECK(service.text.find("PrivateUsers") == std::string::npos);
    CHECK(service.text.find("ReadWritePaths") == std::string::npos);  // none was named
  }

  TEST_CASE("units of one's own ask for nothing that only root's manager can give") {
    const auto made = units(plan(), UnitKind::session, {});
    for (const char* word : {"User=", "ProtectSystem", "Private", "Capability", "postgresql"})
      CHECK_MESSAGE(unit_of(made, "schedctl.service").text.find(word) == std::string::npos, word);
    CHECK(unit_of(made, "schedctl.service").text.find("\n\n\n") == std::string::npos);
  }

  TEST_CASE("nothing in a path is expanded") {
    CHECK(unit_word("/a b/100%/$x/\"q\"/\\") == "\"/a b/100%%/$$x/\\\"q\\\"/\\\\\"");
  }

  TEST_CASE("what loosen.conf offers is what the service has, and systemd takes all of it") {
    std::ifstream file(SCHEDCTL_SOURCE "/packaging/systemd/loosen.conf");
    std::string loosened = "[Unit]\n[Service]\nExecStart=/bin/true\n", service;
    for (const auto& unit : units(plan(), UnitKind::user, {"/srv"})) service += unit.text;
    int offers = 0;
    for (std::string line; std::getline(file, line);) {
      if (!std::regex_match(line, std::regex("#[A-Z][A-Za-z]+=.*"))) continue;
      ++offers;
      loosened += line.substr(1) + '\n';
      CHECK_MESSAGE(
          service.find("\n" + line.substr(1, line.find('=') - 1) + "=") != std::string::npos, line);
    }
    CHECK(offers > 8);
    CHECK(fault_of({{"loosened.service", loosened}}) == "");
  }
}
