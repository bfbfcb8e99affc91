#include "db/connection.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <system_error>
#include <thread>

#include "db/clear_password.h"
#include "db/connection_impl.h"
#include "db/conninfo.h"
#include "db/errors.h"
#include "db/greeting.h"
#include "db/pooler.h"
#include "util/error.h"
#include "util/text.h"

namespace schedctl::db {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

struct Connected {
  PGconn* raw = nullptr;
  Greeting greeting;
};

struct Failure {
  std::string place;
  std::string sqlstate;
  std::string message;  // one line
  bool no_address = false;
  bool overtaken = false;   // the server is an old primary
  bool indiscreet = false;  // it wants the password in clear text
};

// With PQERRORS_VERBOSE the server's message reads "FATAL:  28P01: password authentication failed
// ...", its first word in the server's language. npos: there is none.
std::size_t find_sqlstate(const std::string& text) {
  const auto is_code = [](char c) { return std::isdigit(c) || (c >= 'A' && c <= 'Z'); };
  for (auto at = text.find(":  "); at != std::string::npos; at = text.find(":  ", at + 1)) {
    const auto code = text.substr(at + 3, 5);
    if (code.size() == 5 && std::all_of(code.begin(), code.end(), is_code) &&
        text.compare(at + 8, 2, ": ") == 0)
      return at + 3;
  }
  return std::string::npos;
}

Failure failure_of(PGconn* connection, const Keywords& keywords, bool timed_out) {
  Failure failure{place(keywords), "", timed_out ? "no answer in time" : ""};
  const std::string text = PQerrorMessage(connection);
  if (const auto at = find_sqlstate(text); at != std::string::npos) {
    failure.sqlstate = text.substr(at, 5);
    failure.message = first_line(text.substr(at + 7));
    if (failure.sqlstate == protocol_violation)
      failure.sqlstate = sqlstate_of_refusal(failure.message);
  } else if (!timed_out) {
    // "connection to server at ... failed: Connection refused\n\tIs the server running ...?"
    const auto line = text.substr(0, text.find('\n'));
    const auto why = line.rfind("failed: ");
    failure.message = first_line(why == std::string::npos ? line : line.substr(why + 8));
    if (PQconnectionNeedsPassword(connection)) failure.sqlstate = "28P01";
  }
  return failure;
}

bool wait_for_socket(PGconn* connection, PostgresPollingStatusType want, Clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  if (left <= 0) return false;
  pollfd fd{PQsocket(connection),
            static_cast<short>(want == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
  return poll(&fd, 1, static_cast<int>(left)) != 0;
}

// libpq itself would print them to stderr, which cron mails.
void discard_notice(void*, const char*) {}

PGconn* log_in(const Keywords& keywords, Clock::time_point until, Failure& failure) {
  std::vector<const char*> names, values;
  for (const auto& [name, value] : keywords) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  PGconn* connection = PQconnectStartParams(names.data(), values.data(), 0);
  if (!connection) throw std::bad_alloc();
  PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);
  PQsetNoticeProcessor(connection, discard_notice, nullptr);

  bool timed_out = false, indiscreet = false;
  const bool careful = !has_chosen_tls(keywords);
  auto status =
      PQstatus(connection) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (!timed_out && !indiscreet && status != PGRES_POLLING_OK &&
         status != PGRES_POLLING_FAILED) {
    timed_out = !wait_for_socket(connection, status, until);
    if (timed_out) break;
    const auto request = careful ? peek(connection) : Request::harmless;
    indiscreet = request == Request::clear_password;
    if (request == Request::harmless)
      status = PQconnectPoll(connection);
    else
      std::this_thread::sleep_for(1ms);
  }
  if (status == PGRES_POLLING_OK) {
    PQsetErrorVerbosity(connection, PQERRORS_DEFAULT);
    return connection;
  }
  failure = failure_of(connection, keywords, timed_out);
  if (indiscreet) {
    failure = {place(keywords), "", "the server asks for the password in clear text, without TLS"};
    failure.indiscreet = true;
  }
  PQfinish(connection);
  return nullptr;
}

// Another server has been promoted, and this host has written there.
bool is_overtaken(const config::ServerIdentity& server, const config::Database& database) {
  const auto& last = database.last_written;
  return last && server.timeline != 0 && server.timeline < last->timeline &&
         server.system_identifier == last->system_identifier;
}

std::optional<Connected> try_connect(const Keywords& keywords, const config::Database& database,
                                     const std::string& settings, Clock::time_point until,
                                     Failure& failure) {
  auto* raw = log_in(keywords, until, failure);
  if (!raw) return std::nullopt;
  std::string fault;
  if (auto greeting = greet(raw, settings, until, fault)) {
    if (!is_overtaken(greeting->server, database)) return Connected{raw, *greeting};
    fault =
        fmt::format("it is an old primary: timeline {}, and this host has written to timeline {}",
                    greeting->server.timeline, database.last_written->timeline);
    failure = {place(keywords), "", fault, false, true};
  } else {
    failure = {place(keywords), "", fault};
  }
  PQfinish(raw);
  return std::nullopt;
}

// A share of the time for each of its addresses.
std::optional<Connected> try_host(const Keywords& host, const config::Database& database,
                                  const std::string& settings, Clock::time_point until,
                                  Failure& failure) {
  std::string fault;
  const auto ways = located(host, until, fault);
  if (ways.empty()) failure = {place(host), "", fault, true};
  for (std::size_t i = 0; i < ways.size(); ++i) {
    const auto share = (until - Clock::now()) / static_cast<long>(ways.size() - i);
    if (auto connected = try_connect(ways[i], database, settings, Clock::now() + share, failure))
      return connected;
  }
  return std::nullopt;
}

// No sense in trying again: the server was reached and said no.
bool is_final(const Failure& failure) {
  const auto& state = failure.sqlstate;
  if (failure.overtaken || failure.indiscreet) return true;
  if (state.empty()) {
    const auto says = [&](const char* text) {
      return failure.message.find(text) != std::string::npos;
    };
    return says("certificate verify failed") || says("does not support SSL") ||
           says("does not match host name") || says("Permission denied");
  }
  return exit_code_for(state) != ExitCode::temporary || state == protocol_violation;
}

bool is_down(const Failure& failure) {
  return failure.sqlstate.starts_with("57P0") ||
         failure.message.find("Connection refused") != std::string::npos ||
         failure.message.find("No such file or directory") != std::string::npos;
}

constexpr auto declare_the_pooler =
    "this looks like a connection pooler: set database.pooled = true, or connect to PostgreSQL "
    "itself";
constexpr auto take_options_away =
    "take \"options\" out of the URL, and PGOPTIONS and PGGEQO out of the environment";

[[noreturn]] void give_up(const Failure& failure, const config::Database& database) {
  const auto& state = failure.sqlstate;
  const auto say = [&](ExitCode code, const std::string& what) {
    throw DatabaseError(code,
                        fmt::format("database at {} ({}): {}", escape_control(failure.place),
                                    database.origin, what),
                        state, code == ExitCode::temporary, is_down(failure));
  };
  if (failure.indiscreet)
    say(ExitCode::permission,
        failure.message +
            ": let it use scram-sha-256 (pg_hba.conf), or write an sslmode that allows this into "
            "the URL, e.g. sslmode=disable");
  if (failure.overtaken)
    say(ExitCode::config, fmt::format("{}: connect to the new primary, or remove {} if this server "
                                      "is to go on",
                                      failure.message, escape_control(database.memory_file)));
  if (state == protocol_violation)
    say(ExitCode::config,
        failure.message + ": " + (database.pooled ? take_options_away : declare_the_pooler));
  if (state == "3D000")
    say(ExitCode::config, failure.message + ": create it, or correct database.url");
  if (state.starts_with("28"))
    say(ExitCode::permission, failure.message + ": check user, password and pg_hba.conf");
  if (!state.empty()) say(exit_code_for(state), failure.message);
  if (failure.message.find("Permission denied") != std::string::npos)
    say(ExitCode::permission,
        failure.message + ": this user may not get to the socket of the server");
  if (is_final(failure))
    say(ExitCode::permission, failure.message +
                                  ": give the server a certificate that is trusted here "
                                  "(sslrootcert), or choose a weaker sslmode");
  if (failure.message.find("session is read-only") != std::string::npos)
    say(ExitCode::temporary, "read-only: no host of the list is a primary");
  if (failure.no_address) say(ExitCode::temporary, "its name has no address: " + failure.message);
  say(ExitCode::temporary, failure.message + ": is the server running?");
  std::abort();
}

// Few hosts need no more than this each, unless somebody has asked for more time.
Duration limit_of(Duration connect_timeout, std::size_t hosts) {
  if (connect_timeout > config::Database().connect_timeout) return connect_timeout;
  return std::min<Duration>(connect_timeout, 3s * hosts);
}

Connected connect(const config::Database& database, Session session) {
  const auto hosts = attempts(database, session);
  const auto settings = database.pooled ? local_settings(database, session) : std::string();
  const auto until = Clock::now() + limit_of(database.connect_timeout, hosts.size());
  auto pause = std::chrono::milliseconds(50);
  for (;;) {
    Failure failure;
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      const auto slice = (until - Clock::now()) / static_cast<long>(hosts.size() - i);
      if (auto connected = try_host(hosts[i], database, settings, Clock::now() + slice, failure))
        return *connected;
      if (is_final(failure) && hosts.size() == 1) give_up(failure, database);
    }
    if (Clock::now() + pause >= until) give_up(failure, database);
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(800));
  }
}

