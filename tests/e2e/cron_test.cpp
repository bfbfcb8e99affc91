// A real cron daemon starts runs from tables that setup-cron has made. It lives in namespaces of
// its own, with tables, users and a mail program of its own, for as long as two of its minutes
// last.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "support/host.h"
#include "support/private_cron.h"
#include "support/process.h"
#include "support/server.h"

using namespace schedctl;
using namespace schedctl::test;

namespace {

constexpr uid_t ada = 47111;
constexpr auto two_minutes = 150s;

struct Place {
  Server server;
  TempDir folder;

  std::string file(const std::string& name) const { return folder / name; }

  std::string read(const std::string& name) const {
    std::ifstream input(file(name));
    std::ostringstream text;
    text << input.rdbuf();
    return text.str();
  }

  // A configuration with a handler that keeps its environment, migrated, of this user.
  std::string configure(const std::string& name, uid_t owner) const {
    const auto script =
        folder.write(name + ".sh", fmt::format("env >>{0}.env\nid -un >>{0}.user\n", file(name)));
    const auto config = folder.write(
        name + ".toml",
        fmt::format("[database]\nurl = \"{}\"\nschema = \"{}\"\n[process]\nhost = \"{}\"\n"
                    "[handler.note]\ntype = \"command\"\nargv = [\"sh\", \"{}\"]\n",
                    server.url(), name, name, script));
    const auto migrated = run({binary(), "--config", config, "migrate"});
    REQUIRE_MESSAGE(migrated.exit_code == 0, migrated.err);
    const auto env = folder.write(name + ".env", ""), user = folder.write(name + ".user", "");
    for (const auto& path : {config, script, env, user})
      REQUIRE(chown(path.c_str(), owner, owner) == 0);
    return config;
  }

  void enqueue(const std::string& name) const {
    server.query(fmt::format("set search_path = {0}; select {0}.enqueue('note')", name));
  }

  int completed(const std::string& name) const {
    return std::stoi(server.value(
        fmt::format("select count(*) from {}.executions where status = 'completed'", name)));
  }

  void await_completed(const std::vector<std::string>& names, int count) const {
    for (const auto& name : names)
      wait_until([&] { return completed(name) >= count; },
                 fmt::format("cron to have run {} jobs of {}", count, name), two_minutes, 500ms);
  }
};

// Says what cron would find of its own on a machine, then becomes cron.
Process start_cron(const Place& place) {
  const auto script = R"(set -e
    mount -t proc proc /proc
    mount -t tmpfs -o mode=1730,gid=$(getent group crontab | cut -d: -f3) tmpfs /var/spool/cron/crontabs
    mount -t tmpfs -o mode=0755 tmpfs /etc/cron.d
    mount -t tmpfs -o mode=0755 tmpfs /run
    mkdir $D/etc $D/sbin $D/home $D/drafts $D/mail; chown 47111:47111 $D/home; chmod 1777 $D/drafts $D/mail
    for name in passwd shadow group; do cp -p /etc/$name $D/etc; done; : > $D/etc/crontab
    echo "ada:x:47111:47111::$D/home:/bin/sh" >> $D/etc/passwd
    echo 'ada:*:19000:0:99999:7:::' >> $D/etc/shadow
    echo 'ada:x:47111:' >> $D/etc/group
    for name in passwd shadow group crontab; do mount --bind $D/etc/$name /etc/$name; done
    printf '#!/bin/sh\ncat > '$D'/drafts/$$ && mv '$D'/drafts/$$ '$D'/mail\n' > $D/sbin/sendmail
    chmod 755 $D/sbin/sendmail
    mount -t overlay -o lowerdir=$D/sbin:/usr/sbin overlay /usr/sbin
    echo '# mine' | crontab -
    $S --config $D/root_jobs.toml setup-cron --every 1m --mailto ops@example.org
    $S --config $D/ada_jobs.toml setup-cron --every 1m --user ada
    $S --config "$D/100%' broken.toml" setup-cron --every 1m --user ada --cron-d --mailto oncall@example.org
    echo 'max_runtime = "5 parsecs"' >> "$D/100%' broken.toml"
    touch $D/ready
    exec cron -f)";
  return start({"unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "bash", "-c", script},
               {.env = {"D=" + place.folder.path(), "S=" + binary(), "CANARY=of-the-test"}});
}

std::vector<std::string> mails(const Place& place) {
  std::vector<std::string> texts;
  for (const auto& entry : std::filesystem::directory_iterator(place.file("mail")))
    texts.push_back(place.read("mail/" + entry.path().filename().string()));
  return texts;
}

}  // namespace

TEST_SUITE("cron::daemon") {
  TEST_CASE(
      "two minutes of cron run what is due then, as root and as another user, and are silent") {
    if (!may_mount()) return;
    const Place place;
    place.configure("root_jobs", 0);
    place.configure("ada_jobs", ada);
    place.folder.write("100%' broken.toml", "[process]\n");
    REQUIRE(chown(place.file("100%' broken.toml").c_str(), ada, ada) == 0);
    const std::vector<std::string> both = {"root_jobs", "ada_jobs"};

    auto cron = start_cron(place);
    wait_until([&] { return std::filesystem::exists(place.file("ready")) || !cron.running(); },
               "cron", 30s, 50ms);
    REQUIRE_MESSAGE(cron.running(), cron.out() << cron.err());
    for (int minute = 1; minute <= 2; ++minute) {
      for (const auto& name : both) place.enqueue(name);
      place.await_completed(both, minute);
    }
    REQUIRE(cron.running());

    for (const auto& name : both) {
      CAPTURE(name);
      CHECK(place.server.value(fmt::format(
                "select count(distinct date_trunc('minute', started_at)) from {}.executions",
                name)) == "2");
      // Started by the minute's tick, not by the next one.
      CHECK(place.server.value(fmt::format(
                "select bool_and(extract(second from started_at) < 40) from {}.executions",
                name)) == "t");
      CHECK(place.server.value(fmt::format("select host from {}.hosts", name)) == name);
      const auto env = place.read(name + ".env");
      CHECK(env.find("PATH=/usr/local/bin:/usr/bin:/bin\n") != std::string::npos);
      CHECK(env.find("CANARY") == std::string::npos);
      const auto history = run({binary(), "--config", place.file(name + ".toml"), "history"},
                               {.env = {"SCHEDCTL_STATE_DIR=/run/schedctl"},
                                .user = name == "ada_jobs" ? std::optional(ada) : std::nullopt});
      CHECK(history.out.find("completed") != std::string::npos);
    }
    CHECK(place.read("root_jobs.user") == "root\nroot\n");
    CHECK(place.read("ada_jobs.user") == "ada\nada\n");
    CHECK(std::filesystem::exists(place.file("home/.local/state/schedctl")));

    // Only what a person must see was mailed, to whom it was said.
    wait_until([&] { return !mails(place).empty(); }, "a mail", 30s, 100ms);
    const auto sent = mails(place);
    for (const auto& mail : sent) {
      CHECK(mail.find("To: oncall@example.org") != std::string::npos);
      CHECK(mail.find("schedctl: ") != std::string::npos);
      CHECK(mail.find("100%' broken.toml:2:") != std::string::npos);
    }
  }
}
