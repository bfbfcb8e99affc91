#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "support/host.h"
#include "support/private_cron.h"
#include "support/terminal.h"
#include "util/account.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

// A machine whose crontab(1) is a script that keeps the table in a file, so that what crons differ
// in can be chosen.
class Machine {
 public:
  Machine() {
    std::filesystem::create_directory(folder / "bin");
    config = folder.write("schedctl.toml",
                          "[database]\nurl = \"postgresql:///app\"\n[process]\nlock_file = \"" +
                              (folder / "state/lock") + "\"\n[handler.a]\ntype = \"noop\"\n");
    crontab(R"(case $1 in
      -l) if [ -e "$T" ]; then cat "$T"; else echo "no crontab for me" >&2; exit 1; fi ;;
      -r) rm "$T" ;;
      -) cat > "$T.new" && mv "$T.new" "$T" ;;
    esac)");
    // A schedctl that others may be told of by its path, and a bare PATH.
    env = {"PATH=" + (folder / "bin") + ":/usr/bin:/bin", "SCHEDCTL_CONFIG=" + config,
           "HOME=" + folder.path(), "XDG_CONFIG_HOME=" + (folder / "xdg")};
  }

  void crontab(const std::string& script) {
    const auto path =
        folder.write("bin/crontab", "#!/bin/sh\nT='" + (folder / "table") + "'\n" + script + "\n");
    REQUIRE(chmod(path.c_str(), 0755) == 0);
  }

  ProcessResult setup(std::vector<std::string> flags, const std::vector<std::string>& more = {}) {
    flags.insert(flags.begin(), {binary(), "setup-cron"});
    ProcessOptions options;
    options.env = env;
    options.env.insert(options.env.end(), more.begin(), more.end());
    return run(flags, options);
  }

  std::string read(const std::string& name) const {
    std::ifstream file(folder / name);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  std::string table() const { return read("table"); }
  void write_table(const std::string& text) { folder.write("table", text); }

  TempDir folder;
  std::string config;
  std::vector<std::string> env;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string user_name() { return find_account(geteuid()).value().name; }

// As a shell of root's private cron would say it.
ProcessResult in_cron(const Machine& machine, const std::string& script) {
  return run(in_private_cron(script), {.env = {"SCHEDCTL_CONFIG=" + machine.config}});
}

}  // namespace

