#include "config/handler_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "config/keys.h"
#include "config/placeholder.h"

namespace schedctl::config {
namespace {

using namespace std::chrono_literals;

constexpr Duration shortest(1);
constexpr std::size_t longest_user = 64;
constexpr std::size_t longest_role = 63;  // PostgreSQL's NAMEDATALEN - 1

std::vector<std::string> read_argv(const Node& node) {
  auto argv = read_strings(node);
  if (argv.empty() || argv[0].empty())
    throw Problem{"names no program: write e.g. argv = [\"/usr/bin/true\"]", node.line};
  const auto& elements = std::get<Array>(node.value);
  for (std::size_t i = 0; i < argv.size(); ++i) {
    try {
      check_placeholders(argv[i]);
      if (i == 0 && has_placeholder(argv[i]))
        throw Problem{describe(elements[i]) +
                      ": a payload must not choose the program: write its name"};
    } catch (const Problem& problem) {
      throw Problem{problem.text, elements[i].line};
    }
  }
  return argv;
}

void check_variable(const std::string& name, int line) {
  const bool plain = name.find_first_not_of(
                         "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                         "0123456789_") == std::string::npos;
  if (name.empty() || !plain || (name[0] >= '0' && name[0] <= '9'))
    throw Problem{describe(Node{name}) + " is no variable name: use letters, digits and _", line};
  if (name.starts_with("SCHEDCTL_"))
    throw Problem{describe(Node{name}) + " is set by schedctl itself: use another name", line};
}

void read_env(CommandHandler& command, const Node& node) {
  if (const auto* table = std::get_if<Table>(&node.value)) {
    for (const auto& [key, place, value] : *table) {
      check_variable(key, place.line);
      command.env[key] = read_string(value);
    }
    return;
  }
  if (!std::holds_alternative<Array>(node.value))
    throw Problem{describe(node) +
                      " has the wrong type: list names to pass on, [\"A\", \"B\"], or write "
                      "{ A = \"value\" }",
                  node.line};
  for (const auto& element : std::get<Array>(node.value)) {
    command.pass_env.push_back(read_string(element));
    check_variable(command.pass_env.back(), element.line);
  }
}

// Values may be secrets, so only names are shown.
std::string show_env(const CommandHandler& command) {
  if (command.env.empty()) return command.pass_env.empty() ? "" : show(command.pass_env);
  std::string text;
  for (const auto& [name, value] : command.env)
    text += fmt::format("{}{} = \"***\"", text.empty() ? "" : ", ", name);
  return "{ " + text + " }";
}

int read_umask(const Node& node) {
  constexpr int most = 0777;
  int mask = -1;
  if (const auto* number = std::get_if<std::int64_t>(&node.value); number && node.octal) {
    mask = *number >= 0 && *number <= most ? static_cast<int>(*number) : -1;
  } else if (const auto* text = std::get_if<std::string>(&node.value)) {
    const char* const last = text->data() + text->size();
    const auto [end, error] = std::from_chars(text->data(), last, mask, 8);
    if (error != std::errc() || end != last) mask = -1;
  }
  if (mask < 0 || mask > most)
    throw Problem{describe(node) + " is no octal mask: write e.g. \"022\" or 0o022", node.line};
  return mask;
}

Key name_key(std::string name, std::string& field, std::size_t most_bytes) {
  return {std::move(name),
          [&field, most_bytes](const Node& node) { field = read_name(node, most_bytes); },
          [&field] { return field.empty() ? "" : quote(field); }};
}

Key statement_key(std::string& field) {
  const auto read = [&field](const Node& node) {
    field = read_string(node);
    if (field.find_first_not_of(" \t\r\n;") == std::string::npos)
      throw Problem{"is empty: write e.g. statement = \"SELECT app.rollup($1::jsonb)\"", node.line};
  };
  return {"statement", read, [&field] { return quote(field); }};
}

}  // namespace

const std::vector<std::string> handler_types = {"noop", "command", "sql"};

std::vector<Key> common_keys(Handler& handler) {
  const auto show_type = [&handler] { return quote(handler_types[handler.how.index()]); };
  std::vector<Key> keys = {
      {"type", [](const Node&) {},
       show_type},  // decides which keys there are, so it was read before
      string_key("description", handler.description),
      duration_key("timeout", handler.timeout, shortest),
      integer_key("concurrency_limit", handler.concurrency_limit, 1, 1'000'000)};
  std::ranges::move(retry_keys(handler.retry), std::back_inserter(keys));
  return keys;
}

std::vector<Key> command_keys(CommandHandler& command, const std::string& folder) {
  return {{"argv", [&command](const Node& node) { command.argv = read_argv(node); },
           [&command] { return show(command.argv); }},
          path_key("cwd", command.cwd, folder),
          {"env", [&command](const Node& node) { read_env(command, node); },
           [&command] { return show_env(command); }},
          {"umask", [&command](const Node& node) { command.umask = read_umask(node); },
           [&command] {
             return command.umask ? fmt::format("\"{:03o}\"", *command.umask) : std::string();
           }},
          integer_key("nice", command.nice, -20, 19),
          name_key("user", command.user, longest_user),
          duration_key("cpu_limit", command.cpu_limit, 1s),
          size_key("memory_limit", command.memory_limit_bytes),
          size_key("output_limit", command.output_limit_bytes),
          duration_key("kill_grace", command.kill_grace, 0s),
          duration_key("snooze_delay", command.snooze_delay, shortest),
          exit_codes_key("success_codes", command.success_codes),
          exit_codes_key("snooze_codes", command.snooze_codes),
          exit_codes_key("reject_codes", command.reject_codes),
          exit_codes_key("skip_codes", command.skip_codes)};
}

std::vector<Key> sql_keys(SqlHandler& sql) {
  return {statement_key(sql.statement), name_key("role", sql.role, longest_role),
          bool_key("autonomous", sql.autonomous)};
}

std::string type_with_key(const std::string& key) {
  CommandHandler command;
  SqlHandler sql;
  const auto is_key = [&](const Key& candidate) { return candidate.name == key; };
  if (std::ranges::any_of(command_keys(command, ""), is_key)) return "command";
  if (std::ranges::any_of(sql_keys(sql), is_key)) return "sql";
  return "";
}

void settle_exit_codes(CommandHandler& command, const Section& section) {
  const std::pair<const char*, std::vector<int>*> lists[] = {
      {"success_codes", &command.success_codes},
      {"snooze_codes", &command.snooze_codes},
      {"reject_codes", &command.reject_codes},
      {"skip_codes", &command.skip_codes}};
  for (const auto& [name, codes] : lists) {
    if (!section.was_set(name)) continue;
    for (const auto& [other_name, others] : lists) {
      if (others == codes) continue;
      const auto shared = std::ranges::find_first_of(*codes, *others);
      if (section.was_set(other_name) && shared != codes->end())
        fail(section.origin(name), section.path(name),
             fmt::format("{} stands in {} too: remove it from one", *shared, other_name));
      std::erase_if(*others, [wanted = codes](int code) {
        return std::ranges::find(*wanted, code) != wanted->end();
      });
    }
  }
}

}  // namespace schedctl::config