void require_configured(const config::Database& database) {
  if (database.url.empty() && database.origin.empty())
    throw ConfigError(
        "no database configured: set database.url or SCHEDCTL_DATABASE_URL, or run \"schedctl db "
        "start\" for a "
        "private local one");
}

}  // namespace

ConnectOnce::handle ConnectOnce::do_startconnect(handle current) {
  if (current) return current;
  auto* connected = std::exchange(connected_, nullptr);
  if (!connected) throw pqxx::broken_connection("the connection was lost");
  return connected;
}

namespace {

// Longer than the server's own limits of these sessions, for when the server cannot keep them: a
// machine that stands still answers nothing, and its network goes on.
std::chrono::milliseconds longest_answer(Session session) {
  switch (session) {
    case Session::heartbeat:
      return 5500ms;
    case Session::handler:  // whose handler has a limit of its own
    case Session::plain:
      return 0ms;
    default:
      return 35s;
  }
}

}  // namespace

Connection::Impl::Impl(PGconn* connected, config::Database settings, Session session)
    : PolicyHolder{ConnectOnce(connected)},
      connection_base(policy),
      raw(connected),
      canceller(std::make_shared<Canceller>(connected)),
      database(std::move(settings)),
      local_settings(database.pooled ? db::local_settings(database, session) : std::string()),
      limit(longest_answer(session)),
      timer(PQsocket(connected)) {
  init();
}

