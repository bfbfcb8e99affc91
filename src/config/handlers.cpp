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

struct Place {
  const std::string& file;
  const std::string& folder;
};

// A key as TOML writes it.
std::string key_text(const std::string& key) {
  const bool bare = key.find_first_not_of(
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                        "0123456789_-") == std::string::npos;
  return bare && !key.empty() ? key : quote(key);
}

std::string at(const Place& place, int line) { return fmt::format("{}:{}", place.file, line); }

void check_name(const Entry& entry, const Place& place) {
  try {
    read_name(Node{entry.key, entry.line, false}, longest_job_type);
  } catch (const Problem& problem) {
    fail(at(place, entry.line), "handler", problem.text);
  }
  if (entry.key == built_in)
    fail(at(place, entry.line), "handler.noop",
         "the job type noop is built in: choose another name with type = \"noop\"");
}

std::size_t read_type(const Table& table, const Entry& entry, const std::string& path,
                      const Place& place) {
  const auto found = std::ranges::find_if(table, [](const Entry& e) { return e.key == "type"; });
  if (found == table.end())
    fail(at(place, entry.node.line), path + ".type",
         "is missing: write type = \"command\", \"sql\" or \"noop\"");
  try {
    return read_choice(found->node, handler_types);
  } catch (const Problem& problem) {
    fail(at(place, found->line), path + ".type", problem.text);
  }
}

// Gives the handler its type and returns the keys that go with it.
std::vector<Key> choose_type(Handler& handler, std::size_t type, const Place& place) {
  auto keys = common_keys(handler);
  std::vector<Key> own;
  if (handler_types[type] == "command")
    own = command_keys(handler.how.emplace<CommandHandler>(), place.folder);
  if (handler_types[type] == "sql") own = sql_keys(handler.how.emplace<SqlHandler>());
  std::ranges::move(own, std::back_inserter(keys));
  return keys;
}

void require(const Section& section, const char* key, const char* example, const Entry& entry,
             const Place& place) {
  if (section.was_set(key)) return;
  fail(at(place, entry.node.line), section.path(key),
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

void read_handler(const Entry& entry, const Place& place, const Section& retry, Config& config) {
  check_name(entry, place);
  const auto path = "handler." + key_text(entry.key);
  const Table& table = table_of(entry, place.file, path);
  const auto type = read_type(table, entry, path, place);

  Handler& handler = config.handlers[entry.key];
  handler.name = entry.key;
  handler.line = entry.node.line;
  handler.retry = config.retry;
  Section section(path, choose_type(handler, type, place));
  inherit_origins(retry, section);
  section.read(table, place.file, [&](const std::string& key) {
    const auto other = type_with_key(key);
    if (other.empty()) return "unknown key" + hint(key, section.names());
    return fmt::format("is a key of type {}, this handler has type {}: remove it", quote(other),
                       quote(handler_types[type]));
  });

  if (auto* command = std::get_if<CommandHandler>(&handler.how)) {
    require(section, "argv", "[\"/usr/bin/true\"]", entry, place);
    settle_exit_codes(*command, section);
  } else if (const auto* sql = std::get_if<SqlHandler>(&handler.how)) {
    require(section, "statement", "\"SELECT app.rollup($1::jsonb)\"", entry, place);
    check_role(*sql, section, config.database);
  }
  check_delays(handler.retry, section);
  section.append_settings(config.settings);
}

}  // namespace

void read_handlers(const Table& root, const std::string& folder, const Section& retry,
                   Config& config) {
  const Place place{config.file, folder};
  for (const auto& entry : root) {
    if (entry.key != "handler") continue;
    for (const auto& handler : table_of(entry, config.file, "handler"))
      read_handler(handler, place, retry, config);
  }
  Handler& noop = config.handlers[built_in];
  noop.name = built_in;
  noop.retry = config.retry;
}

}  // namespace schedctl::config
