#include "setup/cron_lines.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "support/process.h"
#include "util/error.h"

using namespace schedctl;
using namespace schedctl::setup;

namespace {

Plan plan() {
  return {.program = "/usr/bin/schedctl",
          .config = "/etc/schedctl/schedctl.toml",
          .when = every(std::chrono::minutes(5)),
          .user = {"ada", 1000, 1000, {}, "/home/ada"},
          .path = usual_path,
          .mailto = "",
          .log_file = "",
          .profile = ""};
}

// As cron does with the command of a line: "\%" is "%", and an open "%" ends it. Source:
// crontab(5).
std::string as_cron_reads(const std::string& command) {
  std::string text;
  for (std::size_t i = 0; i < command.size(); ++i) {
    if (command[i] == '\\' && i + 1 < command.size() && command[i + 1] == '%') continue;
    if (command[i] == '%' && (i == 0 || command[i - 1] != '\\')) break;
    text += command[i];
  }
  return text;
}

std::string refusal(const Plan& changed) {
  try {
    check(changed);
    return "";
  } catch (const UsageError& e) {
    return e.what();
  }
}

}  // namespace

TEST_SUITE("setup::cron_lines") {
  TEST_CASE("a word arrives as it is, through cron and sh") {
    for (const std::string word : {"/usr/bin/x", "a b", "100%", "50%d'x y'", "\"$HOME\" `id` $(id)",
                                   "it's", "", "*", "~x", "a;b&c|d>e", "#x", "ü"}) {
      const auto end = test::run({"/bin/sh", "-c", "printf %s " + as_cron_reads(cron_word(word))});
      CHECK(end.out == word);
      CHECK(end.exit_code == 0);
    }
  }

  TEST_CASE("both commands stand there, with absolute paths and no variable for other lines") {
    CHECK(table_lines(plan(), "") ==
          "*/5 * * * * /usr/bin/env PATH=/usr/local/bin:/usr/bin:/bin /usr/bin/schedctl --config "
          "/etc/schedctl/schedctl.toml process\n"
          "*/10 * * * * /usr/bin/env PATH=/usr/local/bin:/usr/bin:/bin /usr/bin/schedctl --config "
          "/etc/schedctl/schedctl.toml cleanup-stuck\n");
    CHECK(cron_d_lines(plan()).starts_with("*/5 * * * * ada /usr/bin/env "));
  }

  TEST_CASE("who gets mail for the lines behind the block is not changed by it") {
    auto with_mail = plan();
    with_mail.mailto = "ops@example.org";

    const auto last_line = [&](const std::string& before) {
      const auto text = table_lines(with_mail, before);
      CHECK(text.starts_with("MAILTO=ops@example.org\n"));
      const auto begin = text.rfind('\n', text.size() - 2) + 1;
      return text.substr(begin);
    };
    CHECK(last_line("") == "MAILTO=ada\n");
    CHECK(last_line("MAILTO=a@x\n0 1 * * * true\n MAILTO = \"\"\n") == " MAILTO = \"\"\n");
    CHECK(last_line("# MAILTO=nobody\n") == "MAILTO=ada\n");
    CHECK(cron_d_lines(with_mail).starts_with("MAILTO=ops@example.org\n*/5"));
  }

  TEST_CASE("what cron or systemd would read in another way is refused") {
    CHECK(refusal(plan()) == "");
    auto odd = plan();
    odd.config = "/etc/a\nb.toml";
    CHECK(refusal(odd).find("--config \"/etc/a\\nb.toml\"") == 0);
    odd = plan();
    odd.log_file = "/var/log/a\\%b";
    CHECK(refusal(odd).find("backslash") != std::string::npos);
    odd = plan();
    odd.log_file = "relative.log";
    CHECK(refusal(odd).find("--log-file") == 0);
    odd = plan();
    odd.config = "/" + std::string(5000, 'x');
    CHECK(refusal(odd).find("longer than 300") != std::string::npos);
    odd = plan();
    odd.program = "/usr/bin/\xff";
    CHECK(refusal(odd) != "");
    for (const char* mail : {"a b@x", "-oQ/tmp", "a\"b", "x\ny", "a;b", "`id`"}) {
      odd = plan();
      odd.mailto = mail;
      CHECK(refusal(odd).find("--mailto") == 0);
    }
  }

  TEST_CASE("each configuration has names of its own, which cron does not pass over") {
    CHECK(name_of(system_config) == "schedctl");
    const auto other = name_of("/srv/app/schedctl.toml");
    CHECK(other == "schedctl-" + id_of("/srv/app/schedctl.toml"));
    CHECK(other != name_of("/srv/app2/schedctl.toml"));
    CHECK(std::ranges::all_of(other, [](unsigned char c) { return std::isalnum(c) || c == '-'; }));
  }
}
