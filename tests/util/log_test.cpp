#include "util/log.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "support/process.h"
#include "util/error.h"

using namespace schedctl;

namespace {

struct Fixture {
  test::TempDir folder;
  std::string file = folder / "log";

  void open(log::Format format, log::Level level = log::Level::info) {
    log::open({.level = level, .console = log::Console::off, .format = format, .file = file});
  }
  ~Fixture() { log::open({log::Level::warn, log::Console::automatic, log::Format::text, ""}); }

  std::string text() const { return test::run({"cat", file}).out; }
  // Without the time, which is checked for its form.
  std::string line(const std::string& before_time = "") const {
    const auto all = text();
    REQUIRE(all.size() > before_time.size() + 28);
    CHECK(all.starts_with(before_time + "2"));
    CHECK(all[before_time.size() + 10] == 'T');
    CHECK(all.back() == '\n');
    return all.substr(all.find("Z", before_time.size()) + 1);
  }
};

}  // namespace

TEST_SUITE("util::log") {
  TEST_CASE_FIXTURE(Fixture, "text: time, level, event and fields") {
    open(log::Format::text);

    log::warn("job failed", {{"job", 42L}, {"why", "exit 3"}, {"empty", ""}, {"q", "a\"b=c"}});

    CHECK(line() == " warn job failed job=42 why=\"exit 3\" empty=\"\" q=\"a\\\"b=c\"\n");
  }

  TEST_CASE_FIXTURE(Fixture, "logfmt: every part has a name") {
    open(log::Format::logfmt);

    log::error("job failed", {{"job", 42L}});

    CHECK(line("time=") == " level=error msg=\"job failed\" job=42\n");
  }

  TEST_CASE_FIXTURE(Fixture, "json: one object on one line") {
    open(log::Format::json);

    log::info("job \"failed\"", {{"job", 42L}, {"why", "a\nb\xff"}});

    const auto object = nlohmann::json::parse(text());
    CHECK(object["level"] == "info");
    CHECK(object["msg"] == "job \"failed\"");
    CHECK(object["job"] == "42");
    CHECK(object["why"] == "a\nb\xef\xbf\xbd");
    CHECK(object["time"].get<std::string>().back() == 'Z');
  }

  TEST_CASE_FIXTURE(Fixture, "no value can forge a line or command a terminal") {
    const std::string evil =
        "x\n2026-01-01T00:00:00Z error forged=1\r\x1b[2J\xe2\x80\xae\xff\" y=2";
    for (const auto format : {log::Format::text, log::Format::logfmt, log::Format::json}) {
      open(format);
      log::warn(evil, {{"value", evil}});
    }

    const auto all = text();
    CHECK(std::count(all.begin(), all.end(), '\n') == 3);
    CHECK(all.find('\r') == std::string::npos);
    CHECK(all.find('\x1b') == std::string::npos);
  }

  TEST_CASE_FIXTURE(Fixture, "a backslash before a quote does not end the value") {
    open(log::Format::text);

    log::warn("e", {{"v", "a\\\" forged=1\n\\"}, {"tab", "a\tb"}, {"path", "C:\\x"}});

    CHECK(line() == R"( warn e v="a\\\" forged=1\n\\" tab="a)"
                    "\t"
                    R"(b" path=C:\x)"
                    "\n");
  }

  TEST_CASE_FIXTURE(Fixture, "lower levels than asked for are left out") {
    open(log::Format::text, log::Level::warn);

    log::debug("no");
    log::info("no");
    log::warn("yes");
    log::error("yes");

    const auto all = text();
    CHECK(all.find("no") == std::string::npos);
    CHECK(std::count(all.begin(), all.end(), '\n') == 2);
  }

  TEST_CASE_FIXTURE(Fixture, "the file is ours alone and is carried on") {
    open(log::Format::text);
    log::info("first");
    open(log::Format::text);
    log::info("second");

    struct stat found {};
    REQUIRE(stat(file.c_str(), &found) == 0);
    CHECK((found.st_mode & 07777) == 0600);
    const auto all = text();
    CHECK(all.find("first") < all.find("second"));
  }

  TEST_CASE_FIXTURE(Fixture, "a file that is not safe to write is refused") {
    folder.write("target", "");
    REQUIRE(symlink("target", file.c_str()) == 0);

    CHECK_THROWS_AS(open(log::Format::text), Error);
  }
}