Connection::Impl::~Impl() { close(); }

// Behind a pooler, the session has whatever search_path and limits somebody has left there.
Connection::Connection(const config::Database& database, Session session) {
  require_configured(database);
  const auto [raw, greeting] = connect(database, session);
  try {
    impl_ = std::make_unique<Impl>(raw, database, session);
  } catch (const std::runtime_error& e) {  // libpqxx knows a server's least version
    throw ConfigError(fmt::format("{}: {}", database.origin, first_line(e.what())));
  }
  impl_->in_recovery = greeting.in_recovery;
  impl_->read_only = greeting.read_only;
  impl_->server = greeting.server;
  if (!database.pooled && greeting.backend_pid != PQbackendPID(raw))
    throw ConfigError(fmt::format("{}: the server says that its process is another: {}",
                                  database.origin, declare_the_pooler));
}

Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

bool Connection::is_open() const { return PQstatus(impl_->raw) == CONNECTION_OK; }
bool Connection::in_transaction() const {
  return PQtransactionStatus(impl_->raw) == PQTRANS_INTRANS;
}
int Connection::socket() const { return PQsocket(impl_->raw); }
int Connection::backend_pid() const { return PQbackendPID(impl_->raw); }
std::optional<std::string> Connection::local_address() const {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  char text[INET6_ADDRSTRLEN] = "";
  if (getsockname(socket(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return std::nullopt;
  if (address.ss_family == AF_INET)
    inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in&>(address).sin_addr, text, sizeof text);
  else if (address.ss_family == AF_INET6)
    inet_ntop(AF_INET6, &reinterpret_cast<sockaddr_in6&>(address).sin6_addr, text, sizeof text);
  else
    return std::nullopt;
  return text;
}

bool Connection::in_recovery() const { return impl_->in_recovery; }
bool Connection::read_only() const { return impl_->read_only; }
const config::ServerIdentity& Connection::server() const { return impl_->server; }
const config::Database& Connection::database() const { return impl_->database; }

void Connection::on_notice(std::function<void(std::string_view)> heard) {
  impl_->on_notice = std::move(heard);
  const auto hand_on = [](void* impl, const char* text) {
    const std::string_view all(text);
    static_cast<Impl*>(impl)->on_notice(all.substr(0, all.find('\n')));
  };
  PQsetNoticeProcessor(impl_->raw, hand_on, impl_.get());
}

void Connection::cancel() noexcept {
  const auto canceller = impl_->canceller;
  if (canceller->busy.exchange(true)) return;
  try {
    std::thread([canceller] {
      char message[256];
      PQcancel(canceller->request, message, sizeof message);
      canceller->busy = false;
    }).detach();
  } catch (const std::system_error&) {
    sever();
  }
}

void Connection::sever() noexcept {
  if (const int fd = PQsocket(impl_->raw); fd >= 0) shutdown(fd, SHUT_RDWR);
}

// Not by libpqxx, which hands them on one by one to objects that it calls back.
int Connection::take_notifications() {
  if (PQconsumeInput(impl_->raw) == 0)
    throw DatabaseError(ExitCode::temporary, "database: " + first_line(PQerrorMessage(impl_->raw)),
                        "", true);
  int count = 0;
  while (PGnotify* one = PQnotifies(impl_->raw)) {
    PQfreemem(one);
    ++count;
  }
  return count;
}

void check_url(const std::string& url, const std::string& origin) { parse_url(url, origin); }

}  // namespace schedctl::db