TEST_SUITE("cli::setup_cron") {
  TEST_CASE("a table gets both lines, and is left alone when it has them") {
    Machine machine;
    machine.write_table("# mine\n0 3 * * * true\n");

    const auto first = machine.setup({"--every", "5m"});
    const auto table = machine.table();
    const auto second = machine.setup({"--every", "5m"});

    CHECK(first.exit_code == 0);
    CHECK(first.err == "");
    CHECK(contains(first.out, "+*/5 * * * * /usr/bin/env PATH="));
    CHECK(contains(first.out, ": written\n"));
    CHECK(table.starts_with("# mine\n0 3 * * * true\n# BEGIN schedctl "));
    CHECK(contains(table, binary() + " --config " + machine.config + " process\n"));
    CHECK(contains(table, binary() + " --config " + machine.config + " cleanup-stuck\n"));
    CHECK(second.exit_code == 0);
    CHECK(contains(second.out, ": no change\n"));
    CHECK(machine.table() == table);
  }

  TEST_CASE("a table that is not there, empty, or without a last newline is none the worse") {
    for (const std::string before : {"", "\n", "0 3 * * * true", "0 3 * * * true\n"}) {
      Machine machine;
      if (!before.empty()) machine.write_table(before);

      CHECK(machine.setup({"--every", "1m"}).exit_code == 0);
      CHECK(machine.table().starts_with(before));
      CHECK(machine.setup({"--remove"}).exit_code == 0);
      CHECK(machine.table() == before + (before.ends_with('\n') || before.empty() ? "" : "\n"));
      CHECK(std::filesystem::exists(machine.folder / "table") == !before.empty());
      CHECK(contains(machine.setup({"--remove"}).out, ": no change\n"));
    }
  }

  TEST_CASE("what cron refuses leaves the old table, and says why") {
    Machine machine;
    machine.crontab("[ \"$1\" = -l ] && exec cat \"$T\"; echo '\"-\":3: bad minute' >&2; exit 1");
    machine.write_table("0 3 * * * true\n");

    const auto end = machine.setup({"--every", "1m"});

    CHECK(end.exit_code == 73);
    CHECK(contains(end.err, "not taken, the old one stays: \"-\":3: bad minute"));
    CHECK(machine.table() == "0 3 * * * true\n");
  }

  TEST_CASE("users whom cron does not serve, and machines without cron, get the remedy") {
    Machine machine;
    machine.crontab("echo 'You (me) are not allowed to use this program (crontab)' >&2; exit 1");
    check_refused(machine.setup({"--every", "1m"}), 77, "not allowed");

    const auto without = machine.setup({"--every", "1m"}, {"PATH=" + (machine.folder / "nothing")});
    check_refused(without, 69, "install the package \"cron\"");
  }

  TEST_CASE("a table that somebody changes meanwhile is not written over") {
    Machine machine;
    machine.crontab(R"([ "$1" = -l ] || exit 9
      cat "$T"; echo "$$ * * * * true" >> "$T")");
    machine.write_table("0 3 * * * true\n");

    const auto end = machine.setup({"--every", "1m"});

    CHECK(end.exit_code == 75);
    CHECK(contains(end.err, "was changed meanwhile"));
  }

  TEST_CASE("a block that was edited is refused, and nothing is written") {
    Machine machine;
    REQUIRE(machine.setup({"--every", "1m"}).exit_code == 0);
    const auto edited = machine.table() + "x\n" + machine.table();
    machine.write_table(edited);

    check_refused(machine.setup({"--every", "5m"}), 65, ":6: holds the block");
    check_refused(machine.setup({"--remove"}), 65, ":6: holds the block");
    CHECK(machine.table() == edited);
  }

  TEST_CASE("without a terminal the flags must say all that is needed") {
    Machine machine;
    check_refused(machine.setup({}), 64, "--every 1m");
    check_refused(machine.setup({"--every", "7m"}), 64, "7m does not divide");
    check_refused(machine.setup({"--every", "often"}), 64, "--every");
    check_refused(machine.setup({"--schedule", "* * * *"}), 64, "--schedule");
    check_refused(machine.setup({"--every", "1m", "--user"}), 64, "needs a name");
    check_refused(machine.setup({"--every", "1m", "--user", "no-such-user"}), 64, "no such user");
    check_refused(machine.setup({"--every", "1m", "--mailto", "a\nb"}), 64, "--mailto");
    check_refused(machine.setup({"--every", "1m", "--log-file", "a\nb"}), 64, "--log-file");
    check_refused(machine.setup({"--every", "1m", "--systemd", "--mailto", "a"}), 64, "--mailto");
    check_refused(machine.setup({"--every", "1m", "--remove"}), 64, "--remove");
    check_refused(machine.setup({"--every", "1m", "--schedule", "* * * * *"}), 64, "--schedule");
    check_refused(machine.setup({"--every", "1m", "--cron-d", "--systemd"}), 64, "--systemd");
    CHECK(machine.table() == "");
  }

  TEST_CASE("a configuration that a run could not use is refused before anything is written") {
    Machine machine;
    const auto missing = machine.setup({"--every", "1m"}, {"SCHEDCTL_CONFIG=/nowhere.toml"});
    check_refused(missing, 78, "/nowhere.toml");
    machine.folder.write("schedctl.toml", "[process]\nmax_runtime = \"5 parsecs\"\n");
    check_refused(machine.setup({"--every", "1m"}), 78, "schedctl.toml:2:");
    CHECK(machine.table() == "");
  }

  TEST_CASE("variables that a run will not have are warned of") {
    Machine machine;
    machine.folder.write("schedctl.toml", "[process]\nlock_file = \"state/lock\"\n");
    const auto end =
        machine.setup({"--every", "1m"}, {"DATABASE_URL=postgresql:///app", "SCHEDCTL_HOST=x"});

    CHECK(end.exit_code == 0);
    CHECK(contains(end.err, "DATABASE_URL is set here, but a run will not have it"));
    CHECK(contains(end.err, "SCHEDCTL_HOST is set here"));
  }

  TEST_CASE("the profile that is in effect goes with the runs") {
    Machine machine;
    machine.folder.write(
        "schedctl.toml",
        "[database]\nurl = \"postgresql:///app\"\n[profile.night.log]\nlevel = \"warn\"\n");
    const auto lines = machine.setup({"--print"}, {"SCHEDCTL_PROFILE=night"});
    CHECK(lines.err == "");
    CHECK(contains(lines.out, " SCHEDCTL_PROFILE=night "));
    check_refused(machine.setup({"--print"}, {"SCHEDCTL_PROFILE=day"}), 78, "day");
  }

  TEST_CASE("--print shows the lines and changes nothing, with a cron or without") {
    Machine machine;
    const auto lines = machine.setup({"--print"}, {"PATH=" + (machine.folder / "nothing")});
    CHECK(lines.exit_code == 0);
    CHECK(lines.out.starts_with("# BEGIN schedctl "));
    CHECK(contains(lines.out, "\n* * * * * /usr/bin/env "));

    const auto units = machine.setup({"--print", "--systemd", "--user", "--every", "5m"});
    CHECK(contains(units.out, "[Service]\nType=oneshot\n"));
    CHECK(contains(units.out, "OnCalendar=*-*-* *:00,05,10"));
    CHECK(machine.table() == "");
    CHECK_FALSE(std::filesystem::exists(machine.folder / "xdg"));
    CHECK_FALSE(std::filesystem::exists(machine.folder / "state"));
  }

  TEST_CASE("programs get one object that says what changed") {
    Machine machine;
    const auto object = nlohmann::json::parse(machine.setup({"--every", "1m", "--json"}).out);
    CHECK(object["schema_version"] == 1);
    CHECK(object["target"] == "crontab");
    CHECK(object["changed"] == true);
    CHECK(contains(object["changes"][0]["diff"], "+* * * * * /usr/bin/env"));

    CHECK(nlohmann::json::parse(machine.setup({"--every", "1m", "--json"}).out)["changed"] ==
          false);
    const auto printed = nlohmann::json::parse(machine.setup({"--print", "--json"}).out);
    CHECK(contains(printed["files"][0]["text"], "cleanup-stuck"));
  }

  TEST_CASE("units of one's own are written, kept when they are right, and taken away") {
    Machine machine;
    const auto first = machine.setup({"--every", "5m", "--systemd", "--user"});
    CHECK(first.exit_code == 0);
    CHECK(first.err == "");
    const auto folder = machine.folder / "xdg/systemd/user";
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      ++files;
      struct stat info {};
      REQUIRE(stat(entry.path().c_str(), &info) == 0);
      CHECK((info.st_mode & 07777) == 0644);
      CHECK(entry.path().filename().string().starts_with("schedctl-"));
    }
    CHECK(files == 4);

    CHECK(contains(machine.setup({"--every", "5m", "--systemd", "--user"}).out, ": no change\n"));
    const auto before = machine.setup({"--print", "--systemd", "--user", "--every", "5m"}).out;
    CHECK(contains(machine.setup({"--every", "1m", "--systemd", "--user"}).out,
                   "+OnCalendar=*-*-* *:*:00\n"));
    CHECK(machine.setup({"--remove", "--systemd", "--user"}).exit_code == 0);
    CHECK(std::filesystem::is_empty(folder));
  }

  TEST_CASE("a unit that somebody else wrote or edited is not written over") {
    Machine machine;
    REQUIRE(machine.setup({"--every", "5m", "--systemd", "--user"}).exit_code == 0);
    std::string unit;
    for (const auto& entry :
         std::filesystem::directory_iterator(machine.folder / "xdg/systemd/user"))
      if (entry.path().string().ends_with("-cleanup.timer")) unit = entry.path();
    std::ofstream(unit, std::ios::app) << "RandomizedDelaySec=5\n";

    const auto appended = machine.setup({"--every", "1m", "--systemd", "--user"});
    CHECK(appended.exit_code == 65);
    CHECK(contains(appended.err, unit + ": holds lines that setup-cron did not write"));
    std::ofstream(unit) << "[Timer]\n";
    check_refused(machine.setup({"--every", "1m", "--systemd", "--user"}), 65, "did not write");
    check_refused(machine.setup({"--remove", "--systemd", "--user"}), 65, "did not write");
  }

  TEST_CASE("another user's table needs root" * doctest::skip(geteuid() == 0)) {
    Machine machine;
    check_refused(machine.setup({"--every", "1m", "--user", "root"}), 77, "only root");
    check_refused(machine.setup({"--every", "1m", "--cron-d"}), 77, "only root");
    check_refused(machine.setup({"--every", "1m", "--systemd"}), 77, "--user without a name");
  }
}

