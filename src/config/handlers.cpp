#include "config/handlers.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/handler_keys.h"
#include "config/keys.h"
#include "config/sections.h"

namespace schedctl::config {
namespace {

constexpr std::size_t longest_job_type = 200;
constexpr const char* built_in = "noop";

// Where the table itself begins, for what is missing in it.
std::string table_place(const Entry& entry) {
  return Place{entry.place.file, entry.node.line}.text();
}

void check_name(const Entry& entry) {
  try {
    read_name(Node{entry.key, entry.place.line, false}, longest_job_type);
  } catch (const Problem& problem) {
    fail(entry.place.text(), "handler", problem.text);
  }
  if (entry.key == built_in)
    fail(entry.place.text(), "handler.noop",
         "the job type noop is built in: choose another name with type = \"noop\"");
}

std::size_t read_type(const Table& table, const Entry& entry, const std::string& path) {
  const auto found = std::ranges::find_if(table, [](const Entry& e) { return e.key == "type"; });
  if (found == table.end())
    fail(table_place(entry), path + ".type",
         "is missing: write type = \"command\", \"sql\" or \"noop\"");
  try {
    return read_choice(found->node, handler_types);
  } catch (const Problem& problem) {
    fail(found->place.text(), path + ".type", problem.text);
  }
}

// Gives the handler its type and returns the keys that go with it.
std::vector<Key> choose_type(Handler& handler, std::size_t type, const std::string& folder) {
  auto keys = common_keys(handler);
  std::vector<Key> own;
  if (handler_types[type] == "command")
    own = command_keys(handler.how.emplace<CommandHandler>(), folder);
  if (handler_types[type] == "sql") own = sql_keys(handler.how.emplace<SqlHandler>());
  std::ranges::move(own, std::back_inserter(keys));
  return keys;
}

void require(const Section& section, const char* key, const char* example, const Entry& entry) {
  if (section.was_set(key)) return;
  fail(table_place(entry), section.path(key),
       fmt::format("is missing: write e.g. {} = {}", key, example));
}

void inherit_origins(const Section& retry, Section& section) {
  for (const auto& key : retry.names()) section.set_origin(key, retry.origin(key));
}

// A role that is not set for a transaction alone would stay with the next client of the pooler.
void check_role(const SqlHandler& sql, const Section& section, const Database& database) {
  if (sql.role.empty() || !sql.autonomous || !database.pooled) return;
  fail(section.origin("role"), section.path("role"),
       "needs a transaction with database.pooled: take autonomous or role away");
}

void read_handler(const Entry& entry, const std::string& folder, const Section& retry,
                  Config& config) {
  check_name(entry);
  const auto path = "handler." + key_text(entry.key);
  const Table& table = table_of(entry, path);
  const auto type = read_type(table, entry, path);

  Handler& handler = config.handlers[entry.key];
  handler.name = entry.key;
  handler.place = {entry.place.file, entry.node.line};
  handler.retry = config.retry;
  Section section(path, choose_type(handler, type, folder));
  inherit_origins(retry, section);
  section.read(table, [&](const std::string& key) {
    const auto other = type_with_key(key);
    if (other.empty()) return "unknown key" + hint(key, section.names());
    return fmt::format("is a key of type {}, this handler has type {}: remove it", quote(other),
                       quote(handler_types[type]));
  });

  if (auto* command = std::get_if<CommandHandler>(&handler.how)) {
    require(section, "argv", "[\"/usr/bin/true\"]", entry);
    settle_exit_codes(*command, section);
  } else if (const auto* sql = std::get_if<SqlHandler>(&handler.how)) {
    require(section, "statement", "\"SELECT app.rollup($1::jsonb)\"", entry);
    check_role(*sql, section, config.database);
  }
  check_delays(handler.retry, section);
  section.append_settings(config.settings);
}

}  // namespace

void read_handlers(const Table& root, const std::string& folder, const Section& retry,
                   Config& config) {
  for (const auto& entry : root) {
    if (entry.key != "handler") continue;
    for (const auto& handler : table_of(entry, "handler"))
      read_handler(handler, folder, retry, config);
  }
  Handler& noop = config.handlers[built_in];
  noop.name = built_in;
  noop.retry = config.retry;
}

}  // namespace schedctl::config
