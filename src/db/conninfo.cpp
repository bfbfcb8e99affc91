#include "db/conninfo.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "db/resolve.h"
#include "util/error.h"
#include "util/text.h"

namespace schedctl::db {
namespace {

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using Options = std::unique_ptr<PQconninfoOption, FreeOptions>;

std::vector<std::string> known_keywords() {
  std::vector<std::string> known;
  const Options defaults(PQconndefaults());
  for (const auto* option = defaults.get(); option && option->keyword; ++option)
    known.emplace_back(option->keyword);
  return known;
}

// What libpq quotes may be a password that stands where it does not belong, but for single
// characters.
std::string without_quotations(const std::string& text) {
  auto open = text.find('"');
  while (open != std::string::npos && text.find('"', open + 1) == open + 2)
    open = text.find('"', open + 3);
  if (open == std::string::npos) return text;
  return text.substr(0, open) + "\"…" + text.substr(text.rfind('"'));
}

// libpq quotes the name it does not know: invalid URI query parameter: "schema".
std::string explain(const std::string& libpq_message) {
  std::string text = libpq_message;
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  const auto open = text.find('"'), close = text.rfind('"');
  const bool is_name = text.starts_with("invalid URI query parameter") ||
                       text.starts_with("invalid connection option");
  if (!is_name || open == std::string::npos || close <= open)
    return without_quotations(text) +
           ": write postgresql://USER@HOST/DATABASE or host=HOST dbname=DATABASE";
  const auto name = text.substr(open + 1, close - open - 1);
  if (name == "schema")
    return "\"schema\" is not a parameter of PostgreSQL: remove it from the URL and set "
           "database.schema";
  const auto near = suggestion(name, known_keywords());
  return fmt::format("\"{}\" is not a parameter of PostgreSQL: {}", escape_control(name),
                     near ? fmt::format("did you mean \"{}\"?", *near) : "remove it");
}

std::string get(const Keywords& keywords, const std::string& name, const char* environment) {
  for (const auto& [key, value] : keywords)
    if (key == name) return value;
  const char* value = environment ? std::getenv(environment) : nullptr;
  return value ? value : "";
}

void set(Keywords& keywords, const std::string& name, const std::string& value) {
  std::erase_if(keywords, [&](const auto& pair) { return pair.first == name; });
  keywords.emplace_back(name, value);
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  for (;;) {
    const auto comma = list.find(',', from);
    parts.push_back(list.substr(from, comma - from));
    if (comma == std::string::npos) return parts;
    from = comma + 1;
  }
}

// A name may begin with "127." as well, so only digits and dots are an address.
bool is_local(const std::string& host) {
  return host.empty() || host[0] == '/' || host[0] == '@' || host == "localhost" || host == "::1" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos);
}

bool is_address(const std::string& host) {
  unsigned char address[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), address) == 1 || host.find(':') != std::string::npos;
}

std::string quote_identifier(const std::string& name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

struct Setting {
  std::string_view name;
  std::string value;
};
using Settings = std::vector<Setting>;

// How soon the server notices that this end is gone. Behind a pooler, that end is the pooler's.
void add_server_keepalives(const config::Database& database, Settings& settings) {
  if (database.pooled) return;
  settings.insert(settings.end(), {{"tcp_keepalives_idle", "5"},
                                   {"tcp_keepalives_interval", "2"},
                                   {"tcp_keepalives_count", "2"},
                                   {"tcp_user_timeout", "9000"}});
}

// A later one of the same name stands.
Settings session_settings(const config::Database& database, Session session) {
  Settings settings{{"client_min_messages", "warning"},
                    {"DateStyle", "ISO"},
                    {"TimeZone", "UTC"},
                    {"IntervalStyle", "postgres"},
                    {"extra_float_digits", "1"},
                    {"standard_conforming_strings", "on"},
                    {"array_nulls", "on"},
                    {"transform_null_equals", "off"},
                    {"quote_all_identifiers", "off"},
                    {"default_transaction_isolation", "read committed"}};
  const auto add = [&](std::string_view name, std::string value) {
    settings.push_back({name, std::move(value)});
  };
  // A statement must not outlive the worker that sent it, nor keep rows from the others.
  if (session == Session::handler || session == Session::claiming || session == Session::recording)
    add("client_connection_check_interval", "500ms");
  if (session == Session::handler) {
    add_server_keepalives(database, settings);
    return settings;
  }
  // A worker that freezes while it holds rows or the lock of guarded claims must not keep the
  // others from them.
  const bool holds = session == Session::claiming || session == Session::recording;
  add("idle_in_transaction_session_timeout", holds ? "4s" : "60s");
  if (session == Session::plain) {
    add("lock_timeout", "60s");
    return settings;
  }
  add("search_path", quote_identifier(database.schema) + ",pg_temp");
  add("statement_timeout", "30s");
  add("lock_timeout", session == Session::heartbeat ? "1s" : "5s");
  add("jit", "off");
  if (session == Session::control) return settings;
  // The statements of the queue have one good plan each. A freshly filled table without statistics
  // must not lead the planner to another one.
  add("enable_seqscan", "off");
  add("enable_mergejoin", "off");
  if (session == Session::recording) {
    add("enable_nestloop", "off");
    add("enable_indexscan", "off");
  } else {
    add("enable_hashjoin", "off");
  }
  if (session == Session::heartbeat) {
    add("synchronous_commit", "off");
    add_server_keepalives(database, settings);
  }
  return settings;
}

// A value inside `options`: blanks and backslashes are escaped, as the server splits at blanks.
std::string start_up_options(const Settings& settings) {
  std::string text;
  for (const auto& [name, value] : settings) {
    text += fmt::format(" -c {}=", name);
    for (const char c : value) {
      if (c == ' ' || c == '\\') text += '\\';
      text += c;
    }
  }
  return text;
}

void add_tls(Keywords& keywords, const std::string& host, const std::string& address) {
  if (is_local(host) && is_local(address)) return;
  if (get(keywords, "sslmode", "PGSSLMODE").empty()) set(keywords, "sslmode", "verify-full");
  if (get(keywords, "sslrootcert", "PGSSLROOTCERT").empty())
    set(keywords, "sslrootcert", "/etc/ssl/certs/ca-certificates.crt");
}

void add_keepalives(Keywords& keywords, Session session) {
  const bool tight = session == Session::heartbeat;
  const std::pair<const char*, const char*> defaults[] = {
      {"keepalives_idle", tight ? "2" : "5"},
      {"keepalives_interval", tight ? "1" : "2"},
      {"keepalives_count", "2"},
      {"tcp_user_timeout", tight ? "5000" : "9000"}};
  for (const auto& [name, value] : defaults)
    if (get(keywords, name, nullptr).empty()) set(keywords, name, value);
}

}  // namespace