TEST_SUITE("cli::setup_cron of root") {
  TEST_CASE("the table of Debian's cron keeps every byte of the others' lines") {
    if (!may_mount()) return;
    const Machine machine;
    const auto end = in_cron(machine, R"(
      printf '# mine\nMAILTO=me\n\n\t0 3 * * *  echo 100\\%% \n' | crontab - || exit 1
      crontab -l > /tmp/before-$$
      $S setup-cron --every 1m --mailto ops@example.org >/dev/null || exit 2
      crontab -l | head -c $(stat -c %s /tmp/before-$$) | cmp - /tmp/before-$$ || exit 3
      crontab -l > /tmp/first-$$
      $S setup-cron --every 1m --mailto ops@example.org | grep -q 'no change' || exit 4
      crontab -l | cmp - /tmp/first-$$ || exit 5
      $S setup-cron --remove >/dev/null && crontab -l | cmp - /tmp/before-$$ || exit 6
      rm /tmp/before-$$ /tmp/first-$$)");
    CHECK(end.out + end.err == "");
    CHECK(end.exit_code == 0);
  }

  TEST_CASE("root sets up for another user, in his table and in /etc/cron.d") {
    if (!may_mount()) return;
    Machine machine;
    chmod(machine.config.c_str(), 0644);
    machine.folder.write("schedctl.toml", "[handler.a]\ntype = \"noop\"\n");
    chmod(machine.config.c_str(), 0644);
    const auto end = in_cron(machine, R"(
      mount -t tmpfs -o mode=0755,uid=$(id -u postgres) tmpfs ~postgres || exit 1
      umask 077
      $S setup-cron --every 5m --user postgres >/dev/null 2>&1 || exit 2
      crontab -u postgres -l | grep -q 'process$' || exit 3
      crontab -l 2>/dev/null && exit 4
      $S setup-cron --every 5m --user postgres --cron-d >/dev/null 2>&1 || exit 5
      cd /etc/cron.d && stat -c '%n %a %U' *
      grep -c ' postgres /usr/bin/env' *
      [ $(stat -c %U ~postgres/.local/state/schedctl) = postgres ] || exit 6
      $S setup-cron --every 5m --user postgres --log-file /root/x.log
      $S setup-cron --every 5m --user nobody --cron-d)");
    CHECK(contains(end.err, "--log-file /root/x.log: user postgres cannot write it"));
    CHECK(end.exit_code == 73);
    CHECK(contains(end.err, "user nobody cannot make the folder /nonexistent/"));
    CHECK(std::regex_search(end.out, std::regex("(^|\n)schedctl-[0-9a-f]{8} 644 root\n2\n")));
  }

  TEST_CASE("what lies in the way in /etc/cron.d is not followed") {
    if (!may_mount()) return;
    const Machine machine;
    const auto end = in_cron(machine, R"(
      $S setup-cron --every 1m --cron-d >/dev/null && cd /etc/cron.d && name=$(echo *)
      echo victim > /tmp/victim-$$
      ln -sf /tmp/victim-$$ $name; $S setup-cron --every 1m --cron-d; echo $?
      rm $name; ln /tmp/victim-$$ $name 2>/dev/null || cp /tmp/victim-$$ $name
      mkfifo other; mv -f other $name; timeout 10 $S setup-cron --every 1m --cron-d; echo $?
      rm $name; mkdir $name; $S setup-cron --every 1m --cron-d; echo $?
      rmdir $name; ln -s /tmp/victim-$$ $name.tmp; $S setup-cron --every 1m --cron-d; echo $?
      cat /tmp/victim-$$; rm /tmp/victim-$$; ls)");
    CHECK(contains(end.out, "77\n77\n73\n"));
    CHECK(contains(end.out, "\nvictim\n"));
    CHECK(contains(end.err, "is a symbolic link: remove it"));
    CHECK(contains(end.err, "is no regular file"));
  }

  TEST_CASE("a crash leaves the old file or the new one") {
    if (!may_mount()) return;
    const Machine machine;
    const auto end = in_cron(machine, R"(
      $S setup-cron --every 1m --cron-d >/dev/null; cd /etc/cron.d; name=$(echo *); cp $name /tmp/old-$$
      for call in write,pwrite64 fsync fchmod rename,renameat,renameat2; do
        (strace -f -o /dev/null -P /etc/cron.d/$name -P /etc/cron.d/$name.tmp -e trace=$call -e inject=$call:signal=KILL:when=1 \
          $S setup-cron --every 5m --cron-d; exit $?) >/dev/null 2>&1
        case $? in 137) ;; *) echo "$call was not reached" ;; esac
        cmp -s $name /tmp/old-$$ || grep -q '^\*/5 .* process$' $name && grep -q '^# END' $name || echo "$call: neither"
        $S setup-cron --every 1m --cron-d >/dev/null || echo "$call: not mended"
        cmp $name /tmp/old-$$; [ $(ls | wc -l) = 1 ] || ls
      done; rm /tmp/old-$$)");
    CHECK(end.out + end.err == "");
  }

  TEST_CASE("system units are written for a user, with what he may write") {
    if (!may_mount()) return;
    Machine machine;
    machine.folder.write("schedctl.toml",
                         "[handler.a]\ntype = \"noop\"\n[process]\n"
                         "shutdown_grace = \"2m\"\n");
    chmod(machine.config.c_str(), 0644);
    const auto end = in_cron(machine, R"(
      mount -t tmpfs -o mode=0755,uid=$(id -u postgres) tmpfs ~postgres || exit 1
      $S setup-cron --every 1m --user postgres --systemd --log-file /var/log/postgresql/schedctl.log
      cd /etc/systemd/system && grep -h '^ReadWritePaths\|^User\|^TimeoutStop\|^Environment' schedctl-????????.service)");
    CHECK(end.exit_code == 0);
    CHECK(contains(end.out,
                   "systemd does not run here; where it does, type: systemctl enable --now"));
    CHECK(contains(end.out, "User=postgres\n"));
    CHECK(contains(end.out, "/.local/state/schedctl\" \"/var/log/postgresql\"\n"));
    CHECK(contains(end.out, "TimeoutStopSec=2m15s\n"));
    CHECK(contains(end.out, "\"SCHEDULER_LOG_FILE=/var/log/postgresql/schedctl.log\""));
  }
}

TEST_SUITE("cli::setup_cron on a terminal") {
  TEST_CASE("it asks for what is missing, shows the change, and writes after a yes") {
    Machine machine;
    Terminal terminal({binary(), "setup-cron"}, machine.env);

    terminal.expect("How often");
    terminal.type("7m");
    terminal.expect("does not divide an hour");
    terminal.type("5m");
    terminal.expect("What is to start it");
    terminal.type("");
    if (geteuid() == 0) {
      terminal.expect("As which user? [root]");
      terminal.type("no-such-user");
      terminal.expect("there is no user");
      terminal.type("");
    }
    terminal.expect("Where do log lines go");
    terminal.type("relative");
    terminal.expect("from / on");
    terminal.type(machine.folder / "log");
    terminal.expect("To whom is cron to write?");
    terminal.type("ops@example.org");
    terminal.expect("+*/5 * * * *");
    terminal.expect("Write it? [y/N]");
    CHECK(machine.table() == "");
    terminal.type("y");
    terminal.expect("written");
    CHECK(terminal.exit_code() == 0);
    CHECK(contains(machine.table(), "MAILTO=ops@example.org\n*/5 * * * * "));
    CHECK(contains(machine.table(), "SCHEDULER_LOG_FILE=" + (machine.folder / "log")));
  }

  TEST_CASE("flags answer questions, and a no or an end of input changes nothing") {
    Machine machine;
    const std::vector<std::string> command = {binary(),     "setup-cron", "--every", "1m",
                                              "--log-file", "/tmp/x.log", "--user",  user_name()};
    Terminal no(command, machine.env);
    no.expect("What is to start it");
    no.type("crontab");
    no.expect("Write it?");
    no.type("n");
    no.expect("nothing was changed");
    CHECK(no.exit_code() == 1);

    Terminal end(command, machine.env);
    end.expect("What is to start it");
    end.end_of_input();
    end.expect("no answer: nothing was changed");
    CHECK(end.exit_code() == 1);
    CHECK(machine.table() == "");
  }

  TEST_CASE("with --yes nothing is asked, and what is missing is an error again") {
    Machine machine;
    Terminal yes({binary(), "setup-cron", "--every", "1m", "--yes"}, machine.env);
    CHECK(yes.exit_code() == 0);
    CHECK(contains(machine.table(), " process\n"));

    Terminal missing({binary(), "setup-cron", "--yes"}, machine.env);
    CHECK(missing.exit_code() == 64);
  }

  TEST_CASE("taking it away asks once") {
    Machine machine;
    REQUIRE(machine.setup({"--every", "1m"}).exit_code == 0);
    Terminal terminal({binary(), "setup-cron", "--remove"}, machine.env);
    terminal.expect("-* * * * *");
    terminal.expect("Write it?");
    terminal.type("y");
    CHECK(terminal.exit_code() == 0);
    CHECK(machine.table() == "");
  }
}