Keywords parse_url(const std::string& url, const std::string& origin) {
  char* message = nullptr;
  const Options options(PQconninfoParse(url.c_str(), &message));
  if (!options) {
    const std::string why = explain(message ? message : "out of memory");
    PQfreemem(message);
    throw ConfigError(fmt::format("{}: {}", origin, why));
  }
  Keywords keywords;
  for (const auto* option = options.get(); option->keyword; ++option)
    if (option->val) keywords.emplace_back(option->keyword, option->val);
  for (const auto& port : split(get(keywords, "port", nullptr)))
    if (port.find_first_not_of("0123456789") != std::string::npos)  // or part of a password
      throw ConfigError(origin +
                        ": the port is no number: write HOST:PORT, and / and @ of a password as "
                        "%2F and %40");
  return keywords;
}

std::vector<Keywords> attempts(const config::Database& database, Session session) {
  const Keywords user = parse_url(database.url, database.origin);
  const auto hosts = split(get(user, "host", "PGHOST"));
  const auto addresses = split(get(user, "hostaddr", "PGHOSTADDR"));
  const auto ports = split(get(user, "port", "PGPORT"));
  const auto count = std::max(hosts.size(), addresses.size());

  std::vector<Keywords> all;
  for (std::size_t i = 0; i < count; ++i) {
    const auto pick = [i](const std::vector<std::string>& list) {
      return list.size() == 1 ? list[0] : i < list.size() ? list[i] : std::string();
    };
    Keywords one = user;
    if (count > 1) {
      set(one, "host", pick(hosts));
      set(one, "hostaddr", addresses.size() > 1 || !addresses[0].empty() ? pick(addresses) : "");
      set(one, "port", pick(ports));
      if (get(user, "target_session_attrs", "PGTARGETSESSIONATTRS").empty())
        set(one, "target_session_attrs", "read-write");
    }
    add_tls(one, pick(hosts), pick(addresses));
    add_keepalives(one, session);
    if (get(user, "application_name", "PGAPPNAME").empty())
      set(one, "application_name", "schedctl");
    set(one, "client_encoding", "UTF8");
    // Poolers take none as a rule: those that the user gives all the same are between the two.
    if (!database.pooled)
      set(one, "options",
          get(user, "options", "PGOPTIONS") +
              start_up_options(session_settings(database, session)));
    all.push_back(std::move(one));
  }
  return all;
}

std::string local_settings(const config::Database& database, Session session) {
  std::string text;
  for (const auto& [name, value] : session_settings(database, session))
    if (name == "search_path")  // a list of identifiers
      text += fmt::format("set local {}={};", name, value);
    else if (name != "default_transaction_isolation")  // too late for this one
      text += fmt::format("set local {}='{}';", name, value);
  return text;
}

std::vector<Keywords> located(const Keywords& host, std::chrono::steady_clock::time_point until,
                              std::string& fault) {
  const auto name = get(host, "host", "PGHOST");
  const bool given = !get(host, "hostaddr", "PGHOSTADDR").empty();
  if (given || name.empty() || name[0] == '/' || name[0] == '@' || is_address(name)) return {host};
  const auto addresses = resolve(name, until);
  fault = addresses.fault;
  std::vector<Keywords> all;
  for (const auto& address : addresses.found) {
    all.push_back(host);
    set(all.back(), "host", name);  // for the certificate and the password file
    set(all.back(), "hostaddr", address);
  }
  return all;
}

// Ours is always verify-full, which needs no choice.
bool has_chosen_tls(const Keywords& host) { return !get(host, "sslmode", "PGSSLMODE").empty(); }

std::vector<std::string> weak_tls(const config::Database& database) {
  std::vector<std::string> lines;
  for (const auto& host : attempts(database, Session::control)) {
    const auto mode = get(host, "sslmode", "PGSSLMODE");
    if (is_local(get(host, "host", "PGHOST")) && is_local(get(host, "hostaddr", "PGHOSTADDR")))
      continue;
    if (mode == "verify-full") continue;
    lines.push_back(fmt::format(
        "{}: sslmode={} does not prove that it is the server that is meant, and lets {}",
        escape_control(place(host)), escape_control(mode),
        mode == "disable" || mode == "allow" || mode == "prefer" ? "anybody on the way read all"
                                                                 : "an impostor read all"));
  }
  return lines;
}

std::string place(const Keywords& keywords) {
  auto host = get(keywords, "host", "PGHOST");
  if (host.empty()) host = get(keywords, "hostaddr", "PGHOSTADDR");
  if (host.empty()) host = "the local socket";
  const auto port = get(keywords, "port", "PGPORT");
  return port.empty() || host[0] == '/' ? host : fmt::format("{}:{}", host, port);
}

}  // namespace schedctl::db
